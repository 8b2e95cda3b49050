// Lanes: forked children that stream JSON lines over a pipe, all under one deadline.
//
// An empty line says that the work is done.
//
// How the world lies: a child stuck in a driver call (state D) survives SIGKILL until the driver lets go, and one that
// has done its work still spends tens of milliseconds in exit() while the driver closes its files (H200). So nobody
// here waits without a limit, and who is done is not waited for: it is reaped by the next run.
#include "host/helper.h"

#include "base/clock.h"
#include "base/io.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { LANE_BYTES_MAX = 32 << 20, LANES_MAX = 8, REAP_MS = 5 };

struct ff_helper_out {
	int fd;			  // in a child
	struct ff_helper *helper; // without a child: delivered at once
};

enum state { STOPPED, RUNNING, DRAINED };

// Children that nobody waited for; 0 is a free place. A process that only ends with us needs no place.
static _Atomic pid_t late[2 * LANES_MAX];

struct child {
	struct ff_helper *helper;
	pid_t pid;
	int fd;
	enum state state;
	struct ff_buf pending; // bytes of a line not yet complete
	size_t total;
	uint64_t started;
	bool done; // it said so
};

static void leave(pid_t pid)
{
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		pid_t free_place = 0;
		if (atomic_compare_exchange_strong(&late[i], &free_place, pid))
			return;
	}
}

static void reap_late(void)
{
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		pid_t pid = atomic_exchange(&late[i], 0);
		if (pid && waitpid(pid, NULL, WNOHANG) == 0)
			leave(pid);
	}
}

void ff_helper_send(struct ff_helper_out *out, json_t *document)
{
	if (out->helper) {
		out->helper->receive(document, out->helper->arg);
		json_decref(document);
		return;
	}
	_cleanup_free_ char *text = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	if (!text)
		return;
	_cleanup_error_ struct ff_error *err = ff_write_all(out->fd, "helper", text, strlen(text));
	if (!err)
		err = ff_write_all(out->fd, "helper", "\n", 1);
}

static void close_between(unsigned first, unsigned last)
{
	if (first > last || syscall(__NR_close_range, first, last, 0u) == 0)
		return;
	for (unsigned i = first; i <= last && i < 4096; i++) // close_range() came with Linux 5.9
		close((int)i);
}

// Close everything but the pipe and one more (0 for none): a child that never ends must not keep our caller's pipes
// open.
static void keep_only(int pipe_fd, int keep_fd)
{
	int null = open("/dev/null", O_RDWR);
	for (int i = 0; i <= 2 && null >= 0; i++)
		dup2(null, i);
	unsigned low = (unsigned)pipe_fd, high = keep_fd > 2 ? (unsigned)keep_fd : low;
	if (low > high) {
		unsigned swap = low;
		low = high;
		high = swap;
	}
	close_between(3, low - 1);
	close_between(low + 1, high - 1);
	close_between(high + 1, ~0u);
}

static _Noreturn void run_child(struct ff_helper *helper, int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = fcntl(fd, F_DUPFD, 3); // above those that become /dev/null
	if (fd < 0)
		_exit(1);
	keep_only(fd, helper->keep_fd);
	struct ff_helper_out out = {.fd = fd};
	helper->work(&out, helper->arg);
	ff_error_destroy(ff_write_all(fd, "helper", "\n", 1));
	_exit(0);
}

static bool start(struct child *c, struct ff_helper *helper)
{
	int fds[2];
	*c = (struct child){.helper = helper, .started = ff_clock_ns(), .fd = -1};
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid_t parent = getpid();
	c->pid = fork();
	if (c->pid == 0)
		run_child(helper, fds[1], parent);
	close(fds[1]);
	if (c->pid < 0) {
		close(fds[0]);
		return false;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	c->fd = fds[0];
	c->state = RUNNING;
	return true;
}

static void deliver(struct child *c)
{
	struct ff_span rest = {c->pending.p, c->pending.n};
	for (;;) {
		const char *newline = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		if (!newline)
			break;
		size_t n = (size_t)(newline - rest.p);
		c->done |= n == 0;
		_cleanup_json_ json_t *document = json_loadb(rest.p, n, 0, NULL);
		if (document)
			c->helper->receive(document, c->helper->arg);
		rest = (struct ff_span){newline + 1, rest.n - n - 1};
	}
	if (rest.n)
		memmove(c->pending.p, rest.p, rest.n);
	c->pending.n = rest.n;
}

static void finish(struct child *c, struct ff_error *err)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = STOPPED;
	c->helper->err = err;
	c->helper->took_ms = ff_clock_ms_since(c->started);
	ff_buf_deinit(&c->pending);
}

static void drain(struct child *c)
{
	char chunk[65536];
	ssize_t n;
	while ((n = read(c->fd, chunk, sizeof(chunk))) > 0) {
		c->total += (size_t)n;
		if (c->total > LANE_BYTES_MAX) {
			kill(c->pid, SIGKILL);
			n = 0;
			break;
		}
		ff_buf_add(&c->pending, chunk, (size_t)n);
		deliver(c);
	}
	if (c->done) {
		leave(c->pid);
		finish(c, NULL);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(c->fd);
	c->fd = -1;
	c->state = DRAINED;
}

static void reap(struct child *c)
{
	int status = 0;
	pid_t pid = waitpid(c->pid, &status, WNOHANG);
	if (pid == 0)
		return;
	struct ff_error *err = NULL;
	if (pid == c->pid && WIFSIGNALED(status))
		err = ff_error_create(
			FF_ECRASH, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (pid == c->pid && WEXITSTATUS(status) != 0)
		err = ff_error_create(FF_ECRASH, "exited with code %d", WEXITSTATUS(status));
	finish(c, err); // pid < 0: somebody ignores SIGCHLD and the status is lost; what arrived stands
}

static bool step(struct child *children, size_t n, uint64_t deadline)
{
	struct pollfd fds[LANES_MAX];
	size_t open_fds = 0;
	bool alive = false, draining = false;
	for (size_t i = 0; i < n; i++) {
		alive |= children[i].state != STOPPED;
		draining |= children[i].state == DRAINED;
		if (children[i].fd >= 0)
			fds[open_fds++] = (struct pollfd){.fd = children[i].fd, .events = POLLIN};
	}
	uint64_t now = ff_clock_ns();
	if (!alive || now >= deadline)
		return false;
	int left = (int)((deadline - now) / 1000000) + 1;
	poll(fds, open_fds, draining ? 1 : left);
	for (size_t i = 0; i < n; i++) {
		if (children[i].state == RUNNING)
			drain(&children[i]);
		if (children[i].state == DRAINED)
			reap(&children[i]);
	}
	return true;
}

static void give_up(struct child *c, unsigned deadline_ms)
{
	if (c->state == STOPPED)
		return;
	kill(c->pid, SIGKILL);
	int waited = 0;
	while (waited < REAP_MS && waitpid(c->pid, NULL, WNOHANG) == 0) {
		poll(NULL, 0, 1);
		waited++;
	}
	if (waited == REAP_MS)
		leave(c->pid);
	finish(c, ff_error_create(FF_ETIMEOUT, "no answer within %u ms", deadline_ms));
}

void ff_helpers_run(struct ff_helper *helpers, size_t n, unsigned deadline_ms)
{
	struct child children[LANES_MAX];
	if (n > LANES_MAX)
		n = LANES_MAX;
	uint64_t deadline = ff_clock_ns() + (uint64_t)deadline_ms * 1000000;
	reap_late();
	bool started[LANES_MAX];
	for (size_t i = 0; i < n; i++)
		started[i] = start(&children[i], &helpers[i]);
	while (step(children, n, deadline))
		;
	for (size_t i = 0; i < n; i++) {
		if (started[i]) {
			give_up(&children[i], deadline_ms);
			continue;
		}
		struct ff_helper_out here = {.fd = -1, .helper = &helpers[i]};
		helpers[i].work(&here, helpers[i].arg);
		helpers[i].took_ms = ff_clock_ms_since(children[i].started);
	}
}
