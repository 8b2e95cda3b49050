-- What each worker's facts say of up to 64 predicates: bits of those that are known, and of those that hold.
SELECT toString(cityHash64({fleet:String}, worker)) AS id, hit AS failing, toString(said.has) AS has,
    toString(said.known) AS known
FROM (
    SELECT worker, hit, set FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String})
    WHERE set != 0
) AS side
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
