-- What one worker has had. The exemplar is of the failure, whoever told it first.
WITH
    hit AS (
        SELECT fingerprint, min(since) AS first, max(till) AS last, sum(most) AS incidents
        FROM (
            SELECT fingerprint, min(at) AS since, max(at) AS till, max(n) AS most FROM fleet_telling FINAL
            WHERE fleet = {fleet:String} AND id = cityHash64({fleet:String}, {worker:String})
            GROUP BY fingerprint, incident
        )
        GROUP BY fingerprint
    ),
    said AS (
        SELECT fingerprint, argMinMerge(f.words) AS words, argMinIfMerge(f.shown).1 AS shown FROM fleet_failure AS f
        WHERE fleet = {fleet:String} AND fingerprint IN (SELECT fingerprint FROM hit) GROUP BY fingerprint
    )
SELECT fingerprint, nullIf(words.1, '') AS cause, nullIf(words.2, '') AS title, nullIf(shown, '') AS exemplar,
    first, last, incidents
FROM hit INNER JOIN said USING (fingerprint)
ORDER BY last DESC, fingerprint LIMIT {limit:UInt64}
