// Where the supervisor keeps its files: the state folder and what lies in it. Any of it may be missing, full or
// read-only.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define STATE_FOLDERS \
	X(tails)      \
	X(deaths)     \
	X(reports)    \
	X(tally)      \
	X(armed)      \
	X(lanes)      \
	X(open)       \
	X(agent)

enum state_folder {
#define X(name) DIR_##name,
	STATE_FOLDERS
#undef X
		N_DIRS
};

struct state_dir {
	char path[400]; /**< empty when there is none that can be used */
	int fd[N_DIRS]; /**< folders, -1 when not usable */
};

/** Find and make the folders. Always succeeds: what cannot be used is said once and is -1. */
void state_dir_open(struct state_dir *d);

/** PATH/FOLDER/NAME into `ret`; false when there is no such folder or no room. */
bool state_dir_file(const struct state_dir *d, enum state_folder folder, const char *name, size_t n, char *ret);

/** Remove what dead supervisors left: files older than a week, and the oldest until all are a quarter of what the
    folder may hold. Files that somebody holds a lock on are in use. */
void state_dir_prune(const struct state_dir *d);
