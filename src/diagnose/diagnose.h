// From a log and facts to a firstfix.diagnosis/1 document.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** What no document of facts holds of the machine that this process runs on. */
struct ff_here {
	const char *host; /**< its name, NULL when it is not known */
	/** None of these files is here, for certain: not where one may not be looked at */
	bool (*are_missing)(const json_t *files);
};

struct ff_diagnose_options {
	const json_t *facts;	  /**< firstfix.facts/1, may be partial or NULL */
	int log_fd;		  /**< where the log is read from, -1 for none (facts alone) */
	const char *log_name;	  /**< for messages */
	const char *rules_dir;	  /**< more rules, NULL for none */
	bool no_extra_rules;	  /**< leave $FIRSTFIX_RULES and /etc/firstfix/rules.d alone (tests) */
	const volatile int *stop; /**< ends reading early when it becomes true; may be NULL */
	bool checks;		  /**< evaluate rules on facts alone, and say what they find */
	const char *engine;	  /**< leave out checks that do not apply to this engine ("vllm"); NULL for all */

	const char *facts_what; /**< whose facts they are: "this machine", "start-up report of NAME"; NULL is "file".
					 Without facts: why there are none, or NULL */
	/** Nobody said that they are the log's: where the log contradicts them, or there are none, others are */
	bool facts_assumed;
	const struct ff_here *here; /**< what this machine is besides the facts, where they are assumed; may be NULL */
	/** Asked for other facts then, with 0, 1, ... until some fit: *ret_facts NULL is one that cannot be read,
	    *ret_what NULL says that there are no more. May be NULL. */
	struct ff_error *(*other_facts)(
		const json_t *said, unsigned index, const char *worker, json_t **ret_facts, char **ret_what);
	const char *worker; /**< whose facts those shall be, NULL when nobody said */
};

enum { FF_OTHER_FACTS_MAX = 32 };

/** Could these facts be those of the machine that a log speaks of (log/said.h)? Else *ret_because says what
    contradicts. */
bool ff_facts_fit(const json_t *facts, const json_t *said, struct ff_buf *ret_because);

struct ff_error *ff_diagnose(const struct ff_diagnose_options *options, json_t **ret);

/** The same by rules that are loaded and a matcher that is made of them, for many diagnoses one after the other. */
struct ff_rules;
struct ff_matcher;
struct ff_error *ff_diagnose_with(
	const struct ff_diagnose_options *options, struct ff_rules *rules, struct ff_matcher *matcher, json_t **ret);

/** All rules: built-in ones, those of the folders that apply. */
struct ff_error *ff_rules_load(const char *rules_dir, bool no_extra_rules, struct ff_rules **ret);
