// A failure as one document: what died, what was true before and then, what was said, what it means, what to do.
//
// firstfix.incident/1: schema, at, fingerprint, command_key, command, argv, cwd, how, exit, lasted_ms, started_at,
// ended_at, phase, exception {type, message, frames}, facts {startup, failure}, changed (against the last good start),
// last_good (bool), events, memory [{at, ...}], tail {stdout, stderr, output, order [{stream, lines, at}]}, diagnosis
// (firstfix.diagnosis/1), attempts, death (the supervisor's document), title;
// stop_sent {text, pid, uid, name}: who had asked for a stop; stop_timeout {grace_ms, state}: in which it did not end;
// working_on [begin event]: the phases that were open; told [{incident, type,
// message, shown}]: what it told of itself while it lived; untold [{incident, times}]: what it had no time to tell,
// stored since (untold.h); ended_by: id of the incident whose exception ended the
// process (this one); of a failure inside a living process also pid, process, worker, run_id, request, model,
// gpu_memory, sent_by, crash_stack (of a child that a signal ended: what faulthandler printed).
#pragma once

#include "base/json.h"
#include "store/store.h"

/** A firstfix.death/1 document (src/supervise/death.h says what is in it). */
struct ff_error *ff_death_read(const char *path, json_t **ret);

/** Put together what is known of a death: reads tails, start-up report and lanes, collects facts now, diagnoses.
    `store` may be NULL (a locked or full disk): then there is no last good start to compare with. What cannot be had is
    left out. */
struct ff_error *ff_incident_assemble(const json_t *death, struct ff_store *store, json_t **ret);

/** What a living process tells of a failure inside of it, or of a child of it that died (firstfix.failure/1), from a
    file or "-": how ("failure", or "signal" of a child), title, pid, process (its name), worker (the machine's),
    run_id, command, argv, cwd, command_key, python, environ (a file with its variables of now), lane (path), pids
    (whose events count in it), phase, request {id, method, path, function, phase_id}, model, lasted_ms, exit, sent_by
    and only_at_work (of a child), children_since_ns (what processes below it recorded since then belongs to the
    diagnosis), token (of this telling: untold.h), exception {type, message, frames, led_to_it [{type, message}]},
    gpu_memory [line], log (the traceback and what was said before it). All but `schema` may be missing. */
struct ff_error *ff_failure_read(const char *path, json_t **ret);

/** The incident of it; *ret stays NULL where it is none: only_at_work, and no phase was open. `store` as above. */
struct ff_error *ff_incident_of_failure(const json_t *failure, struct ff_store *store, json_t **ret);

/** The incident of a process that ended without a word, by the lane that it left (`lane` is its path, `pid` its number,
    `other_boot`: the machine was started anew since); *ret stays NULL where it was not at work. */
struct ff_error *ff_incident_of_left(
	const char *lane, uint32_t pid, bool other_boot, struct ff_store *store, json_t **ret);

/** The same without a supervisor: a log, the facts it was explained with, and the diagnosis. */
struct ff_error *ff_incident_of_log(const char *log_name, const json_t *facts, const json_t *diagnosis, json_t **ret);

/** What the lanes of a run say (or the one file that `lane` names): events (newest FF_INCIDENT_EVENTS), memory samples,
    the phases that were open at the end, and the incident that ended it. */
struct ff_error *ff_incident_lanes(const json_t *death, json_t *incident);

/** The worker's own account of its exception in place of what the output shows: without prefixes, and without what was
    printed behind it, such as our own diagnosis of a request. */
struct ff_error *ff_incident_own_words(json_t *incident);

/** The verdict for the supervisor, key=value lines. `death` may be NULL: then nothing is restarted. Caller frees. */
struct ff_error *ff_incident_verdict(const json_t *death, const json_t *incident, const char *id, char **ret);

enum { FF_INCIDENT_EVENTS = 200, FF_INCIDENT_SAMPLES = 500 };
