-- Who has a failure, those of late first.
WITH told AS (
    SELECT worker, incident, n, min(at) AS at FROM fleet_record
    WHERE fleet = {fleet:String} AND kind = 'incident' AND fingerprint = {fingerprint:String}
    GROUP BY worker, incident, n
),
hosts AS (
    SELECT worker, argMinIf(r.host, at, r.host != '') AS named FROM fleet_record AS r
    WHERE fleet = {fleet:String} GROUP BY worker
)
SELECT worker, nullIf(named, '') AS host, first, last, incidents
FROM (
    SELECT worker, min(since) AS first, max(till) AS last, sum(most) AS incidents
    FROM (
        SELECT worker, incident, min(at) AS since, max(at) AS till, max(n) AS most FROM told GROUP BY worker, incident)
    GROUP BY worker
) AS hit INNER JOIN hosts USING (worker)
ORDER BY last DESC, worker LIMIT {limit:UInt64}
