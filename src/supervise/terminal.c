// The worker's own terminal, and the shell's job control.
//
// With our stdout a terminal the worker gets a pseudo-terminal: it sees isatty(), colours, line buffering and the
// window size as without us, and what it prints still passes through our hands. Ours is in raw mode then, so that keys
// (also ^C and ^Z) reach the worker's terminal, which makes signals of them for the worker's foreground group.
//
// The shell that started us waits for our group. When the worker's group stops, we give the terminal back as it was and
// stop ourselves; when the shell continues us, we continue the worker.
#include "supervise/terminal.h"

#include "supervise/process.h"
#include "supervise/say.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void terminal_init(struct terminal *t, bool allow)
{
	*t = (struct terminal){.master = -1, .input = {.fd = -1}};
	t->own = allow && isatty(STDOUT_FILENO) && !tcgetattr(STDOUT_FILENO, &t->outer);
	t->jobs = isatty(STDIN_FILENO);
	t->typed = t->own && isatty(STDIN_FILENO);
}

int terminal_open(struct terminal *t, int ends[2])
{
	char name[64];
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (master < 0)
		return -errno;
	int slave = -1;
	if (!grantpt(master) && !unlockpt(master) && !ptsname_r(master, name, sizeof(name)))
		slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	int error = slave < 0 ? -errno : 0;
	if (error) {
		close(master);
		say("no terminal for the command: %s; it gets a pipe", strerror(-error));
		t->own = t->typed = false;
		return error;
	}
	tcsetattr(slave, TCSANOW, &t->outer);
	t->master = fcntl(master, F_DUPFD_CLOEXEC, 0);
	terminal_resized(t);
	ends[0] = master;
	ends[1] = slave;
	return 0;
}

void terminal_before_start(struct terminal *t)
{
	t->front = t->jobs && in_foreground();
}

void terminal_enter(struct terminal *t, int slave)
{
	if (!t->own) {
		setpgid(0, 0);
		if (t->front)
			tcsetpgrp(STDIN_FILENO, getpid());
		return;
	}
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	if (t->typed)
		dup2(slave, STDIN_FILENO);
}

static void set_raw(struct terminal *t, bool raw)
{
	if (!t->typed || raw == t->raw || (raw && !in_foreground()))
		return;
	struct termios mode = t->outer;
	if (raw)
		cfmakeraw(&mode);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
	if (!raw || ioctl(STDIN_FILENO, FIONREAD, &t->ahead)) // while it takes lines, it does not count their ends
		t->ahead = 0;
	t->raw = raw;
	say_raw(raw);
}

static void pass_typed(struct supervisor *s)
{
	struct terminal *t = &s->terminal;
	while (t->at < t->n && t->master >= 0) {
		ssize_t n = write(t->master, t->text + t->at, t->n - t->at);
		if (n < 0 && errno == EAGAIN)
			s->busy = true; // look again soon
		if (n <= 0)
			return;
		t->at += (size_t)n;
	}
}

// The worker leads a session of its own, so its group counts as orphaned, and the kernel drops the SIGTSTP that ^Z
// makes in its terminal unless a handler waits for it. Where none does, SIGSTOP is what the key means.
static void stop_key(struct terminal *t)
{
	struct termios inner;
	pid_t group;
	if (tcgetattr(t->master, &inner) || !(inner.c_lflag & ISIG) || ioctl(t->master, TIOCGPGRP, &group))
		return;
	if (!memchr(t->text, inner.c_cc[VSUSP], t->n) || process_has_signal(group, "SigCgt", SIGTSTP) ||
		process_has_signal(group, "SigIgn", SIGTSTP))
		return;
	kill(-group, SIGSTOP);
}

// A ^D that was typed while the terminal still took whole lines is a zero byte in its buffer once it is raw.
static void typed_ahead(struct terminal *t)
{
	for (size_t i = 0; i < t->n && t->ahead > 0; i++, t->ahead--)
		if (!t->text[i])
			t->text[i] = (char)t->outer.c_cc[VEOF];
}

static void input_ready(struct supervisor *s, struct watch *w, uint32_t events)
{
	(void)events;
	struct terminal *t = &s->terminal;
	pass_typed(s);
	if (t->at < t->n || !t->raw)
		return;
	ssize_t n = read(w->fd, t->text, sizeof(t->text));
	t->n = n > 0 ? (size_t)n : 0;
	t->at = 0;
	typed_ahead(t);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		watch_set(s->epoll, w, 0); // the terminal has gone; SIGHUP tells the rest
	pass_typed(s);
	if (t->n)
		stop_key(t);
}

void terminal_started(struct supervisor *s)
{
	struct terminal *t = &s->terminal;
	set_raw(t, true);
	if (!t->typed)
		return;
	t->input = (struct watch){.ready = input_ready, .fd = STDIN_FILENO, .armed = t->input.armed};
	watch_set(s->epoll, &t->input, t->raw ? EPOLLIN : 0);
}

// The worker's group is no longer the foreground one; if it was at all: we may be a background job.
static void take_back(struct terminal *t, pid_t group)
{
	if (!t->own && t->jobs && tcgetpgrp(STDIN_FILENO) == group)
		tcsetpgrp(STDIN_FILENO, getpgrp());
}

void terminal_stopped(struct supervisor *s)
{
	struct terminal *t = &s->terminal;
	if (!t->jobs)
		return;
	set_raw(t, false);
	watch_set(s->epoll, &t->input, 0);
	take_back(t, s->worker.pid);
	raise(SIGSTOP); // the shell takes over here; SIGCONT comes through the signal descriptor
}

void terminal_continued(struct supervisor *s)
{
	struct terminal *t = &s->terminal;
	if (!s->worker.pid)
		return;
	set_raw(t, true);
	if (t->typed && t->raw)
		watch_set(s->epoll, &t->input, EPOLLIN);
	if (!t->own && t->jobs && in_foreground())
		tcsetpgrp(STDIN_FILENO, s->worker.pid);
	kill_group(s, SIGCONT);
}

void terminal_ended(struct supervisor *s)
{
	struct terminal *t = &s->terminal;
	set_raw(t, false);
	watch_set(s->epoll, &t->input, 0);
	t->n = t->at = 0;
	if (t->master >= 0)
		close(t->master);
	t->master = -1;
	take_back(t, s->worker.pid);
}

void terminal_resized(struct terminal *t)
{
	struct winsize size;
	if (t->master >= 0 && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		ioctl(t->master, TIOCSWINSZ, &size);
}
