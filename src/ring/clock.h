// The clock of the recorder: the CPU's counter where the kernel itself keeps time by it, else CLOCK_MONOTONIC.
// Measured on one machine: counter 10 ns, clock_gettime() 24 ns.
#pragma once

#include "ring/format.h"

#include <time.h>

/** Which clock a lane made now should use. Reads one file of /sys; safe in a signal handler. */
enum ff_ring_clock ff_ring_clock_choose(void);

static inline uint64_t ff_ring_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t ff_ring_ticks(uint32_t clock)
{
#if defined(__x86_64__)
	if (clock == FF_RING_CLOCK_TICKS)
		return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	if (clock == FF_RING_CLOCK_TICKS) {
		uint64_t ticks;
		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
		return ticks;
	}
#endif
	(void)clock;
	return ff_ring_ns(CLOCK_MONOTONIC);
}

static inline struct ff_ring_anchor ff_ring_anchor_now(uint32_t clock)
{
	struct ff_ring_anchor a = {.mono_ns = ff_ring_ns(CLOCK_MONOTONIC), .real_ns = ff_ring_ns(CLOCK_REALTIME)};
	// Between two reads of the clock, so that half their distance bounds the error.
	a.ticks = ff_ring_ticks(clock);
	uint64_t after = ff_ring_ns(CLOCK_MONOTONIC);
	a.real_ns += (after - a.mono_ns) / 2;
	a.mono_ns = clock == FF_RING_CLOCK_MONO ? a.ticks : a.mono_ns + (after - a.mono_ns) / 2;
	return a;
}
