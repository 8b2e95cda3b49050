// Runs that are not over: a document of each, written in advance, which its supervisor holds locked while it lives.
//
// One that lies there without a lock belongs to a run that ended without a word: supervisor and worker killed together
// (docker kill, an out-of-memory kill of the whole container), power. The next start makes an incident of it.
#pragma once

struct supervisor;

struct open_run {
	int fd;		/**< of our own document, -1: there is none */
	char told[128]; /**< name of the one that STEP_VANISHED is at, empty for none */
};

/** The worker of an attempt runs; its attempt is over and said. */
void open_run_begin(struct supervisor *s);
void open_run_end(struct supervisor *s);

/** Look for a run that ended without a word and start its incident step, one after the other. */
void open_run_look(struct supervisor *s);

/** That step is over. */
void open_run_told(struct supervisor *s);
