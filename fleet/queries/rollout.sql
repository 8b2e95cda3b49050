-- When workers first had facts of which a predicate holds, and when they failed; `term` is its bit.
WITH
    carriers AS (
        SELECT term, id, min(first) AS had
        FROM (
            SELECT set, id, arrayJoin(bitPositionsToArray(said.has)) AS term
            FROM fleet_bits(fleet = {fleet:String}, names = {names:Array(String)}, known = {known:Array(UInt64)},
                keys = {keys:Array(String)}, values = {values:Array(String)}, has = {has:Array(UInt64)},
                always = {always:UInt64}, inverted = {inverted:UInt64}) AS said
        ) AS each
        INNER JOIN (
            SELECT set, min(h.first) AS first FROM fleet_had AS h WHERE fleet = {fleet:String} GROUP BY set
        ) AS spoken USING (set)
        GROUP BY term, id
    ),
    hits AS (
        SELECT id, min(at) AS failed FROM fleet_telling
        WHERE fleet = {fleet:String} AND fingerprint = {fingerprint:String} GROUP BY id
    )
SELECT term, count() AS workers, min(had) AS first, quantileExact(had) AS half,
    if(failed_before + failed_after = 0, NULL, minIf(failed, hits.id != 0)) AS onset,
    countIf(hits.id != 0 AND failed < had) AS failed_before, countIf(hits.id != 0 AND failed >= had) AS failed_after,
    if(failed_after = 0, NULL, quantileExactIf(failed - had, hits.id != 0 AND failed >= had)) AS delay
FROM carriers LEFT JOIN hits USING (id)
GROUP BY term ORDER BY term
