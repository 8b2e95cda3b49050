// One question to ClickHouse's HTTP interface: a query with parameters, rows of JSON back.
#pragma once

#include "base/json.h"
#include "base/str.h"

struct ff_clickhouse;

/** `url` is http[s]://[USER:PASSWORD@]HOST:PORT/[?database=NAME]. Nothing is asked yet. */
struct ff_error *ff_clickhouse_open(const char *url, struct ff_clickhouse **ret);
void ff_clickhouse_close(struct ff_clickhouse *ch);

/** Run a query; values of its {name:Type} go beside it, never into its text. *ret is an array of objects. */
struct ff_error *ff_clickhouse_ask(
	struct ff_clickhouse *ch, struct ff_span sql, const json_t *parameters, json_t **ret);

/** The same, with an answer in a format that the query says; *ret is good until the next question. */
struct ff_error *ff_clickhouse_ask_bytes(
	struct ff_clickhouse *ch, struct ff_span sql, const json_t *parameters, struct ff_span *ret);
