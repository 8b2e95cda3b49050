-- How many workers of each side have a fact.
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
SELECT key, value, countIf(hit) AS failing, countIf(NOT hit) AS others
FROM (SELECT DISTINCT key, value, set FROM fleet_fact WHERE fleet = {fleet:String}) AS fact
INNER JOIN (SELECT set, hit FROM chosen WHERE set != 0) AS side USING (set)
GROUP BY key, value
