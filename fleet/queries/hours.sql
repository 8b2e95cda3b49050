SELECT intDiv(at, 3600000) * 3600000 AS hour, count() AS n FROM fleet_telling FINAL
WHERE fleet = {fleet:String} AND fingerprint = {fingerprint:String}
GROUP BY hour ORDER BY hour
