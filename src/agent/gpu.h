// The GPUs, asked once a second by a process of its own, because a call into the driver can hang for ever or crash.
//
// The helper (gpu_helper.c) answers each question with one struct ff_gpus over a socket of whole messages. The agent
// never waits: a question that stays open is itself the answer "the driver hangs".
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FF_GPUS_MAX = 16, FF_GPU_PROCS = 32, FF_XIDS_MAX = 16, FF_GPU_TEXT = 64, FF_GPU_KILLED = 8 };

struct ff_gpu {
	char name[FF_GPU_TEXT], uuid[FF_GPU_TEXT];
	int error; /**< of NVML, where the GPU does not answer; 0: it does */
	uint64_t total, free, used, reserved;
	int utilization, temperature;  /**< -1: not known */
	double power_w, power_limit_w; /**< negative: not known */
	uint64_t throttle, ecc_corrected, ecc_uncorrected;
	bool has_ecc, has_memory;
	uint32_t n_procs;
	struct {
		uint32_t pid;
		uint64_t used;
	} procs[FF_GPU_PROCS];
};

/** Xids that the driver told of since the helper began, by GPU and number. */
struct ff_gpu_xid {
	uint32_t gpu, number;
	uint64_t count;
};

enum ff_gpus_state {
	FF_GPUS_UNKNOWN, /**< nothing was heard yet */
	FF_GPUS_NONE,	 /**< no driver, or one that sees no GPU: nothing more will be asked */
	FF_GPUS_OK,
	FF_GPUS_ERROR,	 /**< the driver refuses; `why` says it */
	FF_GPUS_CRASHED, /**< the helper died in a call of the driver */
};

struct ff_gpus {
	int state;
	char why[128];
	uint32_t n, n_xids;
	struct ff_gpu gpu[FF_GPUS_MAX];
	struct ff_gpu_xid xids[FF_XIDS_MAX];
};

/** What the agent knows of them. */
struct ff_gpu_watch {
	struct ff_gpus now;
	int fd; /**< -1: no helper runs */
	pid_t pid;
	uint64_t asked_ns;   /**< since when the question is open; 0: none is */
	uint64_t patient_ns; /**< until when this helper may take for it */
	uint64_t again_ns;   /**< when a new helper may start */
	unsigned failures;
	pid_t killed[FF_GPU_KILLED]; /**< helpers that are not reaped yet, 0: a free place */
};

/** Start the helper. Call ff_gpu_tick() as often as the GPUs shall be read. */
void ff_gpu_start(struct ff_gpu_watch *w, uint64_t now_ns);
/** Take the answer where it has come, put the next question, start a new helper where the last one is gone. Never
    waits. */
void ff_gpu_tick(struct ff_gpu_watch *w, uint64_t now_ns);
/** Seconds that a question has been open. */
double ff_gpu_silent_s(const struct ff_gpu_watch *w, uint64_t now_ns);
void ff_gpu_stop(struct ff_gpu_watch *w);

/** The helper: answers on descriptor `fd` until it is closed. */
int ff_gpu_helper(int fd);

extern const char *const ff_throttle_names[];
enum { FF_THROTTLES = 9 };
