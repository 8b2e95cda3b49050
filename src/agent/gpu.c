// The agent's end of the GPU helper: asks, takes what comes, and counts the time that a question is open.
//
// How the world lies: a helper that hangs in the driver (state D) survives SIGKILL. It is left behind after a minute,
// another one is asked the same, and that one has twice as long: a driver that recovers is seen, and what hangs in one
// that does not stays few. A helper that was killed takes its time to die, so it is reaped later.
#include "agent/gpu.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELPER_FD = 3, ROOM = 1 << 20, PAUSES_MAX = 8, PATIENCES_MAX = 6 };
static const uint64_t second_ns = UINT64_C(1000000000), patience_ns = UINT64_C(60000000000);

extern char **environ;

static bool spawn(struct ff_gpu_watch *w)
{
	int ends[2], room = ROOM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return false;
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	posix_spawn_file_actions_t actions;
	char *argv[] = {(char *)"firstfix-agent", (char *)"--gpu-helper", NULL};
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], HELPER_FD);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
	int code = posix_spawn(&w->pid, "/proc/self/exe", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (code) {
		close(ends[0]);
		return false;
	}
	w->fd = ends[0];
	return true;
}

static void reap(struct ff_gpu_watch *w)
{
	for (size_t i = 0; i < FF_GPU_KILLED; i++)
		if (w->killed[i] && waitpid(w->killed[i], NULL, WNOHANG) != 0)
			w->killed[i] = 0;
}

static void lost(struct ff_gpu_watch *w, uint64_t now_ns)
{
	size_t place = 0;
	close(w->fd);
	kill(w->pid, SIGKILL);
	while (place < FF_GPU_KILLED - 1 && w->killed[place])
		place++;
	w->killed[place] = w->pid;
	w->fd = -1;
	w->asked_ns = 0;
	w->failures++;
	w->again_ns = now_ns + (second_ns << (w->failures < PAUSES_MAX ? w->failures : PAUSES_MAX));
}

void ff_gpu_start(struct ff_gpu_watch *w, uint64_t now_ns)
{
	*w = (struct ff_gpu_watch){.fd = -1};
	if (!spawn(w))
		w->again_ns = now_ns + second_ns;
}

// The question has been open for too long: another helper gets it, and has twice as long for it.
static void ask_another(struct ff_gpu_watch *w, uint64_t now_ns)
{
	uint64_t since = w->asked_ns;
	lost(w, now_ns);
	w->patient_ns = now_ns + (patience_ns << (w->failures < PATIENCES_MAX ? w->failures : PATIENCES_MAX));
	if (spawn(w) && send(w->fd, "?", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		w->asked_ns = since; // the driver is silent for all that time
}

static void take(struct ff_gpu_watch *w, uint64_t now_ns)
{
	static struct ff_gpus answer;
	ssize_t n = recv(w->fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(answer) && answer.n <= FF_GPUS_MAX && answer.n_xids <= FF_XIDS_MAX) {
		w->now = answer;
		w->asked_ns = 0;
		w->failures = 0;
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (w->now.state != FF_GPUS_NONE) { // which ends by itself
		w->now.state = FF_GPUS_CRASHED;
		snprintf(w->now.why, sizeof(w->now.why), "a call into the NVIDIA driver crashed");
	}
	lost(w, now_ns);
}

void ff_gpu_tick(struct ff_gpu_watch *w, uint64_t now_ns)
{
	reap(w);
	if (w->now.state == FF_GPUS_NONE && w->fd < 0)
		return;
	if (w->fd < 0 && (now_ns < w->again_ns || !spawn(w)))
		return;
	if (w->asked_ns)
		take(w, now_ns);
	if (w->fd >= 0 && w->asked_ns && now_ns >= w->patient_ns) {
		ask_another(w, now_ns);
	} else if (w->fd >= 0 && !w->asked_ns && send(w->fd, "?", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
		w->asked_ns = now_ns;
		w->patient_ns = now_ns + patience_ns;
	}
}

double ff_gpu_silent_s(const struct ff_gpu_watch *w, uint64_t now_ns)
{
	return w->asked_ns && now_ns > w->asked_ns ? (double)(now_ns - w->asked_ns) / 1e9 : 0;
}

void ff_gpu_stop(struct ff_gpu_watch *w)
{
	if (w->fd < 0)
		return;
	close(w->fd);
	kill(w->pid, SIGKILL);
	w->fd = -1;
}
