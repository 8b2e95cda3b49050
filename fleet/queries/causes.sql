-- How often in each hour, by cause, over the last hours in which anything failed.
WITH told AS (
    SELECT fingerprint, worker, incident, n, min(at) AS at FROM fleet_record
    WHERE fleet = {fleet:String} AND kind = 'incident' GROUP BY fingerprint, worker, incident, n
),
names AS (
    SELECT fingerprint, argMin((r.cause, r.title), at) AS first FROM fleet_record AS r
    WHERE fleet = {fleet:String} AND kind = 'incident' GROUP BY fingerprint
)
SELECT if(first.1 != '', first.1, if(first.2 != '', first.2, fingerprint)) AS cause,
    intDiv(at, 3600000) * 3600000 AS hour, count() AS n
FROM told INNER JOIN names USING (fingerprint)
WHERE intDiv(at, 3600000) > (SELECT intDiv(max(at), 3600000) FROM told) - {limit:UInt64}
GROUP BY hour, cause ORDER BY hour, cause
