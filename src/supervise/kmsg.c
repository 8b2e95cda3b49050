// Kernel messages: the OOM killer's victim, the address of a segmentation fault, the GPU's Xid.
//
//	6,1234,98765,-;Memory cgroup out of memory: Killed process 77 (python) total-vm:...
//	6,1235,98799,-;python[77]: segfault at 0 ip 00007f... sp ... error 4 in libfoo.so[...]
//	4,1236,98811,-;NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.
//
// Process numbers in it are the host's, which in a container are not ours: lines are chosen by subject, not by number.
#include "supervise/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_READS = 10000 };

static const char *const subjects[] = {
	"Killed process",
	"oom-kill:",
	"invoked oom-killer",
	"segfault at",
	"general protection",
	"traps:",
	"NVRM: Xid",
	"fallen off the bus",
	"RmInitAdapter failed",
	"I/O error",
	"MCE",
	"Hardware Error",
};

void kmsg_open(struct kmsg *k)
{
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->fd >= 0)
		lseek(k->fd, 0, SEEK_END);
}

static bool is_wanted(const char *text)
{
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (strstr(text, subjects[i]))
			return true;
	return false;
}

void kmsg_collect(struct kmsg *k)
{
	char record[2048];
	for (int i = 0; k->fd >= 0 && i < MOST_READS; i++) {
		ssize_t n = read(k->fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) // overtaken by newer records: go on with the oldest that is left
			continue;
		if (n <= 0)
			break;
		record[n] = '\0';
		char *text = strchr(record, ';');
		if (!text || !is_wanted(text))
			continue;
		size_t length = strcspn(text + 1, "\n");
		if (k->n + length + 2 > sizeof(k->text))
			break;
		memcpy(k->text + k->n, text + 1, length);
		k->n += length;
		k->text[k->n++] = '\n';
		k->text[k->n] = '\0';
	}
}

bool kmsg_mentions(const struct kmsg *k, const char *text)
{
	return k->n && strstr(k->text, text);
}

bool kmsg_numbers_are_ours(void)
{
	static const char first_namespace[] = "pid:[4026531836]"; // PROC_PID_INIT_INO
	char name[64];
	ssize_t n = readlink("/proc/self/ns/pid", name, sizeof(name) - 1);
	name[n > 0 ? n : 0] = '\0';
	return !strcmp(name, first_namespace);
}

// The number behind a word that stands in the line, 0 where it does not.
static pid_t number_behind(const char *line, size_t n, const char *word)
{
	const char *at = memmem(line, n, word, strlen(word));
	return at ? (pid_t)strtol(at + strlen(word), NULL, 10) : 0;
}

// 77 of "python[77]: segfault at"; 0 where no name stands before the bracket.
static pid_t number_in_brackets(const char *line, size_t n)
{
	size_t open = 0, close = 0;
	while (close + 3 <= n && strncmp(line + close, "]: ", 3) != 0) {
		open = line[close] == '[' ? close : open;
		close++;
	}
	bool named = close + 3 <= n && open && line[open - 1] != ' ';
	return named ? (pid_t)strtol(line + open + 1, NULL, 10) : 0;
}

// The process that a line is about: "Killed process 77 (python)", "oom-kill:constraint=...,task=python,pid=77,uid=0",
// "python[77]: segfault at"; 0: none, it is about the machine; -1: one that has no number there ("python invoked
// oom-killer: gfp_mask=...").
static pid_t subject(const char *line, size_t n, bool *ret_oom)
{
	static const char chosen[] = "oom-kill:", asked[] = "invoked oom-killer";
	pid_t pid = number_behind(line, n, "Killed process ");
	if (!pid && memmem(line, n, chosen, sizeof(chosen) - 1))
		pid = number_behind(line, n, ",pid=");
	if (!pid && memmem(line, n, asked, sizeof(asked) - 1))
		pid = -1;
	*ret_oom = pid != 0;
	return pid ? pid : number_in_brackets(line, n);
}

static bool is_about_us(const char *line, size_t length, const pid_t *pids, size_t n, bool died_oom, bool crashed)
{
	bool oom;
	pid_t pid = subject(line, length, &oom);
	if (pid == 0)
		return true;
	if (pid < 0 || !kmsg_numbers_are_ours())
		return oom ? died_oom : crashed;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

void kmsg_write(struct kmsg *k, struct json_out *j, const pid_t *pids, size_t n_pids, bool oom, bool crash)
{
	if (!k->n)
		return;
	json_open(j, "kmsg", '[');
	for (const char *at = k->text; *at;) {
		size_t n = strcspn(at, "\n");
		if (is_about_us(at, n, pids, n_pids, oom, crash))
			json_text_n(j, NULL, at, n);
		at += n + (at[n] == '\n');
	}
	json_close(j, ']');
	k->n = 0;
	k->text[0] = '\0';
}
