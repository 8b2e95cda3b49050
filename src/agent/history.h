// Memory over time: samples in a bounded, compressed file that survives the agent.
//
// Two rings of blocks in one mapped file: every sample for about an hour, every 30th for about a day. A block holds its
// first sample whole and of each later one the difference to the one before, as numbers of few bytes. What is in a
// block counts when its `used` was stored behind it, so a SIGKILL costs at most the sample that was being written.
#pragma once

#include "base/error.h"

#include <stdint.h>

enum { FF_HISTORY_GPUS = 8, FF_HISTORY_COARSE_S = 30 };

/** Columns of a sample, then FF_GPU_COLUMNS for each GPU. -1: not known. Bytes, but where said. */
enum ff_column {
	FF_COL_TIME_MS, /**< since the epoch */
	FF_COL_RSS,
	FF_COL_PSS,
	FF_COL_GROUP,
	FF_COL_GROUP_LIMIT,
	FF_COL_SHM,
	FF_COL_REQUESTS,  /**< ended so far */
	FF_COL_IN_FLIGHT, /**< requests */
	FF_COL_STATE,	  /**< enum ff_state */
	FF_COLUMNS
};

enum ff_gpu_column {
	FF_GPU_TOTAL,
	FF_GPU_USED, /**< by everybody, without the driver's own */
	FF_GPU_OURS, /**< by the worker's processes */
	FF_GPU_ALLOCATED,
	FF_GPU_RESERVED,
	FF_GPU_UTILIZATION, /**< percent */
	FF_GPU_TEMPERATURE,
	FF_GPU_COLUMNS
};

enum { FF_SAMPLE = FF_COLUMNS + FF_HISTORY_GPUS * FF_GPU_COLUMNS };

struct ff_sample_row {
	int64_t v[FF_SAMPLE];
	unsigned gpus;
};

static inline int64_t ff_sample_gpu(const struct ff_sample_row *s, unsigned gpu, enum ff_gpu_column column)
{
	return s->v[FF_COLUMNS + gpu * FF_GPU_COLUMNS + column];
}

extern const char *const ff_column_names[FF_COLUMNS];
extern const char *const ff_gpu_column_names[FF_GPU_COLUMNS];

struct ff_history;

/** Open PATH, or make it where it is missing, damaged or of another version. `read_only` makes nothing. */
struct ff_error *ff_history_open(const char *path, bool read_only, struct ff_history **ret);
void ff_history_close(struct ff_history *history);

void ff_history_add(struct ff_history *history, const struct ff_sample_row *row);

/** Samples since a moment, oldest first: fine ones as far back as they go, coarse ones before them. Stops when `take`
    gives false. A file that is being written, torn or hostile is fine: what makes no sense ends its block. */
void ff_history_read(const struct ff_history *history, int64_t since_ms,
	bool (*take)(const struct ff_sample_row *row, void *arg), void *arg);
