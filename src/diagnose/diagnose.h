// From a log and facts to a firstfix.diagnosis/1 document.
#pragma once

#include "base/json.h"

struct ff_diagnose_options {
	const json_t *facts;	  /**< firstfix.facts/1, may be partial or NULL */
	int log_fd;		  /**< where the log is read from, -1 for none (facts alone) */
	const char *log_name;	  /**< for messages */
	const char *rules_dir;	  /**< more rules, NULL for none */
	bool no_extra_rules;	  /**< leave $FIRSTFIX_RULES and /etc/firstfix/rules.d alone (tests) */
	const volatile int *stop; /**< ends reading early when it becomes true; may be NULL */
	bool checks;		  /**< evaluate rules on facts alone, and say what they find */
	const char *engine;	  /**< leave out checks that do not apply to this engine ("vllm"); NULL for all */
};

struct ff_error *ff_diagnose(const struct ff_diagnose_options *options, json_t **ret);

/** All rules: built-in ones, those of the folders that apply. */
struct ff_rules;
struct ff_error *ff_rules_load(const char *rules_dir, bool no_extra_rules, struct ff_rules **ret);
