-- Failures by workers hit. A worker's loss is from an incident to its next good start, a day at most; to the newest
-- that is known of the worker where there was none.
WITH
    incidents AS (
        SELECT fingerprint, worker, incident, n, min(at) AS at, any(cause) AS cause, any(title) AS title
        FROM fleet_record WHERE fleet = {fleet:String} AND kind = 'incident'
        GROUP BY fingerprint, worker, incident, n
    ),
    starts AS (SELECT worker, at AS next FROM fleet_record WHERE fleet = {fleet:String} AND kind = 'start'),
    workers AS (SELECT worker, max(at) AS newest FROM fleet_record WHERE fleet = {fleet:String} GROUP BY worker),
    lost AS (
        SELECT fingerprint, sum(least(86400000, if(next = 0, newest, next) - at)) AS lost_ms
        FROM (SELECT i.fingerprint AS fingerprint, i.worker AS worker, i.at AS at, s.next AS next
              FROM incidents AS i ASOF LEFT JOIN starts AS s ON i.worker = s.worker AND i.at <= s.next) AS each
        INNER JOIN workers USING (worker)
        GROUP BY fingerprint
    ),
    counted AS (
        SELECT fingerprint, sum(most) AS incidents FROM (
            SELECT fingerprint, worker, incident, max(n) AS most FROM incidents GROUP BY fingerprint, worker, incident)
        GROUP BY fingerprint
    )
SELECT fingerprint, nullIf(any(cause), '') AS cause, nullIf(any(title), '') AS title, uniqExact(worker) AS workers,
    any(counted.incidents) AS incidents, min(at) AS first, max(at) AS last,
    countIf(intDiv(at, 3600000) > intDiv({now:Int64}, 3600000) - 24
        AND intDiv(at, 3600000) <= intDiv({now:Int64}, 3600000)) AS recent,
    countIf(intDiv(at, 3600000) > intDiv({now:Int64}, 3600000) - 48
        AND intDiv(at, 3600000) <= intDiv({now:Int64}, 3600000) - 24) AS before,
    any(lost.lost_ms) AS lost_ms
FROM incidents INNER JOIN counted USING (fingerprint) INNER JOIN lost USING (fingerprint)
GROUP BY fingerprint ORDER BY workers DESC, incidents DESC, fingerprint LIMIT {limit:UInt64}
