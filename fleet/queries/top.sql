-- Failures by workers hit. A worker's loss is from an incident to its next good start, a day at most; to the newest
-- that is known of the worker where there was none. A fingerprint asks of that one alone, and of the workers it hit.
WITH
    hit AS (
        SELECT id FROM fleet_telling
        WHERE fleet = {fleet:String} AND {fingerprint:String} != '' AND fingerprint = {fingerprint:String}
    ),
    after AS (
        SELECT id, at FROM fleet_start
        WHERE fleet = {fleet:String} AND ({fingerprint:String} = '' OR id IN (SELECT id FROM hit))
        UNION ALL
        SELECT id, max(last) AS at FROM fleet_worker
        WHERE fleet = {fleet:String} AND ({fingerprint:String} = '' OR fleet_worker.id IN (SELECT id FROM hit))
        GROUP BY id
    ),
    told AS (
        SELECT fingerprint, id, incident, n, at FROM fleet_telling FINAL
        WHERE fleet = {fleet:String} AND ({fingerprint:String} = '' OR fingerprint = {fingerprint:String})
    ),
    lost AS (
        SELECT t.fingerprint AS fingerprint, sum(least(86400000, after.at - t.at)) AS lost_ms
        FROM told AS t
        ASOF INNER JOIN after ON t.id = after.id AND t.at <= after.at
        GROUP BY fingerprint
    ),
    each AS (
        SELECT fingerprint, id, max(n) AS most, min(at) AS since, max(at) AS till,
            countIf(intDiv(at, 3600000) > intDiv({now:Int64}, 3600000) - 24
                AND intDiv(at, 3600000) <= intDiv({now:Int64}, 3600000)) AS late,
            countIf(intDiv(at, 3600000) > intDiv({now:Int64}, 3600000) - 48
                AND intDiv(at, 3600000) <= intDiv({now:Int64}, 3600000) - 24) AS earlier
        FROM told GROUP BY fingerprint, id, incident
    ),
    counted AS (
        SELECT fingerprint, uniqExact(id) AS workers, sum(most) AS incidents, min(since) AS first, max(till) AS last,
            sum(late) AS recent, sum(earlier) AS before
        FROM each GROUP BY fingerprint
    ),
    names AS (
        SELECT fingerprint, argMinMerge(f.words) AS words FROM fleet_failure AS f
        WHERE fleet = {fleet:String} AND ({fingerprint:String} = '' OR fingerprint = {fingerprint:String})
        GROUP BY fingerprint
    )
SELECT fingerprint, nullIf(names.words.1, '') AS cause, nullIf(names.words.2, '') AS title, workers, incidents, first,
    last, recent, before, lost_ms
FROM counted INNER JOIN lost USING (fingerprint) INNER JOIN names USING (fingerprint)
ORDER BY workers DESC, incidents DESC, fingerprint LIMIT {limit:UInt64}
