-- What each worker's facts say of up to 64 predicates: bits of those that are known, and of those that hold.
WITH
    hits AS (
        SELECT worker, argMaxIf(hash, (at, n), hash != '') AS own FROM fleet_record
        WHERE fleet = {fleet:String} AND kind = 'incident' AND fingerprint = {fingerprint:String} GROUP BY worker
    ),
    workers AS (
        SELECT worker, argMaxIf(hash, (at, kind), hash != '') AS new FROM fleet_record
        WHERE fleet = {fleet:String} GROUP BY worker
    ),
    known AS (SELECT DISTINCT set FROM fleet_fact WHERE fleet = {fleet:String}),
    both AS (
        SELECT workers.worker AS worker, hits.worker != '' AS hit,
            cityHash64({fleet:String}, workers.worker, hits.own) AS own_set,
            cityHash64({fleet:String}, workers.worker, workers.new) AS new_set
        FROM workers LEFT JOIN hits ON workers.worker = hits.worker
    ),
    chosen AS (
        SELECT worker, hit, if(hit AND own_set IN (SELECT set FROM known), own_set,
            if(new_set IN (SELECT set FROM known), new_set, 0)) AS set
        FROM both
    )
SELECT toString(cityHash64({fleet:String}, worker)) AS id, hit AS failing, toString(said.has) AS has,
    toString(said.known) AS known
FROM (SELECT worker, hit, set FROM chosen WHERE set != 0) AS side
LEFT JOIN (
    SELECT set, groupBitOr(bits.has) AS has, groupBitOr(bits.known) AS known
    FROM fleet_fact
    INNER JOIN (
        SELECT row.1 AS key, row.2 AS value, row.3 AS has, row.4 AS known
        FROM (SELECT arrayJoin(arrayZip({keys:Array(String)}, {values:Array(String)}, {has:Array(UInt64)},
            {known:Array(UInt64)})) AS row)
    ) AS bits USING (key, value)
    WHERE fleet = {fleet:String}
    GROUP BY set
) AS said USING (set)
ORDER BY worker
