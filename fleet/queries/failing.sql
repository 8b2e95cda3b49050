-- Who has a failure, those of late first.
WITH
    hit AS (
        SELECT id, min(since) AS first, max(till) AS last, sum(most) AS incidents
        FROM (
            SELECT id, min(at) AS since, max(at) AS till, max(n) AS most FROM fleet_telling FINAL
            WHERE fleet = {fleet:String} AND fingerprint = {fingerprint:String} GROUP BY id, incident
        )
        GROUP BY id ORDER BY last DESC LIMIT {limit:UInt64} WITH TIES
    )
SELECT worker, nullIf(named, '') AS host, hit.first AS first, hit.last AS last, hit.incidents AS incidents
FROM (
    SELECT worker, any(w.id) AS id, argMinIfMerge(host) AS named FROM fleet_worker AS w
    WHERE fleet = {fleet:String} AND w.id IN (SELECT id FROM hit) GROUP BY worker
) AS each INNER JOIN hit USING (id)
ORDER BY last DESC, worker LIMIT {limit:UInt64}
