// Finding a hang, and what can be seen of it from outside.
//
// Progress is a read of the worker's output or a change in a lane of the worker or a descendant of it. The stacks come
// from faulthandler where the Python package armed it: a file armed/armed-<pid> then holds a signal's number, and the
// process must catch that signal (SigCgt in its status), or it would die of it. For native code the kernel shows, per
// thread:
//
//	comm "python"  State: S (sleeping)  wchan futex_wait_queue  syscall 202 0x7f.. 0x80 ..  stack (root only)
#include "supervise/hang.h"

#include "base/clock.h"
#include "supervise/lanes.h"
#include "supervise/process.h"
#include "supervise/say.h"
#include "supervise/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOKS = 8, MOST_THREADS = 64, MOST_ARMED = 1024, DUMP_MS = 700, NO_DUMP_MS = 1, TEXT_MAX = 2048 };

void hang_begin(struct supervisor *s)
{
	s->hang = (struct hang){.moved_ns = s->worker.started_ns, .seen = s->progress};
	if (s->options.hang_after_s)
		s->hang.next_ns = s->worker.started_ns + (uint64_t)s->options.hang_after_s * NS_PER_S / LOOKS;
}

uint64_t hang_tick(struct supervisor *s, uint64_t now)
{
	struct hang *h = &s->hang;
	uint64_t after = (uint64_t)s->options.hang_after_s * NS_PER_S;
	if (!h->next_ns || s->state != ST_UP)
		return 0;
	if (now < h->next_ns)
		return h->next_ns;
	h->next_ns = now + after / LOOKS;
	uint64_t lanes = lanes_position(s);
	if (s->progress != h->seen || lanes != h->lanes) {
		h->seen = s->progress;
		h->lanes = lanes;
		h->moved_ns = now;
		h->told = false;
	}
	if (now - h->moved_ns < after || h->told)
		return h->next_ns;
	h->quiet_ms = (now - h->moved_ns) / NS_PER_MS;
	say("no output and no event for %llu s: looking into it", (unsigned long long)h->quiet_ms / 1000);
	dispatch(s, EV_HANG);
	return h->next_ns;
}

static bool ask(struct supervisor *s, const char *name)
{
	static const char prefix[] = "armed-";
	char path[512], text[32];
	pid_t pid = strncmp(name, prefix, strlen(prefix)) != 0 ? 0 : (pid_t)strtol(name + strlen(prefix), NULL, 10);
	if (pid <= 1 || !is_descendant(pid) || !state_dir_file(&s->dir, DIR_armed, name, sizeof(path), path) ||
		!process_text(path, sizeof(text), text))
		return false;
	int signal = atoi(text);
	return signal >= 1 && signal <= 64 && process_has_signal(pid, "SigCgt", signal) && !kill(pid, signal);
}

uint64_t hang_ask_for_stacks(struct supervisor *s)
{
	int copy = s->dir.fd[DIR_armed] < 0 ? -1 : dup(s->dir.fd[DIR_armed]);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	s->hang.python_dump = false;
	if (!dir)
		return NO_DUMP_MS;
	rewinddir(dir);
	for (int i = 0; i < MOST_ARMED && (e = readdir(dir)); i++)
		s->hang.python_dump |= ask(s, e->d_name);
	closedir(dir);
	return s->hang.python_dump ? DUMP_MS : NO_DUMP_MS;
}

// The text behind "State:" in a status file, NULL when there is none.
static char *state_in(const char *path, size_t n, char *text)
{
	char *state = process_text(path, n, text) ? strstr(text, "\nState:\t") : NULL;
	if (!state)
		return NULL;
	state += strlen("\nState:\t");
	state[strcspn(state, "\n")] = '\0';
	return state;
}

uint64_t hang_look_at_late(struct supervisor *s)
{
	char path[64], text[TEXT_MAX], wchan[64];
	snprintf(path, sizeof(path), "/proc/%d/status", s->worker.pid);
	const char *state = state_in(path, sizeof(text), text);
	snprintf(path, sizeof(path), "/proc/%d/wchan", s->worker.pid);
	bool known = process_text(path, sizeof(wchan), wchan) && strcmp(wchan, "0") != 0;
	snprintf(s->worker.stood, sizeof(s->worker.stood), "%.24s%s%s", state ? state : "", known ? ", " : "",
		known ? wchan : "");
	uint64_t wait_ms = hang_ask_for_stacks(s);
	return s->hang.python_dump ? wait_ms : 0;
}

void hang_write_late(const struct supervisor *s, struct json_out *j)
{
	json_open(j, "stop_timeout", '{');
	json_u64(j, "grace_ms", (uint64_t)s->options.grace_s * 1000);
	if (s->worker.stood[0])
		json_text(j, "state", s->worker.stood);
	if (s->hang.python_dump)
		json_bool(j, "python_dump", true);
	json_close(j, '}');
}

void hang_reported(struct supervisor *s)
{
	struct hang *h = &s->hang;
	h->told = true;
	h->restart = s->options.hang_action == HANG_RESTART;
	h->seen = s->progress; // the stacks that faulthandler printed are no progress
	h->quiet_ms = 0;
}

static void write_thread(struct json_out *j, pid_t pid, const char *tid)
{
	static const char *const files[] = {"comm", "wchan", "syscall", "stack"};
	static const char *const keys[] = {"name", "wchan", "syscall", "stack"};
	char path[96], text[TEXT_MAX];
	json_open(j, NULL, '{');
	json_u64(j, "tid", strtoull(tid, NULL, 10));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/%s", pid, tid, files[i]);
		if (process_text(path, sizeof(text), text) && strcmp(text, "0") != 0)
			json_text(j, keys[i], text);
	}
	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", pid, tid);
	json_text(j, "state", state_in(path, sizeof(text), text));
	json_close(j, '}');
}

void hang_write(struct supervisor *s, struct json_out *j)
{
	char path[64];
	json_open(j, "hang", '{');
	json_u64(j, "quiet_ms", s->hang.quiet_ms);
	json_text(j, "action", options_word("hang-action", s->options.hang_action));
	if (s->hang.python_dump)
		json_bool(j, "python_dump", true);
	json_open(j, "threads", '[');
	snprintf(path, sizeof(path), "/proc/%d/task", s->worker.pid);
	DIR *dir = opendir(path);
	struct dirent *e;
	for (int n = 0; dir && n < MOST_THREADS && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		write_thread(j, s->worker.pid, e->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	json_close(j, ']');
	json_close(j, '}');
}
