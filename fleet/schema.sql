-- Many workers in ClickHouse: what their Collector's exporter writes (otel_logs), and what is made of it on arrival.
-- Run it once in the database that the exporter is told; its own create_schema is off (fleet/collector/config.yaml).
-- doc/FLEET.md says what a record is; what is not of it passes no view and goes with otel_logs after a week.

-- The comment of fleet_worker is the version of all tables here (FF_FLEET_TABLES in src/fleet/source_clickhouse.c):
-- those of another one are left as they are, for IF NOT EXISTS below would mix the two.
SELECT throwIf(count() > 0 AND any(comment) != 'firstfix fleet 2', concat('the tables of a fleet in this database are ',
    'of another version of firstfix: run this in a new one (doc/FLEET.md, "Tables of another version")'))
FROM system.tables WHERE database = currentDatabase() AND name = 'fleet_worker';

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

-- Workers, sets of facts and incidents have numbers, which are hashes of their names: texts take longer to join.
-- Every table is one row for each thing, once merged; until then a question merges (FINAL, GROUP BY).

CREATE TABLE IF NOT EXISTS fleet_worker
(
    fleet LowCardinality(String),
    worker String CODEC(ZSTD(1)),
    id SimpleAggregateFunction(any, UInt64),
    host AggregateFunction(argMinIf, String, Int64, UInt8),
    first SimpleAggregateFunction(min, Int64),
    last SimpleAggregateFunction(max, Int64),
    newest AggregateFunction(argMaxIf, UInt64, Int64, UInt8),
    INDEX of_id id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
ORDER BY (fleet, worker)
TTL toDateTime(intDiv(last, 1000)) + INTERVAL 400 DAY
COMMENT 'firstfix fleet 2';

CREATE TABLE IF NOT EXISTS fleet_failure
(
    fleet LowCardinality(String),
    fingerprint String,
    words AggregateFunction(argMin, Tuple(String, String), Int64),
    shown AggregateFunction(argMinIf, Tuple(String, String), Tuple(Int64, String), UInt8),
    last SimpleAggregateFunction(max, Int64)
)
ENGINE = AggregatingMergeTree
ORDER BY (fleet, fingerprint)
TTL toDateTime(intDiv(last, 1000)) + INTERVAL 400 DAY;

-- Each time that a worker told of an incident: the n-th of it.
CREATE TABLE IF NOT EXISTS fleet_telling
(
    fleet LowCardinality(String),
    fingerprint LowCardinality(String),
    id UInt64,
    incident UInt64,
    n UInt32,
    at Int64 CODEC(Delta(8), ZSTD(1)),
    set UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (fleet, fingerprint, id, incident, n)
TTL toDateTime(intDiv(at, 1000)) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS fleet_start
(
    fleet LowCardinality(String),
    id UInt64,
    at Int64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (fleet, id, at)
TTL toDateTime(intDiv(at, 1000)) + INTERVAL 400 DAY;

-- When a worker first spoke of a set of facts, itself or by its hash.
CREATE TABLE IF NOT EXISTS fleet_had
(
    fleet LowCardinality(String),
    set UInt64,
    id SimpleAggregateFunction(any, UInt64),
    first SimpleAggregateFunction(min, Int64) CODEC(Delta(8), ZSTD(1)),
    last SimpleAggregateFunction(max, Int64) CODEC(Delta(8), ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (fleet, set)
TTL toDateTime(intDiv(last, 1000)) + INTERVAL 400 DAY;

-- A set of facts is a list of chunks. A chunk is what stands under the same two words of a key (`python.packages`), and
-- under a third one that is hashed into eight: workers of one image share it, whatever else differs between them. So a
-- worker costs a number for each chunk, and the facts of a chunk are kept, read and compared once.
CREATE TABLE IF NOT EXISTS fleet_set
(
    fleet LowCardinality(String),
    set UInt64,
    id UInt64,
    chunks Array(UInt64) CODEC(ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY (fleet, set)
TTL day + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS fleet_chunk
(
    fleet LowCardinality(String),
    chunk UInt64,
    key LowCardinality(String),
    value String CODEC(ZSTD(1)),
    day Date
)
ENGINE = ReplacingMergeTree(day)
ORDER BY (fleet, chunk, key, value)
TTL day + INTERVAL 400 DAY;

-- What of otel_logs is of the contract, on its way into the tables; nothing stays here.
CREATE TABLE IF NOT EXISTS fleet_log
(
    kind Enum8('facts' = 1, 'start' = 2, 'incident' = 3),
    fleet String,
    worker String,
    id UInt64,
    host String,
    at Int64,
    set UInt64,
    fingerprint String,
    incident String,
    n UInt32,
    cause String,
    said Array(Tuple(String, String)),
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
        if(EventName = 'firstfix.facts', JSONExtractKeysAndValues(Body, 'String'), []) AS pairs,
        if(length(arrayDistinct(pairs.1)) = length(pairs), pairs,
            arrayFilter((pair, i) -> indexOf(pairs.1, pair.1) = i, pairs, arrayEnumerate(pairs))) AS said,
        Body, ResourceAttributes, LogAttributes
    FROM otel_logs
    WHERE EventName IN ('firstfix.facts', 'firstfix.start', 'firstfix.incident') AND said_at > 0
        AND length(worker) BETWEEN 1 AND 256 AND length(host) <= 256 AND length(fleet) <= 256
        AND (said_hash = '' OR hash != '') AND NOT match(concat(worker, host, fleet, incident), '[[:cntrl:]]')
        AND if(EventName = 'firstfix.incident', match(fingerprint, '^[0-9a-f]{16}$')
            AND n BETWEEN 1 AND 1000000000 AND length(incident) BETWEEN 1 AND 256
            AND (cause = '' OR match(cause, '^[^[:cntrl:][:space:]"\'<>&]{1,64}$')), hash != '')
        AND (EventName != 'firstfix.facts' OR Body = '' OR (isValidJSON(Body) AND length(pairs) BETWEEN 1 AND 2000
            AND length(pairs) = JSONLength(Body) AND arrayAll(pair -> length(pair.1) BETWEEN 1 AND 200
                AND length(pair.2) <= 400 AND NOT match(pair.1, '[[:cntrl:]]'), pairs)
            AND arrayAll(pair -> startsWith(pair.2, '"'), JSONExtractKeysAndValuesRaw(Body))))
)
SELECT kind, fleet, worker, cityHash64(fleet, worker) AS id, host, at,
    if(hash = '', 0, cityHash64(fleet, worker, hash)) AS set, fingerprint, incident, n, cause, said, Body,
    ResourceAttributes, LogAttributes
FROM log;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_worker_of TO fleet_worker AS
SELECT fleet, worker, any(l.id) AS id, argMinIfState(l.host, at, l.host != '') AS host, min(at) AS first,
    max(at) AS last, argMaxIfState(set, at * 4 + toInt8(kind), set != 0) AS newest
FROM fleet_log AS l GROUP BY fleet, worker;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_failure_of TO fleet_failure AS
WITH toJSONString(mapFilter((k, v) -> v != '', map(
        'why', LogAttributes['firstfix.incident.why'],
        'evidence', LogAttributes['firstfix.incident.evidence'],
        'fix', LogAttributes['firstfix.incident.fix'],
        'command', LogAttributes['firstfix.incident.command'],
        'how', LogAttributes['firstfix.incident.how'],
        'exception', LogAttributes['exception.type'],
        'message', LogAttributes['exception.message']))) AS exemplar
SELECT fleet, fingerprint, argMinState((CAST(cause, 'String'), Body), at) AS words,
    argMinIfState((exemplar, worker), (at, worker), exemplar != '{}') AS shown, max(at) AS last
FROM fleet_log WHERE kind = 'incident' GROUP BY fleet, fingerprint;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_telling_of TO fleet_telling AS
SELECT fleet, fingerprint, id, cityHash64(l.incident) AS incident, n, at, set FROM fleet_log AS l
WHERE kind = 'incident';

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_start_of TO fleet_start AS
SELECT fleet, id, at FROM fleet_log WHERE kind = 'start';

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_had_of TO fleet_had AS
SELECT fleet, set, any(l.id) AS id, min(at) AS first, max(at) AS last FROM fleet_log AS l
WHERE set != 0 GROUP BY fleet, set;

-- Facts in chunks, each a list of keys and values; nothing stays here either.
CREATE TABLE IF NOT EXISTS fleet_said
(
    fleet String,
    id UInt64,
    set UInt64,
    day Date,
    chunks Array(Array(Tuple(String, String)))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_said_of TO fleet_said AS
WITH
    facts AS (
        SELECT fleet, id, set, toDate(intDiv(at, 1000)) AS day, said,
            arrayFilter(pair -> pair.2 != '' AND length(pair.2) <= 200 AND NOT has(said.1, pair.1),
                arrayMap(k -> (k, if(startsWith(ResourceAttributes[k], '["'),
                    JSONExtractString(ResourceAttributes[k], 1), ResourceAttributes[k])),
                    ['host.name', 'host.arch', 'os.version', 'k8s.node.name', 'k8s.namespace.name', 'cloud.region',
                    'cloud.availability_zone', 'container.image.name', 'container.image.tags', 'service.name',
                    'service.version', 'host.type', 'host.image.id'])) AS of_resource
        FROM fleet_log WHERE notEmpty(said)
    ),
    grouped AS (
        SELECT fleet, id, set, day,
            arraySort(arrayMap(pair -> (arraySlice(splitByChar('.', pair.1) AS words, 1, 2),
                if(length(words) > 2, cityHash64(words[3]) % 8, 8), pair.1, pair.2),
                arrayConcat(said, of_resource))) AS pairs
        FROM facts
    )
SELECT fleet, id, set, day,
    arraySplit((pair, starts) -> starts, arrayMap(p -> (p.3, p.4), pairs), arrayMap((p, i) ->
        i > 1 AND (p.1, p.2) != (pairs[i - 1].1, pairs[i - 1].2), pairs, arrayEnumerate(pairs))) AS chunks
FROM grouped;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_set_of TO fleet_set AS
SELECT fleet, set, id, arrayMap(chunk -> sipHash64(chunk), s.chunks) AS chunks, day FROM fleet_said AS s;

CREATE MATERIALIZED VIEW IF NOT EXISTS fleet_chunk_of TO fleet_chunk AS
SELECT fleet, chunk, pair.1 AS key, pair.2 AS value, day
FROM (
    SELECT fleet, sipHash64(each) AS chunk, any(each) AS pairs, max(s.day) AS day
    FROM (SELECT fleet, day, arrayJoin(chunks) AS each FROM fleet_said) AS s GROUP BY fleet, chunk
) ARRAY JOIN pairs AS pair;

-- Which set of facts stands for each worker, and whether it has the failure: of those that failed the set of their last
-- failure, of the others their last one; 0 where the facts never came.
CREATE VIEW IF NOT EXISTS fleet_side AS
WITH
    hits AS (
        SELECT id, argMaxIf(set, (at, n), set != 0) AS own FROM fleet_telling
        WHERE fleet = {fleet:String} AND fingerprint = {fingerprint:String} GROUP BY id
    ),
    workers AS (
        SELECT worker, id, finalizeAggregation(newest) AS new FROM fleet_worker FINAL WHERE fleet = {fleet:String}
    ),
    known AS (SELECT set FROM fleet_set WHERE fleet = {fleet:String})
SELECT worker, id, hits.id != 0 AS hit,
    multiIf(hit AND hits.own IN (SELECT set FROM known), hits.own, new IN (SELECT set FROM known), new, 0) AS set
FROM workers LEFT JOIN hits USING (id);

-- Keys of which nearly every worker has a value of its own, and what is beyond 20,000 keys and 4,194,304 values where
-- workers share nothing (those first that most chunks have): no statement about them is tried.
CREATE VIEW IF NOT EXISTS fleet_wide AS
SELECT key, values
FROM (
    SELECT key, values, wide, sum(if(wide, 0, values)) OVER counted AS so_far, sum(NOT wide) OVER counted AS place
    FROM (
        SELECT key, uniq(value) AS values, count() AS rows,
            values > if(key IN ('host.name', 'k8s.node.name'), 1000000, 4096) AS wide
        FROM fleet_chunk WHERE fleet = {fleet:String} GROUP BY key
    )
    WINDOW counted AS (ORDER BY rows DESC, key ROWS UNBOUNDED PRECEDING)
)
WHERE wide OR so_far > 4194304 OR place > 20000;

-- What each set of facts says of up to 64 predicates: bits of those that are known, and of those that hold. Known is a
-- predicate by its key, which may have as many values as there are hosts.
CREATE VIEW IF NOT EXISTS fleet_bits AS
WITH
    given AS (
        SELECT row.1 AS key, row.2 AS value, row.3 AS has
        FROM (SELECT arrayJoin(arrayZip({keys:Array(String)}, {values:Array(String)}, {has:Array(UInt64)})) AS row)
    ),
    marked AS (
        SELECT chunk, groupBitOr(given.has) AS has,
            groupBitOr(transform(toString(key), {names:Array(String)}, {known:Array(UInt64)}, toUInt64(0))) AS known
        FROM fleet_chunk LEFT JOIN given USING (key, value)
        WHERE fleet = {fleet:String} AND key IN {names:Array(String)} GROUP BY chunk
    ),
    (SELECT (groupArray(chunk), groupArray(m.has), groupArray(m.known)) FROM marked AS m) AS bits,
    arrayReduce('groupBitOr', arrayMap(c -> transform(c, bits.1, bits.3, toUInt64(0)), chunks)) AS told
SELECT id, set, bitOr(told, {always:UInt64}) AS known,
    bitAnd(bitXor(arrayReduce('groupBitOr', arrayMap(c -> transform(c, bits.1, bits.2, toUInt64(0)), chunks)),
        {inverted:UInt64}), known) AS has
FROM fleet_set FINAL WHERE fleet = {fleet:String};
