// The supervisor: everything it knows, its states and what can happen to it.
//
// Error idiom of this room: a function that can fail returns -errno (or a value >= 0), its caller says what failed and
// goes on. After start-up nothing is fatal. No threads, no Lua, no dlopen; memory is fixed, but for a worker's
// environment.
#pragma once

#include "supervise/agent.h"
#include "supervise/cgroup.h"
#include "supervise/hang.h"
#include "supervise/kmsg.h"
#include "supervise/loop.h"
#include "supervise/open_run.h"
#include "supervise/options.h"
#include "supervise/recover.h"
#include "supervise/state_dir.h"
#include "supervise/step.h"
#include "supervise/stream.h"
#include "supervise/terminal.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define STATES                                                                         \
	X(CHECKING) /* the preflight runs, the worker is not started */                \
	X(STARTING) /* forked, not yet executed */                                     \
	X(UP)	    /* the worker runs */                                              \
	X(HUNG)	    /* it lives without progress; the incident step looks at it */     \
	X(STOPPING) /* it was told to stop, SIGKILL may follow */                      \
	X(DRAINING) /* it is dead, its last output is still on the way */              \
	X(INCIDENT) /* the incident step looks into the death */                       \
	X(BACKOFF)  /* waiting for the next attempt */                                 \
	X(HOPELESS) /* staying up with nothing running, as --on-hopeless sleep asks */ \
	X(LEAVING)  /* exit code known, output still on the way to a slow reader */    \
	X(GONE)

#define EVENTS                                                                           \
	X(STARTED)    /* the worker's program was executed */                            \
	X(CHILD_EXIT) /* the worker is dead and reaped */                                \
	X(STEP_DONE)  /* the check or the incident step ended, or its deadline passed */ \
	X(TIMER)      /* the deadline of the state passed */                             \
	X(STOP)	      /* a signal that asks to stop came (it was forwarded already) */   \
	X(DRAINED)    /* nothing is on its way in any stream */                          \
	X(HANG)	      /* alive without progress for --hang-after */

enum state {
#define X(name) ST_##name,
	STATES
#undef X
		N_STATES
};

enum event {
#define X(name) EV_##name,
	EVENTS
#undef X
		N_EVENTS
};

enum { N_STREAMS = 2, N_HELD = 6, N_ORPHANS = 8, RUN_ID_LEN = 40 };

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/** Who asked for a stop, as signalfd(2) says it; of SIGKILL the kernel tells nobody. */
struct stop_sender {
	int signal;   /**< 0: nobody asked */
	bool process; /**< a process sent it, no terminal and no timer */
	pid_t pid;    /**< 0: it is outside of our process namespace */
	uid_t uid;
	char name[32]; /**< empty when it was gone already */
};

/** The worker of this attempt. */
struct worker {
	pid_t pid; /**< 0: none is running */
	int attempt;
	int status; /**< of wait4(2), once it is dead */
	struct rusage usage;
	uint64_t started_ns, ended_ns; /**< monotonic; 0: not yet */
	uint64_t started_epoch_ns, ended_epoch_ns;
	bool refused;		 /**< the check found an error: it was never started */
	bool good;		 /**< it lived so long that its start counts as good */
	int exec_errno;		 /**< why the program could not be executed */
	int stop_signal;	 /**< the first stop signal that was forwarded to it, 0 for none */
	struct stop_sender stop; /**< of that signal */
	bool killed;		 /**< we ended it: grace was over, or it hung */
	bool late;		 /**< it did not end within the grace time of a stop */
	char stood[96];		 /**< where its main thread was then: "S (sleeping), futex_wait_queue" */
};

/** A process that was not our worker, came to us as an orphan and died badly. */
struct orphan {
	pid_t pid;
	int status;
};

struct supervisor {
	struct options options;
	struct state_dir dir;
	char run_id[RUN_ID_LEN];
	enum state state;
	uint64_t deadline_ns; /**< of the state; 0 for none */
	int exit_code;
	int stop_signal; /**< somebody wants us to end; stays set from then on */

	int epoll;
	struct watch signals, exec_status;
	struct rlimit outer_files;
	sigset_t outer_mask; /**< what we were started with, for children */
	void (*outer_sigpipe)(int);
	void (*outer_sigchld)(int);
	struct stream streams[N_STREAMS];
	const struct stream *turn; /**< which was read last */
	bool one_output;	   /**< stdout and stderr are one file: so is the worker's */
	bool busy;		   /**< small reads in this round: see loop_pace() */
	uint64_t progress;	   /**< counts reads of the worker's output */

	struct worker worker;
	struct orphan orphans[N_ORPHANS];
	unsigned n_orphans;
	struct terminal terminal;
	struct step steps[N_STEPS];
	bool had_incident; /**< this attempt ended with one */
	bool stored;	   /**< and that is in the database: the files it was made from can go */
	int held[N_HELD];  /**< files of the last death, where they lie in memory only */
	unsigned n_held;
	char report[512]; /**< path of the start-up report, empty for none */
	struct cgroup cgroup;
	struct cgroup_counts cgroup_before;
	struct kmsg kmsg;
	struct hang hang;
	struct recovery recovery;
	struct open_run open;
	struct agent agent;
};

/** Let the table act. */
void dispatch(struct supervisor *s, enum event event);

/** Enter a state; `timeout_ms` 0 sets no deadline. */
void enter(struct supervisor *s, enum state state, uint64_t timeout_ms);

/** Begin: the check, or the first attempt. */
void states_begin(struct supervisor *s);

/** True when nothing waits at the worker's end of any stream; and when ours have taken everything. */
bool streams_read(const struct supervisor *s);
bool streams_written(const struct supervisor *s);

/** Send a signal to the worker's process group. */
void kill_group(struct supervisor *s, int signal);

/** Forward a signal to the worker: to it alone, or to its group when a terminal sent it to a group. */
void forward(struct supervisor *s, int signal, bool group);
