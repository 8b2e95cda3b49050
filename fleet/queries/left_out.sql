SELECT key, values, values AS dropped FROM fleet_wide(fleet = {fleet:String}) ORDER BY key
