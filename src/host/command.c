// Runs a program under a deadline and keeps the end of what it says.
//
// How the world lies: a program stuck in a driver call survives SIGKILL, and a grandchild may hold the pipe open after
// the program is gone. So reading ends with the program's end or the deadline, never with the end of the pipe alone,
// and nobody waits without a limit.
#include "host/command.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { POLL_MS = 10, REAP_TRIES = 50, SAID_MAX = 4096, BY_SIGNAL = 128 };

static _Noreturn void run_child(char *const argv[], int out, int errors)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
		_exit(127);
	struct rlimit no_core = {0, 0};
	setrlimit(RLIMIT_CORE, &no_core); // a crash is an answer here, not something to keep
	execv(argv[0], argv);
	_exit(127);
}

// What is new on the pipe; false at its end.
static bool drain(int fd, struct ff_buf *output)
{
	char bytes[65536];
	ssize_t n;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		if (output->n + (size_t)n > FF_COMMAND_OUTPUT_MAX && output->n > FF_COMMAND_OUTPUT_MAX / 2) {
			size_t drop = output->n - FF_COMMAND_OUTPUT_MAX / 2;
			memmove(output->p, output->p + drop, output->n - drop);
			output->n -= drop;
		}
		ff_buf_add(output, bytes, (size_t)n);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool reap(pid_t pid, struct ff_command_result *r)
{
	int status;
	struct rusage used;
	if (wait4(pid, &status, WNOHANG, &used) != pid)
		return false;
	r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	r->peak_rss = (int64_t)used.ru_maxrss * 1024;
	return true;
}

static void kill_all(pid_t pid, struct ff_command_result *r)
{
	r->timed_out = true;
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	for (int i = 0; i < REAP_TRIES && !reap(pid, r); i++)
		poll(NULL, 0, POLL_MS);
}

struct ff_error *ff_command_run(char *const argv[], unsigned deadline_ms, struct ff_command_result *ret)
{
	static const volatile int never;
	return ff_command_run_until(argv, deadline_ms, &never, ret);
}

struct ff_error *ff_command_run_until(
	char *const argv[], unsigned deadline_ms, const volatile int *stop, struct ff_command_result *ret)
{
	int fds[2];
	uint64_t started = ff_clock_ns();
	struct ff_command_result r = {.exit_code = -1};
	if (access(argv[0], X_OK) < 0)
		return ff_error_os(errno, "%s", argv[0]);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return ff_error_os(errno, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		run_child(argv, fds[1], fds[1]);
	close(fds[1]);
	_cleanup_close_ int fd = fds[0];
	if (pid < 0)
		return ff_error_os(errno, "fork");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	bool open = true;
	while (!reap(pid, &r)) {
		if (ff_clock_ms_since(started) >= deadline_ms || *stop) {
			kill_all(pid, &r);
			break;
		}
		if (open)
			poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, POLL_MS);
		else
			poll(NULL, 0, POLL_MS);
		open = open && drain(fd, &r.output);
	}
	drain(fd, &r.output);
	r.took_ms = ff_clock_ms_since(started);
	if (*stop) {
		ff_buf_deinit(&r.output);
		return ff_error_create(FF_EOS, "interrupted");
	}
	*ret = r;
	return NULL;
}

// Between the reader and the program: a reader that waits for a byte cannot look at a clock. It dies with the reader,
// and the program with it. What the program left behind goes too, for it would keep the stream open.
static _Noreturn void watch(char *const argv[], unsigned deadline_ms, int out, int errors)
{
	uint64_t started = ff_clock_ns();
	struct ff_command_result r = {.exit_code = -1};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); // of the terminal: the reader decides what it means
	pid_t pid = fork();
	if (pid == 0)
		run_child(argv, out, errors);
	close(out);
	while (pid > 0 && !reap(pid, &r)) {
		if (ff_clock_ms_since(started) >= deadline_ms)
			kill_all(pid, &r);
		if (r.timed_out)
			break;
		poll(NULL, 0, POLL_MS);
	}
	if (pid > 0)
		kill(-pid, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	if (r.timed_out)
		raise(SIGALRM); // an end that no exit code of the program looks like
	_exit(r.exit_code >= 0 ? r.exit_code : BY_SIGNAL + r.signal);
}

struct ff_error *ff_command_stream_open(
	char *const argv[], unsigned deadline_ms, bool joined, struct ff_command_stream *ret)
{
	int fds[2];
	if (access(argv[0], X_OK) < 0)
		return ff_error_os(errno, "%s", argv[0]);
	_cleanup_close_ int errors = joined ? -1 : memfd_create("firstfix-errors", MFD_CLOEXEC);
	if (!joined && errors < 0)
		return ff_error_os(errno, "memfd");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return ff_error_os(errno, "pipe");
	_cleanup_close_ int in = fds[0], out = fds[1];
	pid_t watcher = fork();
	if (watcher == 0) {
		close(in);
		watch(argv, deadline_ms, out, joined ? out : errors);
	}
	if (watcher < 0)
		return ff_error_os(errno, "fork");
	*ret = (struct ff_command_stream){.fd = ff_take_fd(&in), .errors = ff_take_fd(&errors), .watcher = watcher};
	return NULL;
}

void ff_command_stream_close(struct ff_command_stream *stream, struct ff_command_result *ret)
{
	_cleanup_close_ int errors = stream->errors;
	struct ff_command_result r = {.exit_code = -1};
	char said[SAID_MAX];
	int status = 0;
	pid_t left = 0;
	close(stream->fd); // a program that is still writing ends of that
	// At the end of the stream it is about to leave; one that closed its output and stays is given up soon.
	for (int i = 0; i < REAP_TRIES && (left = waitpid(stream->watcher, &status, WNOHANG)) == 0; i++)
		poll(NULL, 0, POLL_MS);
	if (left == 0) {
		kill(stream->watcher, SIGKILL);
		waitpid(stream->watcher, &status, 0);
	}
	r.timed_out = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
	r.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ssize_t n = errors < 0 ? 0 : pread(errors, said, sizeof(said), 0);
	if (n > 0)
		ff_buf_add(&r.output, said, (size_t)n);
	*ret = r;
}

char *ff_command_find(const char *word)
{
	if (strchr(word, '/'))
		return strdup(word);
	struct ff_span path = ff_span_of(getenv("PATH")), folder;
	while (path.n && ff_span_next(&path, ':', &folder)) {
		_cleanup_buf_ struct ff_buf b = {0};
		ff_buf_printf(&b, "%.*s/%s", (int)folder.n, folder.p, word);
		if (!b.failed && access(b.p, X_OK) == 0)
			return strdup(b.p);
	}
	return NULL;
}
