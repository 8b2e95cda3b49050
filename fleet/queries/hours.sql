SELECT intDiv(at, 3600000) * 3600000 AS hour, count() AS n
FROM (SELECT min(at) AS at FROM fleet_record
    WHERE fleet = {fleet:String} AND kind = 'incident' AND fingerprint = {fingerprint:String}
    GROUP BY worker, incident, n)
GROUP BY hour ORDER BY hour
