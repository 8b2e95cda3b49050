SELECT key, values, values AS dropped, count() OVER () AS keys FROM fleet_wide(fleet = {fleet:String})
ORDER BY key LIMIT {limit:UInt64}
