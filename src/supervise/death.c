// The death document: what is known of a death, from wait4(2), the control group, the kernel's log and our own notes.
//
// How a process died is not what its exit status says alone: SIGKILL may be the OOM killer's (only the counters of the
// control group or the kernel's log tell), and a death by a signal that we forwarded is none. The document goes into
// the state folder; where that is full or missing, into memory, which the incident step opens as /proc/PID/fd/N.
#include "supervise/death.h"

#include "base/clock.h"
#include "supervise/joined.h"
#include "supervise/process.h"
#include "supervise/quote.h"
#include "supervise/say.h"
#include "supervise/supervise.h"
#include "supervise/veil.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MAX = 4096, NEAR_LIMIT_PERCENT = 90 };
enum place { ON_DISK, IN_MEMORY, IN_ADVANCE };

static bool is_hang(const struct supervisor *s)
{
	return s->hang.quiet_ms && !s->worker.ended_ns;
}

// Signals by which a process dies of its own fault, also while it is being stopped.
static bool is_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGABRT ||
		signal == SIGSYS || signal == SIGTRAP;
}

// It ended only by our SIGKILL.
static bool is_late(const struct supervisor *s)
{
	return s->worker.late && WIFSIGNALED(s->worker.status) && WTERMSIG(s->worker.status) == SIGKILL;
}

int death_is_incident(const struct supervisor *s)
{
	const struct worker *w = &s->worker;
	if (is_late(s))
		return true;
	if (WIFEXITED(w->status) && WEXITSTATUS(w->status) == 0)
		return false;
	if (WIFSIGNALED(w->status) && is_crash(WTERMSIG(w->status)))
		return !w->killed;
	bool typed = WIFSIGNALED(w->status) && WTERMSIG(w->status) == SIGINT;
	return !w->killed && !w->stop_signal && !typed;
}

static bool was_killed(const struct supervisor *s)
{
	return WIFSIGNALED(s->worker.status) && WTERMSIG(s->worker.status) == SIGKILL && !s->worker.killed;
}

static const char *how_of(const struct supervisor *s, bool oom)
{
	if (s->worker.refused)
		return "preflight";
	if (is_hang(s))
		return "hang";
	if (oom && was_killed(s))
		return "oom-kill";
	if (is_late(s))
		return "stop-timeout";
	return WIFSIGNALED(s->worker.status) ? "signal" : "exit";
}

// sigabbrev_np(3), which came with glibc 2.32: the program runs on 2.31.
const char *death_signal_name(int signal)
{
#define S(name) [SIG##name] = "SIG" #name
	static const char *const names[] = {S(HUP), S(INT), S(QUIT), S(ILL), S(TRAP), S(ABRT), S(BUS), S(FPE), S(KILL),
		S(USR1), S(SEGV), S(USR2), S(PIPE), S(ALRM), S(TERM), S(STKFLT), S(CHLD), S(CONT), S(STOP), S(TSTP),
		S(TTIN), S(TTOU), S(URG), S(XCPU), S(XFSZ), S(VTALRM), S(PROF), S(WINCH), S(IO), S(PWR), S(SYS)};
#undef S
	bool known = signal > 0 && (size_t)signal < sizeof(names) / sizeof(*names) && names[signal];
	return known ? names[signal] : "SIG?";
}

const char *death_words(const struct supervisor *s)
{
	static char words[128];
	int status = s->worker.status;
	if (s->worker.refused)
		return "was not started, because the check found an error";
	if (is_hang(s))
		snprintf(words, sizeof(words), "has shown no sign of life for %llu s",
			(unsigned long long)s->hang.quiet_ms / 1000);
	else if (is_late(s))
		snprintf(words, sizeof(words), "did not end within %d s of being told to", s->options.grace_s);
	else if (WIFSIGNALED(status))
		snprintf(words, sizeof(words), "was killed by %s%s", death_signal_name(WTERMSIG(status)),
			WCOREDUMP(status) ? " (core dumped)" : "");
	else
		snprintf(words, sizeof(words), "ended with exit code %d", WEXITSTATUS(status));
	return words;
}

void death_stop_words(const struct supervisor *s, size_t n, char *ret)
{
	const struct stop_sender *stop = &s->worker.stop;
	const char *name = death_signal_name(stop->signal), *known = stop->name;
	if (!stop->signal)
		snprintf(ret, n, "our SIGTERM");
	else if (!stop->process)
		snprintf(ret, n, "%s from the terminal", name);
	else if (!stop->pid)
		snprintf(ret, n, "%s from outside of this container", name);
	else
		snprintf(ret, n, "%s from pid %d%s%s%s", name, (int)stop->pid, *known ? " (" : "", known,
			*known ? ")" : "");
}

static void write_stop(const struct supervisor *s, struct json_out *j)
{
	const struct stop_sender *stop = &s->worker.stop;
	char words[128];
	if (!stop->signal)
		return;
	death_stop_words(s, sizeof(words), words);
	json_open(j, "stop_sent", '{');
	json_text(j, "text", words);
	if (stop->process) {
		json_u64(j, "pid", (uint64_t)stop->pid);
		json_u64(j, "uid", stop->uid);
	}
	json_text(j, "name", stop->name[0] ? stop->name : NULL);
	json_close(j, '}');
}

static void write_exit(struct json_out *j, int status)
{
	json_open(j, "exit", '{');
	if (WIFSIGNALED(status)) {
		json_u64(j, "signal", (uint64_t)WTERMSIG(status));
		json_text(j, "name", death_signal_name(WTERMSIG(status)));
		json_bool(j, "core", WCOREDUMP(status));
	} else {
		json_u64(j, "code", (uint64_t)WEXITSTATUS(status));
	}
	json_close(j, '}');
}

static void write_command(struct supervisor *s, struct json_out *j)
{
	char text[COMMAND_MAX], cwd[PATH_MAX] = "?", key[17];
	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	quote_command(s->options.argv, sizeof(text), text);
	command_key(s->options.argv, cwd, key);
	json_text(j, "command", text);
	json_text(j, "command_key", key);
	json_open(j, "argv", '[');
	for (int i = 0; s->options.argv[i]; i++)
		json_text(j, NULL, s->options.argv[i]);
	json_close(j, ']');
	json_text(j, "cwd", cwd);
}

static void write_time(struct json_out *j, const char *key, uint64_t epoch_ns)
{
	char text[FF_TIME_LEN];
	if (!epoch_ns)
		return;
	ff_clock_format(epoch_ns, text);
	json_text(j, key, text);
}

// Whose pid it is: a number alone says little after a restart, and in a container nothing.
static void write_identity(const struct worker *w, struct json_out *j)
{
	char boot[40], path[32], text[1024];
	if (process_text("/proc/sys/kernel/random/boot_id", sizeof(boot), boot))
		json_text(j, "boot_id", boot);
	snprintf(path, sizeof(path), "/proc/%d/stat", w->pid);
	const char *at = process_text(path, sizeof(text), text) ? strrchr(text, ')') : NULL;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		json_u64(j, "start_time", strtoull(at + 1, NULL, 10));
}

static void write_worker(struct supervisor *s, struct json_out *j)
{
	const struct worker *w = &s->worker;
	uint64_t end = w->ended_ns ? w->ended_ns : ff_clock_ns();
	const struct rusage *u = &w->usage;
	if (w->refused) {
		json_text(j, "error", "firstfix check found an error");
		return;
	}
	json_u64(j, "pid", (uint64_t)w->pid);
	write_time(j, "started_at", w->started_epoch_ns);
	write_time(j, "ended_at", w->ended_epoch_ns);
	write_identity(w, j);
	if (w->ended_ns || is_hang(s))
		json_u64(j, "lasted_ms", (end - w->started_ns) / NS_PER_MS);
	if (w->stop_signal)
		json_u64(j, "stop_signal", (uint64_t)w->stop_signal);
	write_stop(s, j);
	if (!w->ended_ns)
		return;
	write_exit(j, w->status);
	json_open(j, "rusage", '{');
	json_u64(j, "user_ms", (uint64_t)u->ru_utime.tv_sec * 1000 + (uint64_t)u->ru_utime.tv_usec / 1000);
	json_u64(j, "system_ms", (uint64_t)u->ru_stime.tv_sec * 1000 + (uint64_t)u->ru_stime.tv_usec / 1000);
	json_u64(j, "max_rss", (uint64_t)u->ru_maxrss * 1024);
	json_u64(j, "major_faults", (uint64_t)u->ru_majflt);
	json_close(j, '}');
}

// What speaks for the OOM killer. True when it is certain that it struck in our group, or hit this very process.
static bool write_oom(struct supervisor *s, struct json_out *j, const struct cgroup_counts *after)
{
	uint64_t kills = 0;
	char text[640], number[32];
	bool grew = cgroup_growth(&s->cgroup_before, after, CG_OOM_KILL, &kills) && kills;
	snprintf(number, sizeof(number), "Killed process %d ", s->worker.pid);
	bool named = kmsg_numbers_are_ours() && kmsg_mentions(&s->kmsg, number);
	uint64_t limit = after->known[CG_LIMIT] ? after->value[CG_LIMIT] : 0;
	uint64_t rss = (uint64_t)s->worker.usage.ru_maxrss * 1024;
	bool near = was_killed(s) && limit && rss / NEAR_LIMIT_PERCENT >= limit / 100;
	if (!grew && !named && !near)
		return false;
	json_open(j, "oom", '[');
	if (grew) {
		snprintf(text, sizeof(text), "oom_kill of %s grew by %llu", s->cgroup.path, (unsigned long long)kills);
		json_text(j, NULL, text);
	}
	if (named)
		json_text(j, NULL, "the kernel's log names this process");
	if (near) {
		snprintf(text, sizeof(text), "it had used %llu of %llu bytes", (unsigned long long)rss,
			(unsigned long long)limit);
		json_text(j, NULL, text);
	}
	json_close(j, ']');
	return grew || named;
}

static void write_kernel(struct supervisor *s, struct json_out *j)
{
	struct cgroup_counts after;
	cgroup_read(&s->cgroup, &after);
	if (s->cgroup.version) {
		json_open(j, "cgroup", '{');
		json_text(j, "path", s->cgroup.path);
		json_u64(j, "version", (uint64_t)s->cgroup.version);
		cgroup_write(j, "before", &s->cgroup_before);
		cgroup_write(j, "after", &after);
		json_close(j, '}');
	}
	kmsg_collect(&s->kmsg);
	bool oom = write_oom(s, j, &after);
	pid_t pids[N_ORPHANS + 1] = {s->worker.pid};
	for (unsigned i = 0; i < s->n_orphans; i++)
		pids[i + 1] = s->orphans[i].pid;
	bool crash = WIFSIGNALED(s->worker.status) && is_crash(WTERMSIG(s->worker.status));
	kmsg_write(&s->kmsg, j, pids, s->n_orphans + 1, oom, crash);
	json_text(j, "how", how_of(s, oom));
}

static void write_orphans(struct supervisor *s, struct json_out *j)
{
	if (s->n_orphans) {
		json_open(j, "orphans", '[');
		for (unsigned i = 0; i < s->n_orphans; i++) {
			json_open(j, NULL, '{');
			json_u64(j, "pid", (uint64_t)s->orphans[i].pid);
			write_exit(j, s->orphans[i].status);
			json_close(j, '}');
		}
		json_close(j, ']');
	}
	json_open(j, "pids", '[');
	if (s->worker.pid)
		json_u64(j, NULL, (uint64_t)s->worker.pid);
	for (unsigned i = 0; i < s->n_orphans; i++)
		json_u64(j, NULL, (uint64_t)s->orphans[i].pid);
	json_close(j, ']');
}

// A new file in deaths/, or in memory; its path in `path`.
static int new_file(struct supervisor *s, bool on_disk, const char *name, size_t n, char *path)
{
	if (on_disk) {
		if (!state_dir_file(&s->dir, DIR_deaths, name, n, path))
			return -ENOENT;
		unlinkat(s->dir.fd[DIR_deaths], name, 0); // of a hang that this attempt survived
		int fd =
			openat(s->dir.fd[DIR_deaths], name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		return fd < 0 ? -errno : fd;
	}
	int fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(path, n, "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}

// Files in memory live as long as their descriptor: until the next death.
static void finish_file(struct supervisor *s, bool on_disk, int fd)
{
	if (on_disk)
		close(fd);
	else if (s->n_held < N_HELD)
		s->held[s->n_held++] = fd;
}

// In which order it was printed, beside what was printed on the other stream.
static void write_turns(
	struct supervisor *s, struct json_out *j, const struct stream *st, enum place where, uint64_t kept)
{
	char name[64], path[512];
	snprintf(name, sizeof(name), "%s.%d.%.12s.turns", s->run_id, s->worker.attempt, st->tail.stream);
	if (where == IN_ADVANCE) {
		if (state_dir_file(&s->dir, DIR_deaths, name, sizeof(path), path))
			json_text(j, "turns", path);
		return;
	}
	int fd = new_file(s, where != IN_MEMORY, name, sizeof(path), path);
	if (fd < 0)
		return;
	tail_copy_turns(&st->tail, kept, fd);
	finish_file(s, where != IN_MEMORY, fd);
	json_text(j, "turns", path);
}

static int write_tail(struct supervisor *s, struct json_out *j, const struct stream *st, enum place where)
{
	char name[64], path[512];
	bool on_disk = where != IN_MEMORY;
	if (!st->used)
		return 0;
	snprintf(name, sizeof(name), "%s.%d.%.12s", s->run_id, s->worker.attempt, st->tail.stream);
	if (where == IN_ADVANCE) {
		if (!state_dir_file(&s->dir, DIR_deaths, name, sizeof(path), path))
			return -ENOENT;
		json_open(j, NULL, '{');
		json_text(j, "stream", st->tail.stream);
		json_text(j, "path", path);
		write_turns(s, j, st, where, 0);
		json_close(j, '}');
		return 0;
	}
	int fd = new_file(s, on_disk, name, sizeof(path), path);
	if (fd < 0)
		return fd;
	uint64_t kept = 0;
	int error = tail_copy(&st->tail, (uint64_t)s->options.tail_kib * 1024, fd, &kept);
	finish_file(s, on_disk, fd);
	json_open(j, NULL, '{');
	json_text(j, "stream", st->tail.stream);
	json_text(j, "path", path);
	json_u64(j, "bytes", kept);
	json_u64(j, "total", st->tail.total);
	write_turns(s, j, st, where, kept);
	json_close(j, '}');
	return error;
}

static int write_document(struct supervisor *s, struct json_out *j, enum place where)
{
	int error = 0;
	json_open(j, NULL, '{');
	json_text(j, "schema", "firstfix.death/1");
	json_text(j, "run_id", s->run_id);
	json_text(j, "supervisor_version", FF_VERSION);
	json_u64(j, "supervisor_pid", (uint64_t)getpid());
	json_u64(j, "attempt", (uint64_t)s->worker.attempt);
	json_u64(j, "attempts_max", (uint64_t)s->options.attempts);
	json_text(j, "recover", options_word("recover", s->options.recover));
	json_text(j, "on_hopeless", options_word("on-hopeless", s->options.on_hopeless));
	write_command(s, j);
	write_worker(s, j);
	if (where == IN_ADVANCE)
		json_text(j, "how", "vanished");
	else
		write_kernel(s, j);
	json_open(j, "tails", '[');
	for (int i = 0; i < N_STREAMS && !error; i++)
		error = write_tail(s, j, &s->streams[i], where);
	json_close(j, ']');
	write_orphans(s, j);
	if (s->dir.path[0]) {
		char lanes[512];
		json_text(j, "state_dir", s->dir.path);
		if (state_dir_file(&s->dir, DIR_lanes, "", sizeof(lanes), lanes))
			json_text(j, "lanes", lanes);
	}
	json_text(j, "report", s->report[0] ? s->report : NULL);
	recovery_write(&s->recovery, j);
	if (is_hang(s))
		hang_write(s, j);
	if (is_late(s))
		hang_write_late(s, j);
	json_close(j, '}');
	int finished = json_finish(j);
	return error ? error : finished;
}

static void forget_held(struct supervisor *s)
{
	while (s->n_held)
		close(s->held[--s->n_held]);
}

int death_write(struct supervisor *s, const char **ret)
{
	static struct json_out j;
	static char path[512];
	char name[64];
	int error = -ENOENT;
	snprintf(name, sizeof(name), "%s.%d.json", s->run_id, s->worker.attempt);
	for (int memory = 0; memory < 2 && error; memory++) {
		forget_held(s);
		int fd = new_file(s, !memory, name, sizeof(path), path);
		if (fd >= 0) {
			j = (struct json_out){.fd = fd};
			error = write_document(s, &j, memory ? IN_MEMORY : ON_DISK);
			finish_file(s, !memory, fd);
		} else {
			error = fd;
		}
		if (error && !memory && s->dir.path[0])
			say("%s/deaths: %s; the incident's documents stay in memory", s->dir.path, strerror(-error));
	}
	if (!error)
		*ret = path;
	return error;
}

int death_write_in_advance(struct supervisor *s, int fd)
{
	static struct json_out j;
	j = (struct json_out){.fd = fd};
	return write_document(s, &j, IN_ADVANCE);
}

void death_forget(struct supervisor *s)
{
	static const char *const ends[] = {
		"json", "stdout", "stderr", "output", "stdout.turns", "stderr.turns", "output.turns"};
	char name[64];
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && s->dir.fd[DIR_deaths] >= 0; i++) {
		snprintf(name, sizeof(name), "%s.%d.%s", s->run_id, s->worker.attempt, ends[i]);
		unlinkat(s->dir.fd[DIR_deaths], name, 0);
	}
}

// Both streams in the order of time, masked.
static void say_tails(const struct supervisor *s, size_t most)
{
	const struct stream *said[N_STREAMS] = {NULL};
	int n = 0;
	for (int i = 0; i < N_STREAMS; i++) {
		if (s->streams[i].used && s->streams[i].tail.total)
			said[n++] = &s->streams[i];
	}
	if (!n)
		return;
	const struct tail *first = &said[0]->tail, *second = n > 1 ? &said[1]->tail : NULL;
	_cleanup_buf_ struct ff_buf text = {0}, shown = {0};
	tails_joined(&text, first, second, most);
	veil_text(&shown, (struct ff_span){text.p, text.n});
	if (second)
		say_plain("--- the end of its %s (%llu bytes in all) and %s (%llu), in the order of time ---",
			first->stream, (unsigned long long)first->total, second->stream,
			(unsigned long long)second->total);
	else
		say_plain("--- the end of its %s (%llu bytes in all) ---", first->stream,
			(unsigned long long)first->total);
	if (text.failed || shown.failed)
		say_plain("(no memory to show it)");
	else
		say_bytes(shown.p, shown.n);
}

const char *death_why_not_more(int error)
{
	return error == -ENOPKG ? "the package firstfix is not installed" : strerror(-error);
}

void death_obituary(struct supervisor *s, const char *why_not_more)
{
	enum { OBITUARY_TAIL = 2000 };
	_cleanup_buf_ struct ff_buf command = {0};
	uint64_t end = s->worker.ended_ns ? s->worker.ended_ns : ff_clock_ns();
	veil_command(&command, s->options.argv);
	say_begin();
	say_plain("=== firstfix: WORKER FAILED ===");
	say_plain("%.1000s %s", command.failed ? s->options.argv[0] : command.p, death_words(s));
	if (!s->worker.refused)
		say_plain("attempt %d, after %.3f s, pid %d", s->worker.attempt,
			(double)(end - s->worker.started_ns) / 1e9, s->worker.pid);
	say_tails(s, OBITUARY_TAIL);
	say_plain("--- no diagnosis: %s%s%s ---", why_not_more, s->dir.path[0] ? "; the rest lies in " : "",
		s->dir.path[0] ? s->dir.path : "");
	say_end("firstfix.incident");
}
