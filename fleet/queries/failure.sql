SELECT fingerprint, nullIf(first.1, '') AS cause, nullIf(first.2, '') AS title, nullIf(shown.1, '') AS exemplar,
    nullIf(shown.2, '') AS worker
FROM (
    SELECT fingerprint, argMin((r.cause, r.title), at) AS first,
        argMinIf((r.exemplar, r.worker), (at, r.worker), r.exemplar != '{}') AS shown
    FROM fleet_record AS r
    WHERE fleet = {fleet:String} AND kind = 'incident' AND startsWith(fingerprint, {fingerprint:String})
    GROUP BY fingerprint
)
ORDER BY fingerprint LIMIT 3
