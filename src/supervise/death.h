// What the supervisor hands to the incident step about a death, and what it expects back.
//
//	firstfix incident --from <state>/deaths/<run>.<attempt>.json     the document below; stdout is the verdict
//	firstfix incident --attempt ID --result passed|failed --say TEXT what became of the attempt that a verdict asked for
//	firstfix incident --good-start REPORT --command-key KEY          this start was good: its facts become the last good ones
//
// firstfix.death/1 (one JSON object; what is not known is absent; sizes are bytes, times RFC 3339 UTC):
//
//	schema, run_id, attempt, attempts_max, recover ("off|env|restart"), on_hopeless ("exit|sleep"), supervisor_version
//	command          the command line, quoted for a shell	argv  its words		cwd
//	command_key      16 hexadecimal digits: the same for the same argv and folder
//	how              "exit" | "signal" | "oom-kill" | "hang" | "preflight" | "not-started" | "stop-timeout": it was told to stop and
//			 ended only by our SIGKILL | "vanished": supervisor and worker ended without a word; written in advance,
//			 so that all of the end is missing, and said by a later run
//	boot_id, start_time of the kernel and of the worker (field 22 of its stat): whether it still runs
//	exit             {"code": 1} or {"signal": 11, "name": "SIGSEGV", "core": true}; for a hang only when we ended it
//	started_at, ended_at, lasted_ms, pid, supervisor_pid
//	stop_signal      a stop signal that we had forwarded; a death by it is no incident, but a crash while stopping is
//	stop_sent        {"text", "pid", "uid", "name"} of who sent it to us; pid 0 is outside of our container, no pid a terminal
//	error            preflight and not-started: the reason in one line
//	rusage           {"user_ms", "system_ms", "max_rss", "major_faults"}
//	cgroup           {"path", "version", "before": {"limit", "current", "peak", "limit_hits", "oom_kill"}, "after": {...}}
//	oom              [text, ...]: what speaks for the OOM killer; there only when something does
//	kmsg             [line, ...]: kernel lines since the start that speak of OOM, faults, Xid
//	tails            [{"stream": "stdout|stderr|output", "path", "bytes", "total", "turns"}]: plain files; total is all that was
//			 printed, turns a file that tells in which order the streams were read (tail.h)
//	orphans          [{"pid", "exit": {...}}]: descendants that died badly while the worker lived
//	state_dir, lanes the folders; lanes of this run are those of `pids` and of whoever recorded since started_at
//	pids             [pid, ...]: the worker and the descendants that we saw
//	report           the start-up report (firstfix.facts/1); may not exist yet, or not at all
//	applied          {"NAME": "VALUE", ...}: what recovery had set for this attempt; null: it was unset
//	incident         id of the incident that asked for this attempt
//	hang             {"quiet_ms", "action": "report|restart|kill", "threads": [{"tid", "name", "state", "wchan", "syscall",
//			 "stack"}], "python_dump": true when faulthandler was asked to print its stacks (they are in the tail)}
//	stop_timeout     {"grace_ms", "state": of its main thread at that time, "python_dump": as above}
//
// The verdict is text on stdout, one key=value a line, values without newlines; unknown keys are skipped, at most 64
// KiB:
//
//	firstfix.verdict/1
//	incident=ID		of the stored incident
//	action=restart|give-up	restart only when the death document's `recover` allows it
//	set=NAME=VALUE		repeatable: for the next attempt; needs recover env or restart
//	unset=NAME		repeatable
//	cause=, fix=		as in firstfix.diagnosis/1 (fix is its kind)
//	say=			one sentence for the log: what is done and why
//	phase=			the phase that failed, if known: its end in a lane proves the attempt
//
// What the step prints for people goes to its stderr, which is ours. It runs under --incident-timeout; when it fails,
// is late or says something else, the supervisor prints a short incident itself and does as with action=give-up.
#pragma once

#include <stddef.h>

struct supervisor;

/** Write tails and the death document. 0 and its path in *ret, or -errno (the folder is full, read-only, not there). */
int death_write(struct supervisor *s, const char **ret);

/** Write the document of a run that is not over to `fd`, for the case that nobody comes to write its end. 0 or
    -errno. */
int death_write_in_advance(struct supervisor *s, int fd);

/** The incident is stored: remove the document and the tails that it was made from. */
void death_forget(struct supervisor *s);

/** True when this death is one to look into: not exit 0, not the stop that was asked for. */
int death_is_incident(const struct supervisor *s);

/** "SIGTERM". */
const char *death_signal_name(int signal);

/** "SIGTERM from pid 12 (bash)": who asked the worker to stop. */
void death_stop_words(const struct supervisor *s, size_t n, char *ret);

/** "it was killed by SIGSEGV (core dumped)": for our own messages. */
const char *death_words(const struct supervisor *s);

/** The incident that needs nobody else: what died, how, the last lines, where the rest lies. To stderr. */
void death_obituary(struct supervisor *s, const char *why_not_more);

/** Why an incident step was not started, for it. */
const char *death_why_not_more(int error);
