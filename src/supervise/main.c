// firstfix-supervise: stays beside a worker, as PID 1 or anywhere else. `firstfix run` executes it.
//
// One loop over epoll: signals (signalfd), the worker's output, pipes of the steps; deadlines are the loop's timeout.
// What happens goes as an event to the table in states.c.
#include "base/clock.h"
#include "supervise/process.h"
#include "supervise/say.h"
#include "supervise/spawn.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 16, PACE_US = 5000 };

static struct supervisor the;

// Signals of our own making must kill us as ever; all others are the worker's.
static const int ours[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

static void worker_changed(struct supervisor *s, int status, const struct rusage *usage)
{
	if (WIFSTOPPED(status)) {
		terminal_stopped(s);
		return;
	}
	if (WIFCONTINUED(status))
		return;
	s->worker.status = status;
	s->worker.usage = *usage;
	s->worker.ended_ns = ff_clock_ns();
	s->worker.ended_epoch_ns = ff_clock_epoch_ns();
	terminal_ended(s);
	dispatch(s, EV_CHILD_EXIT);
}

static void orphan_ended(struct supervisor *s, pid_t pid, int status)
{
	bool bad = WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGINT;
	if (bad && s->n_orphans < N_ORPHANS)
		s->orphans[s->n_orphans++] = (struct orphan){pid, status};
}

static void reap(struct supervisor *s)
{
	struct rusage usage;
	int status;
	pid_t pid;
	while ((pid = wait4(-1, &status, WNOHANG | WUNTRACED, &usage)) > 0) {
		if (pid == s->worker.pid && !s->worker.ended_ns)
			worker_changed(s, status, &usage);
		else if (!WIFSTOPPED(status) && !step_reaped(s, pid, status) && !agent_reaped(s, pid, status))
			orphan_ended(s, pid, status);
	}
}

static bool asks_to_stop(int signal)
{
	return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
}

// A write of ours to a pipe without a reader, a look of ours at a terminal in the background: the worker has its own of
// these.
static bool is_for_us(const struct signalfd_siginfo *info)
{
	bool terminal = info->ssi_signo == SIGTTIN || info->ssi_signo == SIGTTOU;
	return (info->ssi_signo == SIGPIPE && info->ssi_pid == (uint32_t)getpid()) || (terminal && info->ssi_code > 0);
}

static void note_sender(struct supervisor *s, const struct signalfd_siginfo *info)
{
	struct stop_sender *stop = &s->worker.stop;
	char path[32];
	if (stop->signal)
		return;
	*stop = (struct stop_sender){
		(int)info->ssi_signo, info->ssi_code <= 0, (pid_t)info->ssi_pid, info->ssi_uid, ""};
	snprintf(path, sizeof(path), "/proc/%u/comm", info->ssi_pid);
	if (stop->process && stop->pid && !process_text(path, sizeof(stop->name), stop->name))
		stop->name[0] = '\0';
}

static void take_signal(struct supervisor *s, const struct signalfd_siginfo *info)
{
	int signal = (int)info->ssi_signo;
	if (signal == SIGCHLD) {
		reap(s);
	} else if (signal == SIGCONT) {
		terminal_continued(s);
	} else if (signal == SIGWINCH && s->terminal.own) {
		terminal_resized(&s->terminal);
	} else if (!is_for_us(info)) {
		// A terminal sends to all of its foreground group; everybody else meant the worker alone.
		forward(s, signal, s->options.group || info->ssi_code > 0);
		if (asks_to_stop(signal)) {
			s->stop_signal = signal;
			note_sender(s, info);
			dispatch(s, EV_STOP);
		}
	}
}

static void signals_ready(struct supervisor *s, struct watch *w, uint32_t events)
{
	(void)events;
	struct signalfd_siginfo info;
	while (read(w->fd, &info, sizeof(info)) == sizeof(info))
		take_signal(s, &info);
}

// A page of a tail is gone, because somebody cut the file: the ring goes on in memory.
static void bus_error(int signal, siginfo_t *info, void *context)
{
	(void)context;
	for (int i = 0; i < N_STREAMS; i++)
		if (tail_rescue(&the.streams[i].tail, info->si_addr))
			return;
	sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static int catch_signals(struct supervisor *s)
{
	sigset_t set;
	sigfillset(&set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigdelset(&set, ours[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaction(SIGBUS, &(struct sigaction){.sa_sigaction = bus_error, .sa_flags = SA_SIGINFO}, NULL);
	s->signals = (struct watch){.ready = signals_ready, .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
	if (s->signals.fd < 0)
		return -errno;
	return watch_set(s->epoll, &s->signals, EPOLLIN);
}

static bool same_file(int a, int b)
{
	struct stat x, y;
	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// Supervisors of many containers share a folder, and each is process 1 of a machine that started in the same
// millisecond.
static void make_run_id(char ret[RUN_ID_LEN])
{
	uint64_t random = 0;
	char boot[40] = "";
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) { // too early after the boot
		process_text("/proc/sys/kernel/random/boot_id", sizeof(boot), boot);
		for (const char *c = boot; *c; c++)
			random = (random ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		random = (random ^ ff_clock_ns()) * UINT64_C(0x9e3779b97f4a7c15) ^ (uintptr_t)&random;
	}
	snprintf(ret, RUN_ID_LEN, "%llx-%016llx", (unsigned long long)(ff_clock_epoch_ns() / NS_PER_MS),
		(unsigned long long)random);
}

static int begin(struct supervisor *s)
{
	make_run_id(s->run_id);
	sigprocmask(SIG_SETMASK, NULL, &s->outer_mask);
	s->outer_sigpipe = signal(SIGPIPE, SIG_DFL); // blocked; one that is ignored could not be forwarded
	s->outer_sigchld = signal(SIGCHLD, SIG_DFL);
	getrlimit(RLIMIT_NOFILE, &s->outer_files);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){s->outer_files.rlim_max, s->outer_files.rlim_max});
	for (int i = 0; i < N_STREAMS; i++) {
		struct stream *st = &s->streams[i];
		out_init(&st->out, STDOUT_FILENO + i);
		st->open = st->out.way != OUT_CLOSED;
		st->in.fd = st->drain.fd = st->tail.fd = -1;
	}
	s->one_output = same_file(STDOUT_FILENO, STDERR_FILENO);
	s->exec_status.fd = -1;
	terminal_init(&s->terminal, s->options.terminal == TERMINAL_AUTO);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = s->epoll < 0 ? -errno : catch_signals(s);
	if (error)
		return error;
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1))
		say("orphans of the command are not ours to reap: %s", strerror(errno));
	steps_init(s);
	state_dir_open(&s->dir);
	s->open.fd = -1;
	cgroup_find(&s->cgroup);
	kmsg_open(&s->kmsg);
	return 0;
}

static void sooner(uint64_t *next, uint64_t at)
{
	if (at && (!*next || at < *next))
		*next = at;
}

// What the clock brings; returns the milliseconds until it brings the next, -1 for never.
static int tick(struct supervisor *s)
{
	uint64_t now = ff_clock_ns(), next = 0;
	if (s->deadline_ns && now >= s->deadline_ns) {
		s->deadline_ns = 0;
		dispatch(s, EV_TIMER);
	}
	sooner(&next, step_tick(s, now));
	sooner(&next, hang_tick(s, now));
	sooner(&next, recovery_tick(s, now));
	sooner(&next, agent_tick(s, now));
	sooner(&next, s->deadline_ns);
	if (!next)
		return -1;
	now = ff_clock_ns();
	uint64_t ms = next > now ? (next - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

// A worker that prints line by line would wake us for each of them. After a small read we look away for a moment, in
// which the next lines gather in the pipe; a flood never comes here. The other stream ends that moment: what has
// gathered until then was printed before what comes there, and is served first.
static void pace(struct supervisor *s)
{
	if (!s->busy)
		return;
	s->busy = false;
	struct pollfd p[1 + N_STREAMS] = {{.fd = s->signals.fd, .events = POLLIN}};
	for (int i = 0; i < N_STREAMS; i++) {
		const struct stream *st = &s->streams[i];
		bool other = s->turn && st != s->turn && st->used && st->in.armed && st->in.events;
		p[1 + i] = (struct pollfd){.fd = other ? st->in.fd : -1, .events = POLLIN};
	}
	ppoll(p, 1 + N_STREAMS, &(struct timespec){.tv_nsec = PACE_US * 1000}, NULL);
}

static void serve(struct supervisor *s, const struct epoll_event *events, int n)
{
	const void *first = s->turn;
	for (int i = 0; i < 2 * n; i++) {
		struct watch *w = events[i % n].data.ptr;
		bool its_turn = first && w->of == first;
		if (its_turn == (i < n) && w->fd >= 0 && w->armed)
			w->ready(s, w, events[i % n].events);
	}
}

static void drained(struct supervisor *s)
{
	bool notes = s->steps[STEP_GOOD].pid || s->steps[STEP_RESULT].pid || s->steps[STEP_VANISHED].pid;
	bool written = streams_written(s);
	if (s->state == ST_DRAINING ? written && streams_read(s) : s->state == ST_LEAVING && written && !notes)
		dispatch(s, EV_DRAINED);
}

static void loop(struct supervisor *s)
{
	while (s->state != ST_GONE) {
		struct epoll_event events[EVENTS_AT_ONCE];
		pace(s);
		int timeout = tick(s);
		drained(s);
		if (s->state == ST_GONE)
			break;
		if (s->busy || s->state == ST_DRAINING)
			timeout = timeout < 0 || timeout > 1 ? 1 : timeout;
		int n = epoll_wait(s->epoll, events, EVENTS_AT_ONCE, timeout);
		serve(s, events, n);
	}
}

int main(int argc, char **argv)
{
	struct supervisor *s = &the;
	if (options_parse(argc, argv, &s->options))
		return 2;
	char number[16];
	snprintf(number, sizeof(number), "%d", s->options.max_mib);
	if (getenv("FIRSTFIX_MAX_MIB") || s->options.max_mib != MAX_MIB_DEFAULT)
		setenv("FIRSTFIX_MAX_MIB", number, 1); // for the steps and the worker's recorder
	snprintf(number, sizeof(number), "%d", s->options.quarantine);
	if (s->options.quarantine)
		setenv("FIRSTFIX_QUARANTINE", number, 1); // for the hooks and the agent
	int error = begin(s);
	if (error)
		spawn_plainly(s, error);
	agent_begin(s);
	states_begin(s);
	loop(s);
	agent_end(s);
	return s->exit_code;
}
