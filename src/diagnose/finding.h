// What rules answer: evaluated against a log and facts, ranked, tried.
#pragma once

#include "diagnose/scan.h"

/** One rule's answer. */
struct ff_finding {
	size_t rule;
	json_t *answer; /**< {confidence, why, evidence, fixes, needs, event, line, ...} as prelude.lua makes it */
	double confidence;
	size_t event; /**< FF_EVENT_NO_INNER for a finding on facts alone */
	uint64_t line;
	int tier;	/**< how close to the root of the failure, see rank.c */
	bool dropped;	/**< explained by another one, or harmless */
	bool confirmed; /**< the check of rule `by` finds the same cause in the facts, or found this one there */
	size_t by;
};

struct ff_findings {
	struct ff_finding *list;
	size_t n;
};

void ff_findings_deinit(struct ff_findings *findings);

/** What rules see besides the log: facts and events stay in the Lua state until the next call. */
struct ff_error *ff_judge_facts(struct ff_rules *rules, const json_t *facts);

/** Evaluate every rule with a hit. A rule that fails is reported in *ret_broken ("<file>:<line>: ...") and left out. */
struct ff_error *ff_judge_log(struct ff_rules *rules, const struct ff_scan *scan, const json_t *said,
	struct ff_findings *ret, json_t *broken);

/** The facts without which the `check` of a rule has nothing to say, for the book: an object whose keys are their
    paths, empty where it may speak without any. */
struct ff_error *ff_judge_reads(struct ff_rules *rules, size_t rule, json_t **ret);

/** Evaluate the `check` of every rule against the facts given last, which are these. */
struct ff_error *ff_judge_checks(struct ff_rules *rules, const json_t *facts, struct ff_findings *ret, json_t *broken);

/** The same against the facts as they would be after a fix. */
struct ff_error *ff_judge_checks_after(
	struct ff_rules *rules, const json_t *facts, struct ff_findings *ret, json_t *broken);

/** Evaluate every rule with a hit again, against the facts that the checks were asked about last as they would be
    after a fix. */
struct ff_error *ff_judge_log_after(struct ff_rules *rules, const struct ff_scan *scan, const json_t *said,
	struct ff_findings *ret, json_t *broken);

/** Where an event stands: 5 the deepest of the fatal chain ... 1 a plain line, 0 harmless. */
int ff_event_tier(const struct ff_events *events, size_t index);

/** Makes a warning of a finding that is over: it failed requests that were answered later. */
void ff_finding_over(struct ff_rules *rules, const struct ff_scan *scan, struct ff_finding *finding);

/** True unless the rule or its answer says "warning". */
bool ff_finding_is_error(const struct ff_rules *rules, const struct ff_finding *finding);

/** Mark what another finding explains, and sort: root cause first, dropped ones last. */
void ff_findings_rank(const struct ff_rules *rules, struct ff_findings *findings);

/** {"causes": [the first, another that the same failure may have], "titles": [...], "would_decide": [facts that are not
    known]} of ranked findings; NULL where nothing comes near the first one or nothing is known that would tell. */
json_t *ff_findings_rivals(
	const struct ff_rules *rules, const struct ff_scan *scan, const struct ff_findings *findings);

/** Join the log's findings with the checks': one of the same cause becomes part of it, one that explains a line takes
    its place, and where the log shows a failure errors that it does not speak of stand behind: as sure as the facts are
    where it names no error, as guesses where it does. */
enum ff_failure { FF_FAILURE_NONE, FF_FAILURE_UNNAMED, FF_FAILURE_NAMED };
struct ff_error *ff_findings_confirm(const struct ff_rules *rules, const struct ff_findings *checks,
	enum ff_failure failure, struct ff_findings *log);

/** True where the line that a finding of the log rests on names packages, or files of a model, and what a check found
    is about others. Both are answers. */
bool ff_finding_concerns_other(const json_t *said, const json_t *check);

/** What checks on facts alone could look at: ["driver 570.86.10", "1 GPU", "no torch found", ..., "41 checks"]; of the
    engine that is asked for, its release. */
json_t *ff_looked_at(const json_t *facts, const struct ff_rules *rules, const char *engine);

/** Add how it stands to the document: `verdict`, `runs`, `history` and `unexplained`. `scan` is NULL without a log. */
struct ff_error *ff_outcome(
	struct ff_rules *rules, const struct ff_scan *scan, const struct ff_findings *findings, json_t *doc);

/** Does the log tell a failure, whoever knows its cause? */
bool ff_outcome_failed(struct ff_rules *rules, const struct ff_scan *scan);

struct ff_diagnose_options;

/** The facts to judge with: those of the options, others that fit the log, or NULL; *ret_told is `facts_of` of the
    contract. */
struct ff_error *ff_whose_facts(
	const struct ff_diagnose_options *options, const json_t *said, json_t **ret_facts, json_t **ret_told);

/** What a fix is written for and tried on; each may be NULL. */
struct ff_ground {
	const json_t *facts; /**< firstfix.facts/1 */
	const json_t *said;  /**< what the log says of its own machine */
	const struct ff_scan *scan;
};

/** Turn what the answers intend into fixes for this machine. A rule that intends what is no intention is reported in
    `broken`. */
struct ff_error *ff_findings_fix(
	const struct ff_rules *rules, const struct ff_ground *ground, struct ff_findings *findings, json_t *broken);

/** Try the fixes of all findings on paper: sets `tried` {"result", "text"} in each and moves those that change nothing,
    leave the cause or bring another one behind those that do not. Without facts nothing is tried. */
struct ff_error *ff_findings_try(struct ff_rules *rules, const struct ff_ground *ground, struct ff_findings *findings);
