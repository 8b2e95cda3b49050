// The folder open/ of the state folder: RUN.ATTEMPT.json, a firstfix.death/1 whose end is not known yet (death.h).
//
// It appears under its name already locked, so whoever finds it without a lock knows that its supervisor is gone. It is
// claimed by renaming it into deaths/; of two that find it one gets it. The tails, rings in tails/, become plain text
// beside it.
#include "supervise/open_run.h"

#include "supervise/death.h"
#include "supervise/lanes.h"
#include "supervise/say.h"
#include "supervise/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ENTRIES = 10000, TELL_S = 60, NAME_LEN = 96 };

static bool lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return !fcntl(fd, F_OFD_SETLK, &whole);
}

static void name_of(const struct supervisor *s, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "%s.%d.json", s->run_id, s->worker.attempt);
}

void open_run_begin(struct supervisor *s)
{
	char name[NAME_LEN], fresh[NAME_LEN + 1];
	int dir = s->dir.fd[DIR_open];
	open_run_end(s);
	if (dir < 0)
		return;
	name_of(s, name);
	snprintf(fresh, sizeof(fresh), ".%s", name);
	int fd = openat(dir, fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (lock(fd) && !death_write_in_advance(s, fd) && !renameat(dir, fresh, dir, name)) {
		s->open.fd = fd;
		return;
	}
	unlinkat(dir, fresh, 0);
	close(fd);
}

void open_run_end(struct supervisor *s)
{
	char name[NAME_LEN];
	if (s->open.fd < 0)
		return;
	name_of(s, name);
	unlinkat(s->dir.fd[DIR_open], name, 0);
	close(s->open.fd);
	s->open.fd = -1;
}

// True when it is ours to tell: it lies in deaths/ now.
static bool claim(struct supervisor *s, const char *name)
{
	struct stat st;
	int fd = openat(s->dir.fd[DIR_open], name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool ours = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && lock(fd) &&
		!renameat(s->dir.fd[DIR_open], name, s->dir.fd[DIR_deaths], name);
	close(fd);
	return ours;
}

// "RUN.ATTEMPT.json" -> "RUN.ATTEMPT.STREAM"
static void tail_name(const char *name, const char *stream, char ret[NAME_LEN])
{
	snprintf(ret, NAME_LEN, "%.*s%s", (int)(strlen(name) - strlen("json")), name, stream);
}

static const char *const streams[] = {"stdout", "stderr", "output"},
			 *const turns_of[] = {"stdout.turns", "stderr.turns", "output.turns"};

static int new_file(struct supervisor *s, const char *name)
{
	return openat(s->dir.fd[DIR_deaths], name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void salvage_tails(struct supervisor *s, const char *name)
{
	char tail[NAME_LEN], order[NAME_LEN];
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		tail_name(name, streams[i], tail);
		tail_name(name, turns_of[i], order);
		int fd = new_file(s, tail), turns = fd < 0 ? -1 : new_file(s, order);
		if (fd < 0)
			continue;
		if (tail_salvage(s->dir.fd[DIR_tails], tail, (uint64_t)s->options.tail_kib * 1024, fd, turns)) {
			unlinkat(s->dir.fd[DIR_deaths], tail, 0);
			unlinkat(s->dir.fd[DIR_deaths], order, 0);
		}
		unlinkat(s->dir.fd[DIR_tails], tail, 0);
		close(fd);
		if (turns >= 0)
			close(turns);
	}
}

static bool is_document(const char *name)
{
	size_t n = strlen(name);
	return name[0] != '.' && n > 5 && n < sizeof(((struct open_run *)0)->told) && n < NAME_LEN - 8 &&
		!strcmp(name + n - 5, ".json");
}

static bool find(struct supervisor *s)
{
	int copy = s->dir.fd[DIR_open] < 0 ? -1 : dup(s->dir.fd[DIR_open]);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	bool found = false;
	if (!dir)
		return false;
	rewinddir(dir);
	for (int i = 0; i < MOST_ENTRIES && !found && (e = readdir(dir)); i++) {
		found = is_document(e->d_name) && claim(s, e->d_name);
		if (found)
			snprintf(s->open.told, sizeof(s->open.told), "%s", e->d_name);
	}
	closedir(dir);
	return found;
}

// Of processes that no run was beside, or that a shell had started. After the runs: they have lanes, too.
static void look_for_lanes(struct supervisor *s)
{
	const char *argv[] = {NULL, "incident", "--left", NULL};
	if (lanes_any(s) && step_start(s, STEP_LEFT, argv, TELL_S))
		errno = 0; // the next start finds them again
}

void open_run_look(struct supervisor *s)
{
	char path[512];
	if (s->open.told[0])
		return;
	if (!find(s)) {
		look_for_lanes(s);
		return;
	}
	salvage_tails(s, s->open.told);
	const char *argv[] = {NULL, "incident", "--from", path, NULL};
	int error = state_dir_file(&s->dir, DIR_deaths, s->open.told, sizeof(path), path)
		? step_start(s, STEP_VANISHED, argv, TELL_S)
		: -ENAMETOOLONG;
	if (error) {
		say("an earlier run ended without a word, %s/deaths/%s; no incident: %s", s->dir.path, s->open.told,
			strerror(-error));
		s->open.told[0] = '\0';
	}
}

void open_run_told(struct supervisor *s)
{
	char tail[NAME_LEN];
	if (step_ok(&s->steps[STEP_VANISHED])) {
		for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
			tail_name(s->open.told, streams[i], tail);
			unlinkat(s->dir.fd[DIR_deaths], tail, 0);
			tail_name(s->open.told, turns_of[i], tail);
			unlinkat(s->dir.fd[DIR_deaths], tail, 0);
		}
		unlinkat(s->dir.fd[DIR_deaths], s->open.told, 0);
	}
	s->open.told[0] = '\0';
	if (s->state != ST_LEAVING && s->state != ST_GONE)
		open_run_look(s);
}
