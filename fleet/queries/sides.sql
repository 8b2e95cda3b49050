-- The workers of both sides, with and without facts.
SELECT hit AS failing, set != 0 AS with_facts, count() AS n
FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String})
GROUP BY failing, with_facts
