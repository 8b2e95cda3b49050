// The questions to a fleet, whoever keeps it: SQLite here, ClickHouse (doc/FLEET.md). Everything else is computed from
// the answers, so that two back ends with the same records say the same.
#pragma once

#include "base/json.h"

enum { FF_PREDICATES = 64 };

/** How many workers have a fact; [1] is of those that fail, [0] of the others. */
struct ff_fact_count {
	char *key, *value;
	uint64_t with[2];
	uint32_t id; /**< the back end's own */
};

/** Facts by key, and the values of a key in the order of versions. */
struct ff_fact_counts {
	struct ff_fact_count *rows;
	size_t n;
	uint64_t workers[2]; /**< with facts */
	uint64_t without[2]; /**< that never said their facts */
};

void ff_fact_counts_deinit(struct ff_fact_counts *counts);

enum ff_predicate_op { FF_IS, FF_BELOW, FF_AT_LEAST, FF_PRESENT, FF_ABSENT };

/** A statement about a worker: its value of the key is one of rows [first, last). It is known of workers that have the
    key, rows [key_first, key_last); PRESENT and ABSENT are known of all. */
struct ff_predicate {
	enum ff_predicate_op op;
	size_t key_first, key_last, first, last;
};

/** A worker with facts: bit i says whether predicate i of a list is known of it, and whether it holds. */
struct ff_worker_bits {
	uint64_t has, known, id;
	bool failing;
};

struct ff_worker_list {
	struct ff_worker_bits *rows;
	size_t n, cap;
};

/** The workers that had a predicate at any time; times in ms. */
struct ff_rollout {
	uint64_t workers, failed_after, failed_before; /**< failed: at first, against when they first had it */
	int64_t first, half;			       /**< when the first of them, and half of them, had it */
	int64_t onset, delay; /**< the first failure; half of failed_after failed within that. 0: none did */
};

enum ff_fleet_question {
	FF_ASK_FLEETS,	/**< "name", "workers" */
	FF_ASK_TOP,	/**< a fleet's failures, or the one whose fingerprint is given: "fingerprint", "cause", "title",
			    "workers", "incidents", "first", "last", "recent", "before", "lost_ms" */
	FF_ASK_FAILURE, /**< those whose fingerprint begins so: "fingerprint", "cause", "title", "exemplar", "worker" */
	FF_ASK_HOURS,	/**< "hour" (ms), "n" */
	FF_ASK_HOSTS,	/**< "host", "failing", "workers": most failing first */
	FF_ASK_LEFT_OUT, /**< keys that are not compared whole: "key", "values", "dropped", and how many "keys" there
			    are of the kind */
	FF_ASK_CAUSES, /**< the fleet's last `limit` hours with failures: "cause", "hour" (ms), "n", by hour and cause */
	FF_ASK_FAILING, /**< who has a failure: "worker", "host", "first", "last", "incidents"; those of late first */
	FF_ASK_WORKER,	/**< "worker", "host", "first", "last", of the one worker that is asked for */
	FF_ASK_WORKER_FAILURES, /**< its own: "fingerprint", "cause", "title", "exemplar", "first", "last", "incidents" */
	FF_ASK_WORKER_FACTS,	/**< its facts, those of the failure where it has that: "key", "value" */
	FF_FLEET_QUESTIONS
};

/** What a question is about. NULL: does not matter to it. */
struct ff_fleet_about {
	const char *fleet, *fingerprint, *worker;
	int64_t now_ms;
	int64_t limit;
};

struct ff_source;

struct ff_source_ops {
	struct ff_error *(*rows)(struct ff_source *source, enum ff_fleet_question question,
		const struct ff_fleet_about *about, json_t **ret);
	struct ff_error *(*counts)(
		struct ff_source *source, const struct ff_fleet_about *about, struct ff_fact_counts *ret);
	struct ff_error *(*bits)(struct ff_source *source, const struct ff_fleet_about *about,
		const struct ff_fact_counts *counts, const struct ff_predicate *predicates, size_t n,
		struct ff_worker_list *ret);
	/** Names of workers: [{"worker", "host"}], by name. */
	struct ff_error *(*names)(struct ff_source *source, const uint64_t *ids, size_t n, json_t **ret);
	/** When workers had each of predicates, and when they failed: ret[n]. */
	struct ff_error *(*rollout)(struct ff_source *source, const struct ff_fleet_about *about,
		const struct ff_fact_counts *counts, const struct ff_predicate *predicates, size_t n,
		struct ff_rollout *ret);
	void (*close)(struct ff_source *source);
};

/** First member of what a back end has. */
struct ff_source {
	const struct ff_source_ops *ops;
};

struct ff_fleet;

/** SQLite: a database of `firstfix fleet ingest`, closed with the source; on failure it is closed too. */
struct ff_error *ff_source_sqlite(struct ff_fleet *fleet, struct ff_source **ret);

/** ClickHouse with the tables of fleet/schema.sql, over its HTTP interface. */
struct ff_error *ff_source_clickhouse(const char *url, struct ff_source **ret);

static inline void ff_cleanup_source(struct ff_source **source)
{
	if (*source)
		(*source)->ops->close(*source);
}

#define _cleanup_source_ __attribute__((__cleanup__(ff_cleanup_source)))

/** Put the rows of `counts` into their order. */
void ff_fact_counts_sort(struct ff_fact_counts *counts);

/** The next row of a list; NULL: no memory. */
struct ff_worker_bits *ff_worker_list_add(struct ff_worker_list *list);

/** What one worker's facts, rows of `counts`, say of predicates: for back ends that count by themselves. */
struct ff_predicate_bits {
	uint64_t *has, *known; /**< by row */
	uint64_t always, inverted;
};

bool ff_predicate_bits_make(const struct ff_fact_counts *counts, const struct ff_predicate *predicates, size_t n,
	struct ff_predicate_bits *ret);
void ff_predicate_bits_deinit(struct ff_predicate_bits *bits);

/** Bits of a worker, once those of all its facts are put together. */
static inline void ff_predicate_bits_finish(const struct ff_predicate_bits *bits, struct ff_worker_bits *worker)
{
	worker->known |= bits->always;
	worker->has = (worker->has ^ bits->inverted) & worker->known;
}
