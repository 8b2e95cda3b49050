-- How many workers of each side have a fact: counted by chunk, whose facts are then few.
WITH
    chosen AS (
        SELECT set, hit FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String}) WHERE set != 0
    ),
    counted AS (
        SELECT arrayJoin(chunks) AS chunk, countIf(hit) AS failing, countIf(NOT hit) AS others
        FROM (SELECT set, chunks FROM fleet_set FINAL WHERE fleet = {fleet:String}) AS each
        INNER JOIN chosen USING (set)
        GROUP BY chunk
    )
SELECT key, value, sum(c.failing) AS failing, sum(c.others) AS others
FROM fleet_chunk AS f FINAL INNER JOIN counted AS c USING (chunk)
WHERE fleet = {fleet:String} AND key NOT IN (SELECT key FROM fleet_wide(fleet = {fleet:String}))
GROUP BY key, value
