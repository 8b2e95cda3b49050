// What `firstfix run` was told.
#pragma once

#include <stdbool.h>

enum { HANG_REPORT, HANG_RESTART, HANG_KILL };
enum { HOPELESS_EXIT, HOPELESS_SLEEP };
enum { ORPHAN_KEEP, ORPHAN_TERM, ORPHAN_KILL };
enum { RECOVER_OFF, RECOVER_ENV, RECOVER_RESTART };
enum { REPORT_FULL, REPORT_BRIEF, REPORT_OFF };
enum { TERMINAL_AUTO, TERMINAL_OFF };
enum { MAX_MIB_DEFAULT = 512 };

struct options {
	int attempts, backoff_s, check, good_after_s, grace_s, group, hang_action, hang_after_s, incident_s, max_mib,
		on_hopeless, orphan, quarantine, recover, report, tail_kib, terminal;
	const char *listen; /**< where the agent serves, NULL for no agent */
	const char *tool;   /**< the firstfix binary for reports and incidents; "-" where there is none */
	char **argv;	    /**< the command, NULL-terminated, never empty */
};

/** Read environment and command line: --tool=PATH, then what cmd_run.c lets through as --name=VALUE, then -- and the
    command. 0, or -EINVAL after saying what is wrong. */
int options_parse(int argc, char **argv, struct options *ret);

/** The word for a choice ("env"), for documents; borrowed until the next call. */
const char *options_word(const char *name, int value);
