// What one call of `firstfix fix` was asked, what it knows, and its answer.
#pragma once

#include "cli/fix_container.h"
#include "cli/fix_plan.h"
#include "cli/output.h"

struct ff_fix_request {
	struct ff_output output;
	const char *dir, *python, *source;
	bool source_given;
	struct ff_container_request in;
	unsigned seconds, command_seconds;
	unsigned which; /**< of the fixes, from 1 */
	char **command; /**< behind --, NULL-terminated; NULL for none */
	json_t *diagnosis, *facts;
	json_t *answer; /**< firstfix.fix/1 */
};

/** Read the log, the incident or the container's log, and the facts that belong to it. */
struct ff_error *ff_fix_read(struct ff_fix_request *r);

/** Take a fix apart for this machine; afterwards r->facts are those of the interpreter that it changes. */
struct ff_error *ff_fix_plan_for(struct ff_fix_request *r, const json_t *fix, struct ff_fix_plan *ret);

/** The interpreter's facts as they are now. */
struct ff_error *ff_fix_facts(const char *python, json_t **ret);

/** Put what the resolver would change into the answer; that it finds no answer is said there, not fatal. */
struct ff_error *ff_fix_show_changes(struct ff_fix_request *r, const struct ff_fix_plan *plan);

/** Do it here; undo the last one. Each gives the exit code, and the answer is written. */
int ff_fix_apply_here(struct ff_fix_request *r, const json_t *fix);
int ff_fix_undo_last(struct ff_fix_request *r);

/** One sentence of the answer: "how", "error", "said", "warning". */
void ff_fix_note(struct ff_fix_request *r, const char *key, const char *text);
void ff_fix_note_by_hand(struct ff_fix_request *r, const struct ff_fix_plan *plan);

/** Write the answer, or say `err`; gives `code`, or 2. Everything that the request owns is released. */
int ff_fix_leave(struct ff_fix_request *r, struct ff_error *err, int code);
