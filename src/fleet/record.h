// One record of a worker, whatever it came in: the facts of a start, a good start, or an incident (doc/FLEET.md).
#pragma once

#include "know/facts_flat.h"

enum ff_fleet_kind { FF_FLEET_FACTS, FF_FLEET_START, FF_FLEET_INCIDENT };

/** Facts of a record, with room for those that its resource says. Texts are borrowed. */
enum { FF_FLEET_FACTS_MAX = FF_FLAT_FACTS + 32 };
struct ff_fleet_facts {
	struct ff_flat_member rows[FF_FLEET_FACTS_MAX];
	size_t n;
};

/** The members of a flat object. False for one that is none: a value that is no text, or too many. */
bool ff_fleet_facts_of(const json_t *flat, struct ff_fleet_facts *ret);

/** Texts and documents are borrowed. */
struct ff_fleet_record {
	enum ff_fleet_kind kind;
	const char *fleet;		    /**< NULL: nobody said */
	const char *worker;		    /**< what keeps its name over restarts: a pod, a container, a host */
	const char *host;		    /**< NULL: not known */
	const char *hash;		    /**< of the facts at the time, 16 digits; NULL: not known */
	uint64_t at_ms;			    /**< since the epoch, by the worker's clock */
	const struct ff_fleet_facts *facts; /**< NULL: those that were sent before under this hash */
	const char *incident;		    /**< an incident's id in its worker's store */
	const char *fingerprint, *cause, *title;
	uint64_t count;		/**< how often the worker has had it, this time included */
	const json_t *exemplar; /**< {"why", "evidence", "fix", "command", "exception"}: what is known of it */
};

/** A counter for each row of counters.def. */
struct ff_fleet_counts {
#define COUNTER(name, text) uint64_t name;
#include "fleet/counters.def"
#undef COUNTER
};

/** Who takes records. What is counted on the way goes into `counts`. */
struct ff_fleet_sink {
	struct ff_error *(*take)(void *to, const struct ff_fleet_record *record);
	void *to;
	struct ff_fleet_counts *counts;
	const char *worker; /**< of a document that does not say its worker */
	const char *fleet;  /**< wins over what records say; NULL: none */
};

/** Read what one OTLP/JSON document holds: {"resourceLogs": ...}. What is not of the contract is counted. */
struct ff_error *ff_fleet_read_otlp(const json_t *document, const struct ff_fleet_sink *sink);

/** True for a document that ff_fleet_read_otlp() reads: one with "resourceLogs", or of another signal. */
bool ff_fleet_is_otlp(const json_t *document);

/** firstfix.incident/1: facts and incident; firstfix.facts/1: facts. False in *ret_known for any other. */
struct ff_error *ff_fleet_read_document(const json_t *document, const struct ff_fleet_sink *sink, bool *ret_known);

/** The facts of a good start as a state folder keeps them. */
struct ff_error *ff_fleet_read_good_start(const json_t *facts, const struct ff_fleet_sink *sink);

/** Check a record by the contract and hand it on, or count why not. Gives what the sink gives. */
struct ff_error *ff_fleet_offer(const struct ff_fleet_sink *sink, const struct ff_fleet_record *record);
