// From a log and facts to a firstfix.diagnosis/1 document.
#pragma once

#include "base/json.h"
#include "base/str.h"

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
	/** Asked for other facts then, with 0, 1, ... until some fit: *ret_facts NULL is one that cannot be read,
	    *ret_what NULL says that there are no more. May be NULL. */
	struct ff_error *(*other_facts)(
		const json_t *said, unsigned index, void *context, json_t **ret_facts, char **ret_what);
	void *context;
};

enum { FF_OTHER_FACTS_MAX = 32 };

/** Could these facts be those of the machine that a log speaks of (log/said.h)? Else *ret_because says what
    contradicts. */
bool ff_facts_fit(const json_t *facts, const json_t *said, struct ff_buf *ret_because);

struct ff_error *ff_diagnose(const struct ff_diagnose_options *options, json_t **ret);

/** All rules: built-in ones, those of the folders that apply. */
struct ff_rules;
struct ff_error *ff_rules_load(const char *rules_dir, bool no_extra_rules, struct ff_rules **ret);
