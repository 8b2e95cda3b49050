SELECT worker, nullIf(named, '') AS host, first, last FROM (
    SELECT worker, argMinIf(r.host, at, r.host != '') AS named, min(at) AS first, max(at) AS last FROM fleet_record AS r
    WHERE fleet = {fleet:String} AND worker = {worker:String} GROUP BY worker)
