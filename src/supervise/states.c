// What the supervisor does in which state: one table. An empty cell: nothing.
//
//	CHECKING -> STARTING -> UP -> DRAINING -> INCIDENT -> BACKOFF -> STARTING ...
//	                        UP -> STOPPING -> DRAINING -> LEAVING -> GONE
//	                        UP -> HUNG -> UP             INCIDENT -> HOPELESS
#include "base/clock.h"
#include "base/logline.h"
#include "supervise/death.h"
#include "supervise/lanes.h"
#include "supervise/say.h"
#include "supervise/spawn.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	DRAIN_MS = 150,	      // a reader that takes nothing does not hold up the incident for longer
	LEAVE_MS = 10 * 1000, // nor our end
	CHECK_S = 30,
	REPORT_S = 120,
	STOPPED_STEP_S = 2, // what a running incident step gets once somebody wants us to end
	HANG_GRACE_MS = 10 * 1000,
	RETRY_MS = 1000,
	PIPE_MAX = 1024 * 1024, // what an ordinary user may ask for
};

void enter(struct supervisor *s, enum state state, uint64_t timeout_ms)
{
	s->state = state;
	s->deadline_ns = timeout_ms ? ff_clock_ns() + timeout_ms * NS_PER_MS : 0;
	agent_tell(s);
}

void kill_group(struct supervisor *s, int signal)
{
	if (s->worker.pid > 0)
		kill(-s->worker.pid, signal);
}

void forward(struct supervisor *s, int signal, bool group)
{
	struct worker *w = &s->worker;
	if (w->pid <= 0 || w->ended_ns)
		return;
	kill(group ? -w->pid : w->pid, signal);
	if (!w->stop_signal && (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP))
		w->stop_signal = signal;
}

bool streams_read(const struct supervisor *s)
{
	return stream_is_read(&s->streams[0]) && stream_is_read(&s->streams[1]);
}

bool streams_written(const struct supervisor *s)
{
	return stream_is_written(&s->streams[0]) && stream_is_written(&s->streams[1]);
}

static void leave(struct supervisor *s)
{
	for (int i = 0; i < N_STREAMS; i++)
		if (!stream_is_written(&s->streams[i]))
			out_grow(&s->streams[i].out, PIPE_MAX); // so that it takes what its reader has not come to read
	enter(s, ST_LEAVING, LEAVE_MS);
}

static void gone(struct supervisor *s)
{
	bool keep = s->had_incident && !s->stored;
	for (int i = 0; i < N_STREAMS; i++)
		stream_leave(s, &s->streams[i], keep);
	for (int i = 0; i < N_STEPS; i++)
		step_kill(s, (enum step_kind)i);
	lanes_close(s);
	open_run_end(s);
	state_dir_prune(&s->dir);
	enter(s, ST_GONE, 0);
}

static void start_report(struct supervisor *s)
{
	char name[64];
	snprintf(name, sizeof(name), "%s.json", s->run_id);
	if (!state_dir_file(&s->dir, DIR_reports, name, sizeof(s->report), s->report))
		s->report[0] = '\0';
	const char *argv[13] = {NULL, "report", "--trigger", "startup"};
	size_t n = 4;
	bool quiet = s->options.report == REPORT_OFF;
	if (quiet && !s->report[0])
		return;
	const char *slash = strrchr(s->options.argv[0], '/'); // a bare "python" is found on PATH, by the report too
	if (!strncmp(slash ? slash + 1 : s->options.argv[0], "python", strlen("python"))) {
		argv[n++] = "--python";
		argv[n++] = s->options.argv[0];
	}
	if (s->options.report == REPORT_BRIEF)
		argv[n++] = "--brief";
	if (quiet)
		argv[n++] = "--json";
	else if (ff_logline_wanted())
		argv[n++] = "--line";
	if (s->report[0]) {
		argv[n++] = quiet ? "--output" : "--save";
		argv[n++] = s->report;
	}
	int error = step_start(s, STEP_REPORT, argv, REPORT_S);
	if (error && error != -ENOPKG) // the supervisor alone is what was asked for then
		say("no start-up report: %s", strerror(-error));
}

static void start_attempt(struct supervisor *s)
{
	enter(s, ST_STARTING, 0);
	int error = spawn_worker(s);
	if ((error == -EMFILE || error == -ENFILE) && s->worker.attempt == 1)
		spawn_plainly(s, error);
	if (error) {
		say("cannot start %s: %s; trying again", s->options.argv[0], strerror(-error));
		s->worker.attempt--;
		enter(s, ST_BACKOFF, RETRY_MS);
		return;
	}
	open_run_begin(s); // before a word of it passes through us
	hang_begin(s);
	recovery_started(s);
}

void states_begin(struct supervisor *s)
{
	const char *argv[] = {NULL, "check", ff_logline_wanted() ? "--line" : NULL, NULL};
	if (s->options.check) {
		int error = step_start(s, STEP_CHECK, argv, CHECK_S);
		if (!error) {
			enter(s, ST_CHECKING, 0);
			return;
		}
		say("the check could not be made: %s; starting without", strerror(-error));
	}
	start_attempt(s);
}

static void finish(struct supervisor *s)
{
	if (s->options.on_hopeless == HOPELESS_SLEEP && s->had_incident && !s->stop_signal) {
		say("not restarted; staying up so that nobody else restarts it (--on-hopeless sleep)");
		enter(s, ST_HOPELESS, 0);
		return;
	}
	leave(s);
}

// Restart, or leave with the exit code of the worker.
static void decide(struct supervisor *s, const struct step *step)
{
	uint64_t pause_ms = recovery_died(s, step);
	s->stored = s->recovery.incident[0] && step;
	if (s->stored)
		death_forget(s);
	open_run_end(s);
	if (!pause_ms || s->stop_signal) {
		finish(s);
		return;
	}
	kill_group(s, SIGKILL); // what the worker left behind may still hold the GPU's memory
	for (int i = 0; i < N_STREAMS; i++) {
		if (s->stored)
			tail_remove(&s->streams[i].tail);
		stream_stop(s, &s->streams[i]);
	}
	enter(s, ST_BACKOFF, pause_ms);
}

static int start_incident(struct supervisor *s)
{
	const char *path = NULL;
	s->had_incident = true;
	int error = death_write(s, &path);
	const char *argv[] = {NULL, "incident", "--from", path, NULL};
	return error ? error : step_start(s, STEP_INCIDENT, argv, (unsigned)s->options.incident_s);
}

// What the incident step could not say, we say.
static bool say_step_failed(struct supervisor *s, const struct step *step)
{
	if (step_ok(step))
		return false;
	bool missing = !step->late && WIFEXITED(step->status) && WEXITSTATUS(step->status) == 127;
	death_obituary(s, step->late ? "it took too long" : missing ? "it could not be started" : "it failed");
	return true;
}

static void begin_incident(struct supervisor *s)
{
	int error = start_incident(s);
	if (!error) {
		enter(s, ST_INCIDENT, 0);
		return;
	}
	death_obituary(s, death_why_not_more(error));
	decide(s, NULL);
}

static void check_done(struct supervisor *s)
{
	const struct step *step = &s->steps[STEP_CHECK];
	bool found = !step->late && WIFEXITED(step->status) && WEXITSTATUS(step->status) == 1;
	if (!found) {
		if (!step_ok(step))
			say("the check itself failed; starting without");
		start_attempt(s);
		return;
	}
	s->exit_code = 1;
	s->worker.refused = true;
	say("the check found an error: %s is not started", s->options.argv[0]);
	begin_incident(s);
}

static void stop_check(struct supervisor *s)
{
	step_kill(s, STEP_CHECK);
	s->exit_code = 128 + s->stop_signal;
	leave(s);
}

static void started(struct supervisor *s)
{
	enter(s, ST_UP, 0);
	if (s->worker.attempt > 1)
		return;
	start_report(s);
	state_dir_prune(&s->dir);
	open_run_look(s);
}

static void not_started(struct supervisor *s)
{
	int error = s->worker.exec_errno;
	s->exit_code = error == ENOENT ? 127 : 126;
	say("%s: %s", s->options.argv[0], error == ENOENT ? "command not found" : strerror(error));
	leave(s);
}

static void up_exited(struct supervisor *s)
{
	int status = s->worker.status;
	s->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	step_kill(s, STEP_INCIDENT); // of a hang
	for (int i = 0; i < N_STREAMS; i++) {
		s->streams[i].all = true;
		stream_pump(s, &s->streams[i]);
	}
	enter(s, ST_DRAINING, DRAIN_MS);
}

// A worker that ends at once is reaped before the news of its exec is read.
static void starting_exited(struct supervisor *s)
{
	spawn_result(s);
	if (s->worker.exec_errno)
		not_started(s);
	else
		up_exited(s);
}

static void stop(struct supervisor *s)
{
	enter(s, ST_STOPPING, (uint64_t)s->options.grace_s * 1000);
}

static void stop_hung(struct supervisor *s)
{
	step_kill(s, STEP_INCIDENT);
	stop(s);
}

static void grace_over(struct supervisor *s)
{
	char asked[128];
	if (!s->worker.killed && !s->worker.late) {
		s->worker.late = true;
		uint64_t wait_ms = hang_look_at_late(s);
		if (wait_ms) {
			enter(s, ST_STOPPING, wait_ms);
			return;
		}
	}
	death_stop_words(s, sizeof(asked), asked);
	say("%s did not end in time after %s: SIGKILL", s->options.argv[0], asked);
	s->worker.killed = true;
	kill_group(s, SIGKILL);
}

static void hung(struct supervisor *s)
{
	enter(s, ST_HUNG, hang_ask_for_stacks(s));
}

static void hang_over(struct supervisor *s)
{
	hang_reported(s);
	if (s->options.hang_action == HANG_REPORT) {
		enter(s, ST_UP, 0);
		return;
	}
	s->worker.killed = true;
	kill_group(s, SIGCONT);
	kill_group(s, SIGTERM);
	enter(s, ST_STOPPING, HANG_GRACE_MS);
}

static void look_at_hang(struct supervisor *s)
{
	int error = start_incident(s);
	if (!error)
		return;
	death_obituary(s, death_why_not_more(error));
	hang_over(s);
}

static void hang_seen(struct supervisor *s)
{
	say_step_failed(s, &s->steps[STEP_INCIDENT]);
	hang_over(s);
}

static void drained(struct supervisor *s)
{
	recovery_ended(s);
	if (s->hang.restart)
		decide(s, NULL);
	else if (death_is_incident(s))
		begin_incident(s);
	else
		leave(s);
}

static void incident_done(struct supervisor *s)
{
	const struct step *step = &s->steps[STEP_INCIDENT];
	decide(s, say_step_failed(s, step) ? NULL : step);
}

static void hurry(struct supervisor *s)
{
	uint64_t soon = ff_clock_ns() + STOPPED_STEP_S * NS_PER_S;
	if (s->steps[STEP_INCIDENT].deadline_ns > soon)
		s->steps[STEP_INCIDENT].deadline_ns = soon;
}

static void (*const table[N_STATES][N_EVENTS])(struct supervisor *s) = {
	[ST_CHECKING] = {[EV_STEP_DONE] = check_done, [EV_STOP] = stop_check},
	[ST_STARTING] = {[EV_STARTED] = started, [EV_CHILD_EXIT] = starting_exited, [EV_STOP] = stop},
	[ST_UP] = {[EV_CHILD_EXIT] = up_exited, [EV_STOP] = stop, [EV_HANG] = hung},
	[ST_HUNG] = {[EV_CHILD_EXIT] = up_exited,
		[EV_STOP] = stop_hung,
		[EV_TIMER] = look_at_hang,
		[EV_STEP_DONE] = hang_seen},
	[ST_STOPPING] = {[EV_CHILD_EXIT] = starting_exited, [EV_TIMER] = grace_over},
	[ST_DRAINING] = {[EV_DRAINED] = drained, [EV_TIMER] = drained},
	[ST_INCIDENT] = {[EV_STEP_DONE] = incident_done, [EV_STOP] = hurry},
	[ST_BACKOFF] = {[EV_TIMER] = start_attempt, [EV_STOP] = leave},
	[ST_HOPELESS] = {[EV_STOP] = leave},
	[ST_LEAVING] = {[EV_DRAINED] = gone, [EV_TIMER] = gone, [EV_STOP] = gone},
};

void dispatch(struct supervisor *s, enum event event)
{
	if (table[s->state][event])
		table[s->state][event](s);
}
