-- The workers of both sides, with and without facts.
WITH
    hits AS (
        SELECT worker, argMaxIf(hash, (at, n), hash != '') AS own FROM fleet_record
        WHERE fleet = {fleet:String} AND kind = 'incident' AND fingerprint = {fingerprint:String} GROUP BY worker
    ),
    workers AS (
        SELECT worker, argMaxIf(hash, (at, kind), hash != '') AS new FROM fleet_record
        WHERE fleet = {fleet:String} GROUP BY worker
    ),
    known AS (SELECT DISTINCT set FROM fleet_fact WHERE fleet = {fleet:String}),
    both AS (
        SELECT workers.worker AS worker, hits.worker != '' AS hit,
            cityHash64({fleet:String}, workers.worker, hits.own) AS own_set,
            cityHash64({fleet:String}, workers.worker, workers.new) AS new_set
        FROM workers LEFT JOIN hits ON workers.worker = hits.worker
    ),
    chosen AS (
        SELECT worker, hit, if(hit AND own_set IN (SELECT set FROM known), own_set,
            if(new_set IN (SELECT set FROM known), new_set, 0)) AS set
        FROM both
    )
SELECT hit AS failing, set != 0 AS with_facts, count() AS n FROM chosen GROUP BY failing, with_facts
