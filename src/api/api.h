// What the files of the facade share about each other's opaque types. Nobody else includes this.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

/** Facts of a document; with a reference of their own to it. */
struct ff_error *ff_facts_of_document(json_t *doc, struct ff_facts **ret);

/** The documents inside, borrowed. */
const json_t *ff_facts_document(const struct ff_facts *facts);
const json_t *ff_diagnosis_document(const struct ff_diagnosis *diagnosis);

/** What is stored, newest first; an empty list where nothing ever was. */
struct ff_error *ff_incidents_list(const char *dir, json_t **ret);

/** For struct ff_diagnose_options: the interpreter that the log names on this machine, then stored start-up reports;
    `worker` is the id of a run or a word of its command line, NULL for any. */
struct ff_error *ff_other_facts(
	const json_t *said, unsigned index, const char *worker, json_t **ret_facts, char **ret_what);
/** The start-up reports alone, for a log of another machine; `worker` may also be the id of a container. */
struct ff_error *ff_other_reports(
	const json_t *said, unsigned index, const char *worker, json_t **ret_facts, char **ret_what);

/** This machine: for facts that are assumed to be the log's. */
const struct ff_here *ff_here(void);

/** What vendor libraries would answer where the files of `root` are to run, as .firstfix/live.json has it; NULL where
    no plan was said. FF_EUSAGE for a GPU or a driver that is none. */
struct ff_error *ff_planned_machine(const struct ff_collect_options *options, json_t **ret);

/** Put what is planned and no probe would find into facts: "planned": {"disk": {"free"}, "model": {"name", "bytes"}}.
    FF_EUSAGE for a size that is none, or the error of a model that cannot be read. */
struct ff_error *ff_planned_facts(const struct ff_collect_options *options, json_t *facts);

/** Facts of a file of packages, with what is planned; its lines go into an answer by ff_requirements_lines(). */
struct ff_error *ff_requirements_facts(const char *path, const json_t *planned, json_t **ret);
void ff_requirements_lines(const json_t *facts, json_t *diagnosis);

/** What the requirements.txt of workdir.folder asks for, and what excludes each other in it: workdir.requirements. */
struct ff_error *ff_requirements_beside(json_t *doc);

/** Append where secrets stand in these variables and steps (NULL for none): {"in": "ENV HF_TOKEN", "kind": "named"}. */
struct ff_error *ff_image_secrets_of(const json_t *env, const json_t *history, json_t *list);

/** Put what the image holds of secrets into its live.json ("image.secrets"): where, of which kind, never a value. */
struct ff_image;
struct ff_error *ff_image_secrets(struct ff_image *image);

/** Mask and store a firstfix.incident/1; the document gets its id. */
struct ff_store;
struct ff_error *ff_incident_add_to(struct ff_store *store, json_t *doc);

/** The same once for each token (NULL: without one); *ret_first is false where it was stored before. */
struct ff_error *ff_incident_add_once(struct ff_store *store, const char *token, json_t *doc, bool *ret_first);

/** Store and count the failures that a dead process had no time to tell of, the `untold` of its incident
    (incident/untold.h); each gets its `incident` there. `store` may be NULL. */
void ff_tell_for_the_dead(struct ff_store *store, json_t *doc);

/** Of the processes in `pids` of this death or failure, and of those that they had started, is told. */
void ff_left_told(const char *dir, const json_t *told);
/** An incident for a person, or with FIRSTFIX_LOG=json as one line. */
struct ff_error *ff_incident_say(json_t *doc, const struct ff_style *style, char **ret);

/** What to say of an incident that was not stored, `why` (which is taken; NULL for one that was): a copy of it is kept
    in waiting/ of the state folder where that takes it. Its `unstored` says so: "waiting" or "lost". */
struct ff_error *ff_waiting_keep(const char *dir, json_t *doc, struct ff_error *why);
/** True of an incident that is stored, or will be. */
bool ff_waiting_is_kept(const json_t *doc);
/** Store what waits. */
void ff_waiting_take(const char *dir, struct ff_store *store);
bool ff_waiting_any(const char *dir);
