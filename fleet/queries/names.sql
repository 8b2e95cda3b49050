SELECT worker, nullIf(named, '') AS host FROM (
    SELECT worker, argMinIfMerge(host) AS named FROM fleet_worker WHERE id IN {ids:Array(UInt64)}
    GROUP BY fleet, worker)
ORDER BY worker
