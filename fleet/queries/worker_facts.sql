SELECT DISTINCT key, value FROM fleet_fact
WHERE fleet = {fleet:String} AND set IN (
    SELECT set FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String})
    WHERE worker = {worker:String} AND set != 0)
ORDER BY key, value
