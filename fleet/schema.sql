-- Many workers in ClickHouse: what their Collector's exporter writes (otel_logs), and what is made of it on arrival.
-- Run it once in the database that the exporter is told; its own create_schema is off (fleet/collector/config.yaml).
-- doc/FLEET.md says what a record is; what is not of it passes no view and goes with otel_logs after a week.

CREATE TABLE IF NOT EXISTS otel_logs
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(3)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (EventName, toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
TTL toDateTime(Timestamp) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1;

-- One row for each facts, start and incident; what comes twice is one.
CREATE TABLE IF NOT EXISTS fleet_record
(
    fleet LowCardinality(String),
    kind Enum8('facts' = 1, 'start' = 2, 'incident' = 3),
    fingerprint String CODEC(ZSTD(1)),
    worker String CODEC(ZSTD(1)),
    incident String CODEC(ZSTD(1)),
    n UInt32,
    at Int64 CODEC(Delta(8), ZSTD(1)),
    host String CODEC(ZSTD(1)),
    hash String CODEC(ZSTD(1)),
    cause LowCardinality(String),
    title String CODEC(ZSTD(1)),
    exemplar String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY kind
ORDER BY (fleet, kind, fingerprint, worker, incident, n, if(kind = 'incident', 0, at))
TTL toDateTime(intDiv(at, 1000)) + INTERVAL 400 DAY;

-- A fact of a set of facts; `set` is of worker and hash, so that a fact costs one number for each who has it.
CREATE TABLE IF NOT EXISTS fleet_fact
(
    fleet LowCardinality(String),
    key LowCardinality(String),
    value String CODEC(ZSTD(1)),
    set UInt64 CODEC(Delta(8), ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree
ORDER BY (fleet, key, value, set)
TTL day + INTERVAL 400 DAY;

-- What of otel_logs is of the contract, on its way into the two tables; nothing stays here.
CREATE TABLE IF NOT EXISTS fleet_log
(
    kind String,
    fleet String,
    worker String,
    host String,
    at Int64,
    hash String,
    fingerprint String,
    incident String,
    n UInt32,
    cause String,
    Body String,
    ResourceAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String)
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_log_of TO fleet_log AS
WITH log AS (
    SELECT
        substring(EventName, 10) AS kind,
        arrayFirst(x -> x != '', arrayMap(k -> ResourceAttributes[k], ['firstfix.fleet', 'deployment.environment.name',
            'k8s.cluster.name', 'runpod.endpoint.id', '-'])) AS said_fleet,
        if(said_fleet = '', 'default', said_fleet) AS fleet,
        arrayFirst(x -> x != '', arrayMap(k -> ResourceAttributes[k], ['firstfix.worker', 'k8s.pod.uid', 'k8s.pod.name',
            'runpod.pod.id', 'container.id', 'host.id', 'host.name', 'service.instance.id'])) AS worker,
        arrayFirst(x -> x != '', arrayMap(k -> ResourceAttributes[k], ['k8s.node.name', 'host.name', 'host.id']))
            AS host,
        toUnixTimestamp64Milli(Timestamp) AS said_at,
        toUnixTimestamp64Milli(now64(3)) + 600000 AS ceiling,
        if(said_at > ceiling OR said_at < 1577836800000, ceiling, said_at) AS at,
        LogAttributes['firstfix.facts.hash'] AS said_hash,
        if(match(said_hash, '^[0-9a-f]{16}$'), said_hash, '') AS hash,
        LogAttributes['firstfix.incident.fingerprint'] AS fingerprint,
        LogAttributes['firstfix.incident.id'] AS incident,
        toUInt32OrZero(LogAttributes['firstfix.incident.count']) AS n,
        LogAttributes['firstfix.incident.cause'] AS cause,
        Body, ResourceAttributes, LogAttributes
    FROM otel_logs
    WHERE EventName IN ('firstfix.facts', 'firstfix.start', 'firstfix.incident')
        AND length(worker) BETWEEN 1 AND 256 AND length(host) <= 256 AND NOT match(worker, '[[:cntrl:]]')
        AND if(EventName = 'firstfix.incident', match(fingerprint, '^[0-9a-f]{16}$')
            AND n BETWEEN 1 AND 1000000000 AND length(incident) BETWEEN 1 AND 256
            AND (cause = '' OR match(cause, '^[^[:cntrl:][:space:]"\'<>&]{1,64}$')), hash != '')
)
SELECT kind, fleet, worker, host, at, hash, fingerprint, incident, n, cause, Body, ResourceAttributes, LogAttributes
FROM log;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_record_of TO fleet_record AS
SELECT
    fleet, kind, if(kind = 'incident', fingerprint, '') AS fingerprint, worker,
    if(kind = 'incident', incident, '') AS incident, if(kind = 'incident', n, 0) AS n, at, host, hash, cause,
    if(kind = 'incident', Body, '') AS title,
    toJSONString(mapFilter((k, v) -> v != '', map(
        'why', LogAttributes['firstfix.incident.why'],
        'evidence', LogAttributes['firstfix.incident.evidence'],
        'fix', LogAttributes['firstfix.incident.fix'],
        'command', LogAttributes['firstfix.incident.command'],
        'how', LogAttributes['firstfix.incident.how'],
        'exception', LogAttributes['exception.type'],
        'message', LogAttributes['exception.message']))) AS exemplar
FROM fleet_log;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_fact_of TO fleet_fact AS
WITH sets AS (
    SELECT fleet, cityHash64(fleet, worker, hash) AS set, toDate(intDiv(at, 1000)) AS day,
        JSONExtractKeysAndValues(Body, 'String') AS said,
        arrayFilter(pair -> pair.2 != '' AND length(pair.2) <= 200 AND NOT has(said.1, pair.1),
            arrayMap(k -> (k, if(startsWith(ResourceAttributes[k], '["'),
                JSONExtractString(ResourceAttributes[k], 1), ResourceAttributes[k])),
                ['host.name', 'host.arch', 'os.version', 'k8s.node.name', 'k8s.namespace.name', 'cloud.region',
                'cloud.availability_zone', 'container.image.name', 'container.image.tags', 'service.name',
                'service.version', 'host.type', 'host.image.id'])) AS of_resource
    FROM fleet_log
    WHERE kind = 'facts' AND isValidJSON(Body) AND length(said) BETWEEN 1 AND 2000
        AND length(said) = JSONLength(Body)
        AND arrayAll(pair -> length(pair.1) BETWEEN 1 AND 200 AND length(pair.2) <= 400, said)
)
SELECT fleet, pair.1 AS key, pair.2 AS value, set, day FROM sets ARRAY JOIN arrayConcat(said, of_resource) AS pair;

-- Which set of facts stands for each worker, and whether it has the failure: of those that failed the set of their last
-- failure, of the others their last one; 0 where the facts never came.
CREATE VIEW IF NOT EXISTS fleet_side AS
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
SELECT worker, hit, set FROM chosen;
