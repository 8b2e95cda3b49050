// The memory control group this process lives in, version 1 or 2.
//
// /proc/self/cgroup names the group as the host sees it ("/docker/3f2a..."), while the mount in a container may start
// at that very group: /proc/self/mountinfo says with which part a mount begins ("root"), and that part is cut off.
//
//	4:memory:/docker/3f2a		36 32 0:31 /docker/3f2a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
//
// Version 2 counts OOM kills in memory.events, version 1 in memory.oom_control (kernel 4.13 and later).
#include "supervise/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct source {
	const char *file, *key; /**< key NULL: the file holds one number */
};

static const struct {
	const char *name;
	struct source v1, v2;
} counters[N_CG] = {
	[CG_LIMIT] = {"limit", {"memory.limit_in_bytes", NULL}, {"memory.max", NULL}},
	[CG_CURRENT] = {"current", {"memory.usage_in_bytes", NULL}, {"memory.current", NULL}},
	[CG_PEAK] = {"peak", {"memory.max_usage_in_bytes", NULL}, {"memory.peak", NULL}},
	[CG_LIMIT_HITS] = {"limit_hits", {"memory.failcnt", NULL}, {"memory.events", "max"}},
	[CG_OOM_KILL] = {"oom_kill", {"memory.oom_control", "oom_kill"}, {"memory.events", "oom_kill"}},
};

// Version 1 says "no limit" as the largest multiple of the page size; no machine has that much.
#define NO_LIMIT (UINT64_C(1) << 60)

static int read_small(const char *path, char *text, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t got = read(fd, text, n - 1);
	int error = got < 0 ? -errno : 0;
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return error;
}

// The path behind "N:<controller>:" (version 1) or "0::" (version 2) in /proc/self/cgroup.
static bool own_path(char *text, const char *controller, char *ret, size_t n)
{
	for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		size_t length = (size_t)(path - list - 1);
		bool ours =
			*controller ? length == strlen(controller) && !strncmp(list + 1, controller, length) : !length;
		if (ours) {
			snprintf(ret, n, "%.*s", (int)strcspn(path + 1, "\n"), path + 1);
			return true;
		}
	}
	return false;
}

// One line of mountinfo: does it mount what we look for? Then *cg gets the folder, if the counters can be read there.
static bool try_mount(char *line, int version, const char *own, struct cgroup *cg)
{
	char root[256], at[256], type[32], options[256];
	char *dash = strstr(line, " - ");
	if (!dash || sscanf(line, "%*s %*s %*s %255s %255s", root, at) != 2 ||
		sscanf(dash, " - %31s %*s %255s", type, options) != 2)
		return false;
	if (strcmp(type, version == 2 ? "cgroup2" : "cgroup") != 0 || (version == 1 && !strstr(options, "memory")))
		return false;
	size_t cut = strcmp(root, "/") != 0 && !strncmp(own, root, strlen(root)) ? strlen(root) : 0;
	const char *tries[] = {own + cut, ""};
	for (int i = 0; i < 2; i++) {
		char file[640], text[64];
		snprintf(cg->path, sizeof(cg->path), "%s%s", at, strcmp(tries[i], "/") != 0 ? tries[i] : "");
		snprintf(file, sizeof(file), "%s/%s", cg->path, version == 2 ? "memory.events" : "memory.oom_control");
		if (!read_small(file, text, sizeof(text))) {
			cg->version = version;
			return true;
		}
	}
	return false;
}

static bool find_version(int version, struct cgroup *cg)
{
	char text[4096] = "", own[256], line[2048];
	if (read_small("/proc/self/cgroup", text, sizeof(text)) ||
		!own_path(text, version == 2 ? "" : "memory", own, sizeof(own)))
		return false;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found = false;
	while (f && !found && fgets(line, sizeof(line), f))
		found = try_mount(line, version, own, cg);
	if (f)
		fclose(f);
	return found;
}

void cgroup_find(struct cgroup *cg)
{
	*cg = (struct cgroup){0};
	if (!find_version(2, cg) && !find_version(1, cg))
		cg->path[0] = '\0';
}

void cgroup_read(const struct cgroup *cg, struct cgroup_counts *ret)
{
	*ret = (struct cgroup_counts){0};
	for (int i = 0; i < N_CG && cg->version; i++) {
		const struct source *from = cg->version == 2 ? &counters[i].v2 : &counters[i].v1;
		char path[640], text[1024], *at = text, *end;
		snprintf(path, sizeof(path), "%s/%s", cg->path, from->file);
		if (read_small(path, text, sizeof(text)))
			continue;
		size_t n = from->key ? strlen(from->key) : 0;
		while (n && at && (strncmp(at, from->key, n) != 0 || at[n] != ' ')) {
			at = strchr(at, '\n');
			at = at ? at + 1 : NULL;
		}
		if (!at)
			continue;
		ret->value[i] = strtoull(at + n, &end, 10);
		ret->known[i] = end != at + n && !(i == CG_LIMIT && ret->value[i] >= NO_LIMIT);
	}
}

void cgroup_write(struct json_out *j, const char *key, const struct cgroup_counts *counts)
{
	json_open(j, key, '{');
	for (int i = 0; i < N_CG; i++)
		if (counts->known[i])
			json_u64(j, counters[i].name, counts->value[i]);
	json_close(j, '}');
}

bool cgroup_growth(
	const struct cgroup_counts *before, const struct cgroup_counts *after, enum cgroup_counter which, uint64_t *ret)
{
	if (!before->known[which] || !after->known[which] || after->value[which] < before->value[which])
		return false;
	*ret = after->value[which] - before->value[which];
	return true;
}
