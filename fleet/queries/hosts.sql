SELECT named AS host, countIf(hit) AS failing, count() AS workers
FROM (
    SELECT worker, argMinIf(r.host, at, r.host != '') AS named,
        countIf(kind = 'incident' AND fingerprint = {fingerprint:String}) > 0 AS hit
    FROM fleet_record AS r WHERE fleet = {fleet:String} GROUP BY worker HAVING named != ''
)
GROUP BY named HAVING failing > 0 ORDER BY failing DESC, workers, host LIMIT {limit:UInt64}
