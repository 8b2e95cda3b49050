// Reads /proc/PID/stat and /proc/PID/status.
//
//	4711 (python) S 4710 4711 ...		the name may hold anything, also ") R 1"
//	SigCgt:	0000000180004002		bit N-1 stands for signal N
#include "supervise/process.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PARENTS = 64, TEXT_MAX = 2048 };

bool process_text(const char *path, size_t n, char *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, ret, n - 1);
	if (fd >= 0)
		close(fd);
	ret[got > 0 ? got : 0] = '\0';
	if (got > 0 && ret[got - 1] == '\n')
		ret[got - 1] = '\0';
	return ret[0] != '\0';
}

static pid_t parent_of(pid_t pid)
{
	char path[32], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	const char *at = process_text(path, sizeof(text), text) ? strrchr(text, ')') : NULL;
	int parent = 0;
	return at && sscanf(at + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

bool is_descendant(pid_t pid)
{
	pid_t me = getpid();
	for (int i = 0; i < MOST_PARENTS && pid > 1; i++) {
		pid = parent_of(pid);
		if (pid == me)
			return true;
	}
	return false;
}

bool process_has_signal(pid_t pid, const char *set, int signal)
{
	char path[64], text[TEXT_MAX], key[16];
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(key, sizeof(key), "\n%s:", set);
	const char *at = process_text(path, sizeof(text), text) ? strstr(text, key) : NULL;
	return at && strtoull(at + strlen(key), NULL, 16) >> (signal - 1) & 1;
}
