// A step: a run of the firstfix binary beside or after the worker, with a deadline. It may crash or hang without harm.
#pragma once

#include "supervise/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum step_kind {
	STEP_CHECK,    /**< firstfix check, before the worker */
	STEP_REPORT,   /**< firstfix report, beside the worker */
	STEP_INCIDENT, /**< firstfix incident --from DEATH: its stdout is the verdict */
	STEP_GOOD,     /**< firstfix incident --good-start REPORT */
	STEP_VANISHED, /**< firstfix incident --from DEATH of an earlier run that ended without a word */
	STEP_LEFT,     /**< firstfix incident --left: what shells and others had started and did not see end */
	STEP_RESULT,   /**< firstfix incident --attempt ID --result ... */
	N_STEPS
};

enum { ANSWER_MAX = 64 * 1024 };

struct step {
	pid_t pid; /**< 0: not running */
	enum step_kind kind;
	uint64_t deadline_ns;
	int status;		    /**< of wait4(2), once it ended */
	bool late;		    /**< its deadline passed; it was killed */
	struct watch answer, notes; /**< its stdout where that is read; its stderr while the terminal is raw */
	size_t n;
	char *text; /**< the answer, ANSWER_MAX bytes, for steps that give one */
};

/** Before the first. */
void steps_init(struct supervisor *s);

/** Start one. `argv` is NULL-terminated; its first word is replaced by the binary. 0 or -errno. */
int step_start(struct supervisor *s, enum step_kind kind, const char *argv[], unsigned deadline_s);

/** A child was reaped: true when it was a step. */
bool step_reaped(struct supervisor *s, pid_t pid, int status);

/** Kill what is past its deadline. Returns the next deadline, 0 for none. */
uint64_t step_tick(struct supervisor *s, uint64_t now_ns);

/** It ended in time and with exit code 0. */
bool step_ok(const struct step *step);

/** Kill one that still runs. */
void step_kill(struct supervisor *s, enum step_kind kind);
