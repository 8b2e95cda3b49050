-- How often in each hour, by cause, over the last hours in which anything failed.
WITH
    hours AS (
        SELECT fingerprint, intDiv(at, 3600000) AS hour, count() AS n FROM fleet_telling FINAL
        WHERE fleet = {fleet:String} GROUP BY fingerprint, hour
    ),
    names AS (
        SELECT fingerprint, argMinMerge(words) AS first FROM fleet_failure
        WHERE fleet = {fleet:String} GROUP BY fingerprint
    )
SELECT if(first.1 != '', first.1, if(first.2 != '', first.2, fingerprint)) AS cause,
    h.hour * 3600000 AS hour, sum(h.n) AS n
FROM hours AS h INNER JOIN names USING (fingerprint)
WHERE h.hour > (SELECT max(hour) FROM hours) - {limit:UInt64}
GROUP BY hour, cause ORDER BY hour, cause
