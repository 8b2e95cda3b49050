// What the makers of incidents share. Only src/incident includes this.
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "store/store.h"

/** A part that failed is not worth the incident. */
void ff_incident_optional(struct ff_error *err);

/** A log in memory, to be read from its beginning; takes nothing of `log`. */
struct ff_error *ff_incident_log_fd(const struct ff_buf *log, int *ret_fd);

/** A file of the supervisor's; we may be root, and the worker not: what was not written by our own side is not read. */
struct ff_error *ff_incident_read_file(const char *path, size_t max, struct ff_buf *ret);

struct ff_error *ff_incident_read_json(const char *path, size_t max, const char *schema, json_t **ret);

/** `tail.order`: [{stream, lines, at}], how many lines of which stream came when (emit/tail.h). */
void ff_incident_put_order(const json_t *death, json_t *incident);

/** The tail with the order in which it was printed, for a diagnosis; NULL for none. */
json_t *ff_incident_tail_as_printed(const json_t *death, const json_t *incident);

/** Of the output of a worker that was ended from outside: what stands behind the last failure that it had survived. */
const char *ff_incident_behind_survived(const json_t *incident, const char *text);

/** Append what a worker printed, without our own blocks in it. */
void ff_incident_add_output(struct ff_buf *log, const char *text);

/** `changed`: against the last good start of the command. */
void ff_incident_put_changes(struct ff_store *store, json_t *incident);

/** fingerprint, at, command_key, title. */
struct ff_error *ff_incident_put_identity(json_t *incident);

/** What the system said of the death, as lines that rules know, behind what the worker printed; and out of the answer
    again what we wrote ourselves. A process that failed is never called healthy. */
void ff_incident_add_system_lines(const json_t *death, struct ff_buf *log);
void ff_incident_take_own_line(const json_t *death, json_t *diagnosis);

/** `crash_stack` of a child that died by a signal: what faulthandler printed, where that can be found. */
void ff_incident_put_crash(const json_t *failure, json_t *incident);

/** facts.failure.run.oom_killed: false, where the counter of the run's control group says that the OOM killer did not
    strike. */
void ff_incident_put_no_oom(const json_t *death, json_t *incident);

/** What a process was at when it ended, the newest of `working_on`, as `request` and `model`. */
void ff_incident_put_request(json_t *incident);

/** facts.failure: of this machine, now; `python` may be NULL. */
void ff_incident_put_facts_of_now(const char *python, json_t *incident);

/** `killed_by` {who, text} of a death by SIGKILL: by what can be seen, never by guess. */
struct ff_error *ff_incident_put_killer(const json_t *death, json_t *incident);
