SELECT key, value FROM fleet_chunk FINAL
WHERE fleet = {fleet:String} AND chunk IN (
    SELECT arrayJoin(chunks) FROM fleet_set WHERE fleet = {fleet:String} AND set IN (
        SELECT set FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String})
        WHERE worker = {worker:String}))
ORDER BY key, value
