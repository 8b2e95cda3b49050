// Runs a program under a deadline and keeps the end of what it says.
//
// How the world lies: a program stuck in a driver call survives SIGKILL, and a grandchild may hold the pipe open after the
// program is gone. So reading ends with the program's end or the deadline, never with the end of the pipe alone, and nobody waits
// without a limit.
#include "host/command.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { POLL_MS = 10, REAP_TRIES = 50 };

static _Noreturn void run_child(char *const argv[], int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
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
	int fds[2];
	uint64_t started = ff_clock_ns();
	struct ff_command_result r = {.exit_code = -1};
	if (access(argv[0], X_OK) < 0)
		return ff_error_os(errno, "%s", argv[0]);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return ff_error_os(errno, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		run_child(argv, fds[1]);
	close(fds[1]);
	_cleanup_close_ int fd = fds[0];
	if (pid < 0)
		return ff_error_os(errno, "fork");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	bool open = true;
	while (!reap(pid, &r)) {
		if (ff_clock_ms_since(started) >= deadline_ms) {
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
	*ret = r;
	return NULL;
}
