// Starting the agent and telling it what happens, over a pipe that is its standard input: one line a fact.
//
//	state UP
//	worker 4711 1
//
// The pipe's end is how it learns that we are gone. It dies alone: a pause that doubles from a fifth of a second to
// three seconds (what the worker records meanwhile its lanes must hold) comes before the next start, and one that ends
// by code 2 (wrong options, an address that it may not use) is not tried again.
#include "supervise/agent.h"

#include "base/clock.h"
#include "supervise/say.h"
#include "supervise/spawn.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_PAUSE_MS = 100, PAUSES_MAX = 5, LIVED_S = 10, WRONG_USE = 2, END_MS = 3000, END_STEP_MS = 2 };

static const char *const state_names[N_STATES] = {
#define X(name) #name,
	STATES
#undef X
};

static void run(struct supervisor *s, int in)
{
	char listen[300], run_id[RUN_ID_LEN + 8];
	setpgid(0, 0); // a stop key of the terminal is for the worker
	spawn_restore(s);
	spawn_name_command(s);
	if (s->dir.path[0])
		setenv("FIRSTFIX_DIR", s->dir.path, 1);
	if (s->agent.deaths)
		setenv("FIRSTFIX_AGENT_AGAIN", "1", 1);
	snprintf(listen, sizeof(listen), "--listen=%s", s->options.listen);
	snprintf(run_id, sizeof(run_id), "--run=%s", s->run_id);
	dup2(in, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execv(s->options.tool, (char *[]){(char *)s->options.tool, (char *)"agent", listen, run_id, NULL});
	_exit(WRONG_USE);
}

static void start(struct supervisor *s)
{
	struct agent *a = &s->agent;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return;
	pid_t pid = fork();
	if (pid == 0)
		run(s, ends[0]);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return;
	}
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	a->pid = pid;
	a->pipe = ends[1];
	a->started_ns = ff_clock_ns();
	agent_tell(s);
}

void agent_begin(struct supervisor *s)
{
	s->agent = (struct agent){.pipe = -1};
	if (!s->options.listen || !*s->options.listen)
		return;
	start(s);
	if (!s->agent.pid)
		say("no agent: %s", strerror(errno));
}

void agent_tell(struct supervisor *s)
{
	char text[96];
	if (s->agent.pipe < 0)
		return;
	int n = snprintf(text, sizeof(text), "state %s\n", state_names[s->state]);
	if (s->worker.pid > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "worker %d %d\n", s->worker.pid, s->worker.attempt);
	if (write(s->agent.pipe, text, (size_t)n) < 0)
		errno = 0; // full: it hangs; or it is dead, and is told anew when it starts
}

bool agent_reaped(struct supervisor *s, pid_t pid, int status)
{
	struct agent *a = &s->agent;
	if (!a->pid || a->pid != pid)
		return false;
	uint64_t now = ff_clock_ns();
	close(a->pipe);
	a->pid = 0;
	a->pipe = -1;
	a->deaths = now - a->started_ns > LIVED_S * NS_PER_S ? 1 : a->deaths + 1;
	a->given_up = WIFEXITED(status) && WEXITSTATUS(status) == WRONG_USE;
	a->again_ns = now + (FIRST_PAUSE_MS * NS_PER_MS << (a->deaths < PAUSES_MAX ? a->deaths : PAUSES_MAX));
	if (a->given_up)
		say("no agent: it cannot work as it was told; the command runs on without");
	return true;
}

void agent_end(struct supervisor *s)
{
	struct agent *a = &s->agent;
	if (!a->pid)
		return;
	close(a->pipe);
	a->pipe = -1;
	uint64_t until = ff_clock_ns() + END_MS * NS_PER_MS;
	while (waitpid(a->pid, NULL, WNOHANG) == 0 && ff_clock_ns() < until)
		poll(NULL, 0, END_STEP_MS);
}

uint64_t agent_tick(struct supervisor *s, uint64_t now_ns)
{
	struct agent *a = &s->agent;
	if (a->pid || a->given_up || !a->again_ns || s->state == ST_LEAVING)
		return 0;
	if (now_ns < a->again_ns)
		return a->again_ns;
	a->again_ns = now_ns + NS_PER_S;
	start(s);
	return a->pid ? 0 : a->again_ns;
}
