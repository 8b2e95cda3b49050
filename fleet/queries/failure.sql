SELECT fingerprint, nullIf(first.1, '') AS cause, nullIf(first.2, '') AS title, nullIf(exemplars.1, '') AS exemplar,
    nullIf(exemplars.2, '') AS worker
FROM (
    SELECT fingerprint, argMinMerge(words) AS first, argMinIfMerge(shown) AS exemplars FROM fleet_failure
    WHERE fleet = {fleet:String} AND startsWith(fingerprint, {fingerprint:String}) GROUP BY fingerprint
)
ORDER BY fingerprint LIMIT 3
