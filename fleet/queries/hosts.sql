SELECT named AS host, countIf(hit) AS failing, count() AS workers
FROM (
    SELECT argMinIfMerge(host) AS named, any(w.id) IN (SELECT id FROM fleet_telling
        WHERE fleet = {fleet:String} AND fingerprint = {fingerprint:String}) AS hit
    FROM fleet_worker AS w WHERE fleet = {fleet:String} GROUP BY worker HAVING named != ''
)
GROUP BY named HAVING failing > 0 ORDER BY failing DESC, workers, host LIMIT {limit:UInt64}
