-- When workers first had facts of which a predicate holds, and when they failed.
WITH
    sets AS (
        SELECT worker, cityHash64(fleet, worker, hash) AS set, min(at) AS had FROM fleet_record
        WHERE fleet = {fleet:String} AND hash != '' GROUP BY fleet, worker, hash
    ),
    holds AS (
        SELECT set, groupBitOr(if(has({keys:Array(String)}, key) AND
            indexOf(arrayZip({keys:Array(String)}, {values:Array(String)}), (toString(key), value)) > 0, 1, 0)) AS hold
        FROM fleet_fact WHERE fleet = {fleet:String} GROUP BY set HAVING hold != {inverted:UInt8}
    ),
    hits AS (
        SELECT worker, min(at) AS failed FROM fleet_record
        WHERE fleet = {fleet:String} AND kind = 'incident' AND fingerprint = {fingerprint:String} GROUP BY worker
    )
SELECT toString(cityHash64({fleet:String}, each.worker)) AS worker, each.had AS had,
    if(hits.worker = '', NULL, hits.failed) AS failed
FROM (SELECT worker, min(had) AS had FROM sets WHERE set IN (SELECT set FROM holds) GROUP BY worker) AS each
LEFT JOIN hits ON hits.worker = each.worker
ORDER BY each.worker
