SELECT worker, nullIf(named, '') AS host, first, last FROM (
    SELECT worker, argMinIfMerge(host) AS named, min(w.first) AS first, max(w.last) AS last FROM fleet_worker AS w
    WHERE fleet = {fleet:String} AND worker = {worker:String} GROUP BY worker)
