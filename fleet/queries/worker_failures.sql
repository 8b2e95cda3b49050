-- What one worker has had. The exemplar is of the failure, whoever told it first.
WITH told AS (
    SELECT fingerprint, incident, min(at) AS since, max(at) AS till, max(n) AS most FROM fleet_record
    WHERE fleet = {fleet:String} AND kind = 'incident' AND worker = {worker:String} GROUP BY fingerprint, incident
),
said AS (
    SELECT fingerprint, argMin((r.cause, r.title), at) AS words,
        argMinIf(r.exemplar, (at, r.worker), r.exemplar != '{}') AS shown
    FROM fleet_record AS r
    WHERE fleet = {fleet:String} AND kind = 'incident' AND fingerprint IN (SELECT fingerprint FROM told)
    GROUP BY fingerprint
)
SELECT fingerprint, nullIf(words.1, '') AS cause, nullIf(words.2, '') AS title, nullIf(shown, '') AS exemplar,
    first, last, incidents
FROM (
    SELECT fingerprint, min(since) AS first, max(till) AS last, sum(most) AS incidents FROM told GROUP BY fingerprint
) AS hit INNER JOIN said USING (fingerprint)
ORDER BY last DESC, fingerprint LIMIT {limit:UInt64}
