// Lanes of processes that ended without a word.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FF_LEFT_LOOK_AT = 4096 };

struct ff_left {
	int fd;	       /**< locked, so that one alone tells of it */
	char name[64]; /**< of the file */
	uint32_t pid, parent_pid;
	uint8_t boot_id[16];
};

/** Open and lock the lane `name` of a folder when its process is gone and did not close it; false: it is none such. */
bool ff_left_open(int dir, const char *name, struct ff_left *ret);

/** Let go of it; `done`: nobody needs to tell of it any more. */
void ff_left_close(struct ff_left *left, bool done);

/** True when there is one in this folder. */
bool ff_left_any(const char *folder);

/** Of these processes, and of those that they had started, there is nothing more to tell. */
void ff_left_close_of(const char *folder, const uint32_t *pids, size_t n);
