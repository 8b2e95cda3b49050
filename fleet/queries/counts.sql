-- How many workers of each side have a fact.
SELECT key, value, countIf(hit) AS failing, countIf(NOT hit) AS others
FROM (SELECT DISTINCT key, value, set FROM fleet_fact WHERE fleet = {fleet:String}) AS fact
INNER JOIN (
    SELECT set, hit FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String})
    WHERE set != 0
) AS side USING (set)
GROUP BY key, value
