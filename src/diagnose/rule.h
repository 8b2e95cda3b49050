// Rules: loading, checking of every field, and what the engine keeps of each.
#pragma once

#include "base/regex.h"
#include "diagnose/sandbox.h"
#include "log/emitter.h"

enum ff_role { FF_ROLE_CAUSE, FF_ROLE_SYMPTOM, FF_ROLE_WRAPPER };

struct ff_rule {
	const char *id;	   /**< "torch.driver-too-old/found" */
	const char *cause; /**< the part before the '/' */
	const char *title; /**< from the rule or from causes.tsv */
	const char *file;  /**< where it was read from */
	int line;
	enum ff_role role;
	bool warning; /**< severity "warning": reported, but not an error for the exit code */
	bool has_when, has_check;
	/** Of the book: paths of facts, each with its 0 and an empty one behind the last; while none of them is known
	    `check` says nothing. NULL where it is always asked. */
	const char *reads;
	/** Answers for runs that were ended as its cause says ("stopped.outside"), with the line that shows it */
	bool ended;
	int ref; /**< the block, in the Lua registry; LUA_NOREF until its file of the book is run */
	bool built_in;
	bool in_book;				 /**< its texts belong to the book */
	size_t first_signature, signature_count; /**< its signatures lie together */
};

struct ff_signature {
	size_t rule;
	const char *name, *pattern;
	bool built_in, in_book;
	bool context;		/**< seen by the rule, but does not make it speak */
	struct ff_regex *regex; /**< compiled when first needed */
	unsigned seen;		/**< for scan.c: the subject it was last tried on */
};

struct ff_rules;

struct ff_error *ff_rules_create(struct ff_rules **ret);
void ff_rules_destroy(struct ff_rules *rules);

/** Read the built-in rules. */
struct ff_error *ff_rules_add_built_in(struct ff_rules *rules);

/** Read one file of rules from memory. A rule whose id is known already replaces it. Nothing is added on failure; the
    message names file and line. */
struct ff_error *ff_rules_add_text(struct ff_rules *rules, const char *name, const char *text, size_t n);

/** Read one file. */
struct ff_error *ff_rules_add_file(struct ff_rules *rules, const char *path);

/** Read every *.lua of a folder, in order of name. */
struct ff_error *ff_rules_add_dir(struct ff_rules *rules, const char *dir);

struct ff_sandbox *ff_rules_sandbox(const struct ff_rules *rules);
size_t ff_rules_count(const struct ff_rules *rules);
const struct ff_rule *ff_rules_at(const struct ff_rules *rules, size_t index);
size_t ff_rules_signature_count(const struct ff_rules *rules);
struct ff_signature *ff_rules_signature_at(struct ff_rules *rules, size_t index);

/** Push the block of a rule. One that stands in the book is read now, with its file. */
struct ff_error *ff_rules_push(const struct ff_rules *rules, size_t index);

/** True when a list of the rule ("explains", "applies") holds the value; an entry "bnb.*" holds all that begin so. */
bool ff_rules_lists(const struct ff_rules *rules, size_t index, const char *field, const char *value);

/** True unless the rule says whom it listens to about this signature (`from`) and none of these is among them. */
bool ff_rules_listen(const struct ff_rules *rules, size_t index, const char *signature, const struct ff_emitters *said);

/** Leave out the checks of rules that say what they apply to, and neither to this engine ("vllm") nor, where it
    computes with that, to "torch". */
struct ff_error *ff_rules_narrow(struct ff_rules *rules, const char *engine);

/** What causes.tsv says of a cause; empty spans when it does not know it. */
struct ff_cause {
	struct ff_span title, fix_kinds, counts_as;
	struct ff_span passes; /**< not empty where it can be over by itself */
};
bool ff_cause_find(const char *id, struct ff_cause *ret);
