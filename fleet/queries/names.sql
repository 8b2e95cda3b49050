SELECT worker, nullIf(named, '') AS host FROM (
    SELECT worker, argMinIf(r.host, at, r.host != '') AS named FROM fleet_record AS r
    WHERE cityHash64(fleet, worker) IN {ids:Array(UInt64)} GROUP BY fleet, worker)
ORDER BY worker
