// From fork to exec of the worker. It must find the world as it would without us: signal mask and dispositions, stdin,
// limits, working folder; only its stdout and stderr are ours, and some FIRSTFIX_ variables tell it so.
//
// Whether execve(2) worked comes through a pipe that closes on exec: end of file is success, an errno is failure. The
// pipe is in the main loop like everything else, since execve from a network disk can take long.
#include "supervise/spawn.h"

#include "base/clock.h"
#include "supervise/quote.h"
#include "supervise/say.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool spawn_result(struct supervisor *s)
{
	struct watch *w = &s->exec_status;
	int error = 0;
	if (w->fd < 0)
		return false;
	ssize_t n = read(w->fd, &error, sizeof(error));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	watch_close(s->epoll, w);
	s->worker.exec_errno = n == sizeof(error) ? error : 0;
	return true;
}

static void exec_ready(struct supervisor *s, struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	if (spawn_result(s) && !s->worker.exec_errno)
		dispatch(s, EV_STARTED);
}

void spawn_restore(struct supervisor *s)
{
	signal(SIGPIPE, s->outer_sigpipe);
	signal(SIGCHLD, s->outer_sigchld);
	sigprocmask(SIG_SETMASK, &s->outer_mask, NULL);
}

static bool is_folder(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

// Python's hooks (the firstfix package's sitecustomize): where this build installs them or, in a wheel, whose prefix is
// known only once it is installed, ../share/firstfix/hooks from here. NULL when there are none or FIRSTFIX_HOOKS is
// empty.
static const char *find_hooks(size_t n, char *place)
{
	const char *given = getenv("FIRSTFIX_HOOKS");
	if (given)
		return *given ? given : NULL;
	if (is_folder(FF_HOOKS_DIR))
		return FF_HOOKS_DIR;
	ssize_t length = readlink("/proc/self/exe", place, n - 1);
	place[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(place, '/');
	static const char rest[] = "/../share/firstfix/hooks";
	if (!slash || (size_t)(slash - place) + sizeof(rest) > n)
		return NULL;
	memcpy(slash, rest, sizeof(rest));
	return place;
}

// They come first on Python's path; other languages do not look at it.
static void inject_hooks(void)
{
	char path[8192], place[4096];
	const char *old = getenv("PYTHONPATH"), *hooks = find_hooks(sizeof(place), place);
	if (!hooks || !is_folder(hooks))
		return;
	int n = snprintf(path, sizeof(path), "%s%s%s", hooks, old && *old ? ":" : "", old ?: "");
	if (n > 0 && (size_t)n < sizeof(path))
		setenv("PYTHONPATH", path, 1);
}

// So that what the worker tells of itself is counted with its deaths.
void spawn_name_command(const struct supervisor *s)
{
	char key[17], cwd[4096];
	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	command_key(s->options.argv, cwd, key);
	setenv("FIRSTFIX_COMMAND_KEY", key, 1);
}

// So that the worker's Python finds the program where it is neither beside it nor in PATH.
static void set_program(const struct supervisor *s)
{
	if (s->options.tool[0] == '/')
		setenv("FIRSTFIX_PROGRAM", s->options.tool, 0);
}

static void set_environment(struct supervisor *s)
{
	char number[16];
	setenv("FIRSTFIX_RUN_ID", s->run_id, 1);
	spawn_name_command(s);
	snprintf(number, sizeof(number), "%d", s->worker.attempt);
	setenv("FIRSTFIX_ATTEMPT", number, 1);
	if (s->dir.path[0])
		setenv("FIRSTFIX_DIR", s->dir.path, 1);
	set_program(s);
	recovery_apply(&s->recovery);
	inject_hooks();
}

// The worker's stdout or stderr: `from` is a descriptor, -1 when ours is closed.
static void place(int from, int to)
{
	if (from < 0)
		close(to);
	else if (dup2(from, to) < 0)
		_exit(126);
}

static void run(struct supervisor *s, pid_t parent, const int outputs[N_STREAMS], int status)
{
	static const int signals[] = {[ORPHAN_TERM] = SIGTERM, [ORPHAN_KILL] = SIGKILL};
	if (s->options.orphan != ORPHAN_KEEP &&
		(prctl(PR_SET_PDEATHSIG, signals[s->options.orphan]) || getppid() != parent))
		_exit(126); // the supervisor is dead already
	terminal_enter(&s->terminal, outputs[0]);
	place(outputs[0], STDOUT_FILENO);
	place(s->one_output ? outputs[0] : outputs[1], STDERR_FILENO);
	set_environment(s);
	spawn_restore(s);
	setrlimit(RLIMIT_NOFILE, &s->outer_files);
	execvp(s->options.argv[0], s->options.argv);
	int error = errno;
	if (write(status, &error, sizeof(error)) != sizeof(error))
		_exit(126);
	_exit(error == ENOENT ? 127 : 126);
}

// A pipe that looks to the worker like the stdout it replaces: same owner and mode, so that a worker which changes its
// user can still open /dev/stdout where it could before.
static int make_pipe(int like, int ends[2])
{
	struct stat st;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	if (!fstat(like, &st) && !fchown(ends[1], st.st_uid, st.st_gid) && S_ISFIFO(st.st_mode))
		fchmod(ends[1], st.st_mode & 0777);
	return 0;
}

static int open_outputs(struct supervisor *s, int ours[N_STREAMS], int theirs[N_STREAMS])
{
	for (int i = 0; i < (s->one_output ? 1 : N_STREAMS); i++) {
		int ends[2] = {-1, -1}, error = 0;
		bool terminal = s->terminal.own && i == 0;
		if (!s->streams[i].open)
			continue;
		if (terminal)
			error = terminal_open(&s->terminal, ends);
		if (!terminal || error)
			error = make_pipe(STDOUT_FILENO + i, ends);
		if (error)
			return error;
		ours[i] = ends[0];
		theirs[i] = ends[1];
	}
	return 0;
}

static const char *const stream_names[N_STREAMS] = {"stdout", "stderr"};

static void start_stream(struct supervisor *s, int i, int fd)
{
	struct stream *st = &s->streams[i];
	char name[64], folder[420];
	const char *stream = s->one_output ? "output" : stream_names[i];
	uint64_t keep = (uint64_t)s->options.tail_kib * 1024;
	snprintf(name, sizeof(name), "%s.%d.%s", s->run_id, s->worker.attempt, stream);
	bool on_disk = state_dir_file(&s->dir, DIR_tails, "", sizeof(folder), folder);
	int error = tail_open(&st->tail, on_disk ? s->dir.fd[DIR_tails] : -1, folder, name, stream,
		(keep > PIPE_BYTES ? keep : PIPE_BYTES) + PIPE_BYTES);
	if (error) { // not even memory: the worker's output must go somewhere
		say("%s: %s; it is not passed on", stream, strerror(-error));
		close(fd);
		return;
	}
	stream_start(s, st, fd, s->terminal.own && i == 0);
}

void spawn_plainly(struct supervisor *s, int error)
{
	bool files = error == -EMFILE || error == -ENFILE;
	say("%s%s; %s runs without firstfix beside it", strerror(-error), files ? " (ulimit -n)" : "",
		s->options.argv[0]);
	spawn_restore(s);
	setrlimit(RLIMIT_NOFILE, &s->outer_files);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	execvp(s->options.argv[0], s->options.argv);
	say("%s: %s", s->options.argv[0], errno == ENOENT ? "command not found" : strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int spawn_worker(struct supervisor *s)
{
	int ours[N_STREAMS] = {-1, -1}, theirs[N_STREAMS] = {-1, -1}, status[2];
	s->worker = (struct worker){.attempt = s->worker.attempt + 1};
	s->n_orphans = 0;
	int error = open_outputs(s, ours, theirs);
	if (error)
		return error;
	if (pipe2(status, O_CLOEXEC))
		return -errno;
	cgroup_read(&s->cgroup, &s->cgroup_before);
	s->worker.started_ns = ff_clock_ns();
	s->worker.started_epoch_ns = ff_clock_epoch_ns();
	terminal_before_start(&s->terminal);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		run(s, parent, theirs, status[1]);
	error = pid < 0 ? -errno : 0;
	close(status[1]);
	if (pid > 0 && !s->terminal.own)
		setpgid(pid, pid); // as the child does: whoever comes first
	s->worker.pid = pid > 0 ? pid : 0;
	for (int i = 0; i < N_STREAMS; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		if (ours[i] >= 0)
			start_stream(s, i, ours[i]);
	}
	if (!error)
		terminal_started(s);
	fcntl(status[0], F_SETFL, O_NONBLOCK);
	s->exec_status = (struct watch){.ready = exec_ready, .fd = status[0]};
	watch_set(s->epoll, &s->exec_status, EPOLLIN);
	return error;
}
