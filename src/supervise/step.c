// Starting and ending steps. What a step says goes to our stderr; the answer of the incident step comes through a pipe.
//
// The start-up report runs while the worker starts, so it gets the lowest CPU and disk priority. A step that does not
// die of SIGKILL (a driver call in D state) is not waited for: it counts as done when its deadline has passed.
#include "supervise/step.h"

#include "base/clock.h"
#include "supervise/say.h"
#include "supervise/spawn.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	bool answers, low_priority;
} kinds[N_STEPS] = {
	[STEP_CHECK] = {"check", false, false},
	[STEP_REPORT] = {"start-up report", false, true},
	[STEP_INCIDENT] = {"incident", true, false},
	[STEP_GOOD] = {"note of the good start", false, true},
	[STEP_VANISHED] = {"incident of an earlier run", false, true},
	[STEP_LEFT] = {"incident of an earlier process", false, true},
	[STEP_RESULT] = {"note of the attempt", false, true},
};

static char answer_text[ANSWER_MAX];

static void read_answer(struct supervisor *s, struct step *step)
{
	while (step->answer.fd >= 0) {
		size_t room = ANSWER_MAX - step->n;
		ssize_t n = room ? read(step->answer.fd, step->text + step->n, room) : 0;
		if (n > 0)
			step->n += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && errno == EAGAIN)
			return;
		else
			watch_close(s->epoll, &step->answer);
	}
}

static void answer_ready(struct supervisor *s, struct watch *w, uint32_t events)
{
	(void)events;
	read_answer(s, w->of);
}

static void lower_priority(void)
{
	enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_IDLE = 3 << 13 };
	if (setpriority(PRIO_PROCESS, 0, 19))
		errno = 0;
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

// While the worker has a terminal of its own, ours is in raw mode and lines need a carriage return.
static void notes_ready(struct supervisor *s, struct watch *w, uint32_t events)
{
	(void)events;
	char text[1024];
	ssize_t n;
	while ((n = read(w->fd, text, sizeof(text))) > 0)
		say_bytes(text, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		watch_close(s->epoll, w);
}

static void run(struct supervisor *s, enum step_kind kind, const char *argv[], int answer, int notes)
{
	setpgid(0, 0); // so that a stop key of the terminal does not end it, and that we can kill what it starts
	spawn_restore(s);
	if (kinds[kind].low_priority)
		lower_priority();
	int err = notes >= 0 ? notes : STDERR_FILENO;
	bool unread = kind == STEP_VANISHED; // a verdict that nobody waits for
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(unread ? null : answer >= 0 ? answer : err, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	argv[0] = s->options.tool;
	execv(s->options.tool, (char **)argv);
	_exit(127);
}

static void start_watch(struct supervisor *s, struct watch *w, int fd)
{
	w->fd = fd;
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	watch_set(s->epoll, w, EPOLLIN);
}

static void close_pipes(const int answer[2], const int notes[2], int end)
{
	if (answer[end] >= 0)
		close(answer[end]);
	if (notes[end] >= 0)
		close(notes[end]);
}

void steps_init(struct supervisor *s)
{
	for (int i = 0; i < N_STEPS; i++)
		s->steps[i] = (struct step){.answer.fd = -1, .notes.fd = -1};
}

int step_start(struct supervisor *s, enum step_kind kind, const char *argv[], unsigned deadline_s)
{
	struct step *step = &s->steps[kind];
	int answer[2] = {-1, -1}, notes[2] = {-1, -1};
	if (strcmp(s->options.tool, "-") == 0)
		return -ENOPKG;
	step_kill(s, kind);
	if (kinds[kind].answers && pipe2(answer, O_CLOEXEC))
		return -errno;
	if (s->terminal.raw && pipe2(notes, O_CLOEXEC))
		notes[0] = notes[1] = -1; // its lines look bad; that is all
	pid_t pid = fork();
	if (pid == 0)
		run(s, kind, argv, answer[1], notes[1]);
	int error = pid < 0 ? -errno : 0;
	close_pipes(answer, notes, 1);
	if (error) {
		close_pipes(answer, notes, 0);
		return error;
	}
	setpgid(pid, pid);
	*step = (struct step){.pid = pid,
		.kind = kind,
		.deadline_ns = ff_clock_ns() + deadline_s * NS_PER_S,
		.text = answer_text,
		.answer = {.ready = answer_ready, .of = step},
		.notes = {.ready = notes_ready}};
	start_watch(s, &step->answer, answer[0]);
	start_watch(s, &step->notes, notes[0]);
	return 0;
}

static void ended(struct supervisor *s, struct step *step)
{
	read_answer(s, step);
	watch_close(s->epoll, &step->answer);
	if (step->notes.fd >= 0)
		notes_ready(s, &step->notes, 0);
	watch_close(s->epoll, &step->notes);
	step->pid = 0;
	if (step->kind == STEP_CHECK || step->kind == STEP_INCIDENT)
		dispatch(s, EV_STEP_DONE);
	else if (step->kind == STEP_VANISHED)
		open_run_told(s);
}

bool step_reaped(struct supervisor *s, pid_t pid, int status)
{
	for (int i = 0; i < N_STEPS; i++) {
		struct step *step = &s->steps[i];
		if (step->pid != pid)
			continue;
		step->status = status;
		ended(s, step);
		return true;
	}
	return false;
}

bool step_ok(const struct step *step)
{
	return !step->late && WIFEXITED(step->status) && WEXITSTATUS(step->status) == 0;
}

void step_kill(struct supervisor *s, enum step_kind kind)
{
	struct step *step = &s->steps[kind];
	if (!step->pid)
		return;
	kill(-step->pid, SIGKILL);
	step->pid = 0;
	watch_close(s->epoll, &step->answer);
	watch_close(s->epoll, &step->notes);
}

uint64_t step_tick(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next = 0;
	for (int i = 0; i < N_STEPS; i++) {
		struct step *step = &s->steps[i];
		if (!step->pid)
			continue;
		if (now_ns < step->deadline_ns) {
			next = !next || step->deadline_ns < next ? step->deadline_ns : next;
			continue;
		}
		say("the %s did not end in time and was killed", kinds[i].name);
		kill(-step->pid, SIGKILL);
		step->late = true;
		ended(s, step);
	}
	return next;
}
