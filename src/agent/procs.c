// Reads /proc/PID/stat, smaps_rollup, io, fd, net/tcp and the small files of the control group.
//
//	4711 (python) S 4710 4711 ...	field 14 and 15 are CPU time in ticks, 22 the start, 24 resident pages
//	Pss:  123456 kB			of smaps_rollup: costs milliseconds for a large process, so it is read seldom
//	4: 00000000:1F90 00000000:0000 0A ... 12345	net/tcp: state 0A listens, the last shown is the socket's inode
//
// How the source lies: the command's name may hold anything, also ") R 1"; a number may belong to another process by
// now, so the start time is compared; a process of another user shows stat, but neither io nor fd.
#include "agent/procs.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "parse/cgroup.h"
#include "parse/proc_fields.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { STAT_MAX = 1024, TEXT_MAX = 16384, PARENTS_MAX = 64, TASKS_MAX = 512, FDS_MAX = 65536, SOCKETS_MAX = 256 };
static const uint64_t walk_every_ns = UINT64_C(5000000000), slow_every_ns = UINT64_C(10000000000);

// A small file, terminated; its length, 0 when it cannot be read.
static size_t slurp(const char *path, size_t room, char *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, room - 1);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static size_t slurp_of(pid_t pid, const char *name, size_t room, char *ret)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return slurp(path, room, ret);
}

struct stat_of {
	char state;
	int parent;
	unsigned long long cpu, start;
	long pages;
};

static bool read_stat(pid_t pid, struct stat_of *ret)
{
	char text[STAT_MAX];
	unsigned long long user = 0, system = 0;
	struct stat_of s = {0};
	const char *at = slurp_of(pid, "stat", sizeof(text), text) ? strrchr(text, ')') : NULL;
	if (!at ||
		sscanf(at + 1,
			" %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %*u %ld",
			&s.state, &s.parent, &user, &system, &s.start, &s.pages) != 6)
		return false;
	s.cpu = user + system;
	*ret = s;
	return true;
}

// An image of nothing but programs may have no /proc: then a signal's permission is all that tells.
static bool lives_without_proc(pid_t pid)
{
	struct stat_of own;
	return !read_stat(getpid(), &own) && (kill(pid, 0) == 0 || errno == EPERM);
}

bool ff_proc_lives(pid_t pid, uint64_t start_ticks, uint64_t *ret_start_ticks)
{
	struct stat_of s;
	if (pid <= 0)
		return false;
	if (!read_stat(pid, &s))
		return lives_without_proc(pid);
	if (s.state == 'Z' || s.state == 'X' || (start_ticks && s.start != start_ticks))
		return false;
	if (ret_start_ticks)
		*ret_start_ticks = s.start;
	return true;
}

bool ff_proc_is_below(pid_t pid, pid_t root)
{
	struct stat_of s;
	for (int i = 0; i < PARENTS_MAX && pid > 1; i++) {
		if (pid == root)
			return true;
		if (!read_stat(pid, &s))
			return false;
		pid = s.parent;
	}
	return pid == root;
}

static void add(struct ff_procs *p, pid_t pid)
{
	struct stat_of s;
	if (p->n < FF_PROCS_MAX && pid > 0 && read_stat(pid, &s))
		p->list[p->n++] = (struct ff_proc){pid, s.start};
}

// The kernel's own list of children, of each thread; far cheaper than a look at every process of the machine.
static void add_children(struct ff_procs *p, pid_t pid)
{
	char path[64], text[TEXT_MAX];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	_cleanup_closedir_ DIR *d = opendir(path);
	const struct dirent *e;
	for (int i = 0; d && i < TASKS_MAX && (e = readdir(d)); i++) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, e->d_name);
		if (!slurp(path, sizeof(text), text))
			continue;
		char *at = text;
		for (long child; (child = strtol(at, &at, 10)) > 0;)
			add(p, (pid_t)child);
	}
}

static void walk(struct ff_procs *p, pid_t root)
{
	p->n = 0;
	add(p, root);
	for (unsigned i = 0; i < p->n; i++)
		add_children(p, p->list[i].pid);
}

// Inodes of the sockets that listen in the process' network namespace.
static unsigned listening_inodes(pid_t pid, unsigned long ret[SOCKETS_MAX])
{
	static const char *const files[] = {"net/tcp", "net/tcp6"};
	unsigned n = 0;
	for (size_t f = 0; f < 2; f++) {
		char path[64], line[512], state[8];
		unsigned long inode;
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[f]);
		_cleanup_fclose_ FILE *file = fopen(path, "re");
		while (file && n < SOCKETS_MAX && fgets(line, sizeof(line), file))
			if (sscanf(line, " %*d: %*s %*s %7s %*s %*s %*s %*s %*s %lu", state, &inode) == 2 &&
				strcmp(state, "0A") == 0)
				ret[n++] = inode;
	}
	return n;
}

static bool is_among(unsigned long inode, const unsigned long *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == inode)
			return true;
	return false;
}

// How many descriptors it has open, and whether a listening socket is among them.
static void read_fds(struct ff_usage_of *u, pid_t pid, bool root)
{
	char path[64], link[64];
	unsigned long inodes[SOCKETS_MAX], inode;
	unsigned n = u->listening ? 0 : listening_inodes(pid, inodes);
	uint64_t fds = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	_cleanup_closedir_ DIR *d = opendir(path);
	for (const struct dirent *e; d && fds < FDS_MAX && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		fds++;
		ssize_t length = n ? readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1) : 0;
		link[length > 0 ? length : 0] = '\0';
		if (length > 0 && sscanf(link, "socket:[%lu]", &inode) == 1)
			u->listening |= is_among(inode, inodes, n);
	}
	if (root)
		u->fds = fds;
}

static void read_all_fds(const struct ff_procs *p, struct ff_usage_of *u)
{
	struct rlimit files;
	for (unsigned i = 0; i < p->n; i++)
		read_fds(u, p->list[i].pid, i == 0);
	u->fds_max = p->n && prlimit(p->list[0].pid, RLIMIT_NOFILE, NULL, &files) == 0 ? files.rlim_cur : 0;
}

static void read_shares(const struct ff_procs *p, struct ff_usage_of *u)
{
	char text[TEXT_MAX];
	uint64_t value;
	for (unsigned i = 0; i < p->n; i++) {
		struct ff_span all = {text, slurp_of(p->list[i].pid, "smaps_rollup", sizeof(text), text)};
		if (all.n && ff_field_u64(all, "Pss", &value))
			u->pss += value;
	}
}

static void read_each(struct ff_procs *p, struct ff_usage_of *u)
{
	char text[STAT_MAX];
	unsigned kept = 0;
	for (unsigned i = 0; i < p->n; i++) {
		struct stat_of s;
		uint64_t value;
		if (!read_stat(p->list[i].pid, &s) || s.start != p->list[i].start_ticks || s.state == 'Z')
			continue;
		u->rss += (uint64_t)s.pages * (uint64_t)sysconf(_SC_PAGESIZE);
		u->cpu_ticks += s.cpu;
		struct ff_span io = {text, slurp_of(p->list[i].pid, "io", sizeof(text), text)};
		if (io.n && ff_field_u64(io, "rchar", &value))
			u->io_bytes += value;
		if (io.n && ff_field_u64(io, "wchar", &value))
			u->io_bytes += value;
		p->list[kept++] = p->list[i];
	}
	u->processes = p->n = kept;
}

void ff_procs_look(struct ff_procs *p, pid_t root, bool will_listen, uint64_t now_ns)
{
	struct ff_usage_of u = {0};
	bool other_root = p->n && p->list[0].pid != root;
	if (!p->looked_ns || other_root || now_ns - p->looked_ns >= walk_every_ns) {
		walk(p, root);
		p->looked_ns = now_ns;
	}
	read_each(p, &u);
	bool slow = !p->slow_ns || other_root || now_ns - p->slow_ns >= slow_every_ns;
	if (slow || (will_listen && !p->now.listening)) {
		read_all_fds(p, &u);
	} else {
		u.fds = p->now.fds;
		u.fds_max = p->now.fds_max;
		u.listening = p->now.listening;
	}
	if (slow) {
		read_shares(p, &u);
		p->slow_ns = now_ns;
	} else {
		u.pss = p->now.pss;
	}
	p->now = u;
}

static bool group_file(const char *folder, const char *name, size_t room, char *ret)
{
	char path[PATH_MAX];
	return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) && slurp(path, room, ret);
}

static void group_number(const char *folder, const char *name, uint64_t *ret)
{
	char text[64];
	uint64_t value;
	if (group_file(folder, name, sizeof(text), text) && ff_cgroup_limit(ff_span_of(text), &value))
		*ret = value;
}

static const struct {
	const char *controller, *root, *current, *limit, *events;
} versions[] = {
	{"memory", "/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes", "memory.oom_control"},
	{NULL, "/sys/fs/cgroup", "memory.current", "memory.max", "memory.events"},
};

// A container sees its own group as the root, under whatever path /proc tells.
static bool read_group(size_t version, struct ff_span path, struct ff_group *ret)
{
	char folder[PATH_MAX], text[TEXT_MAX];
	for (int shorter = 0; shorter < 2; shorter++) {
		snprintf(folder, sizeof(folder), "%s%.*s", versions[version].root,
			shorter ? 0 : (int)(path.n < 1024 ? path.n : 0), path.p);
		if (!group_file(folder, versions[version].current, sizeof(text), text))
			continue;
		ff_span_u64(ff_span_trim(ff_span_of(text)), &ret->current);
		group_number(folder, versions[version].limit, &ret->limit);
		if (group_file(folder, versions[version].events, sizeof(text), text))
			ff_field_u64(ff_span_of(text), "oom_kill", &ret->oom_kills);
		return true;
	}
	return false;
}

void ff_group_read(pid_t pid, struct ff_group *ret)
{
	char text[TEXT_MAX];
	struct ff_span all = {text, slurp_of(pid, "cgroup", sizeof(text), text)}, path;
	*ret = (struct ff_group){0};
	for (size_t i = 0; all.n && i < sizeof(versions) / sizeof(versions[0]); i++)
		if (ff_cgroup_path(all, versions[i].controller, &path) && read_group(i, path, ret))
			return;
}

void ff_self_usage(uint64_t *ret_rss, double *ret_cpu_s)
{
	struct stat_of s = {0};
	read_stat(getpid(), &s);
	*ret_rss = (uint64_t)s.pages * (uint64_t)sysconf(_SC_PAGESIZE);
	*ret_cpu_s = (double)s.cpu / (double)sysconf(_SC_CLK_TCK);
}
