// LTTng-UST: per-CPU rings in shared memory. bench/run_ring starts the session in flight-recorder mode, which
// overwrites as ours.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_bench.h"

#include "loop.h"

static void event(int64_t i, double d, const char *text)
{
	lttng_ust_tracepoint(firstfix_bench, dequeue, i, d, text);
}

static void flush(void)
{
}

int main(void)
{
	static const struct writer writer = {"lttng-ust", event, flush};
	loop_run(&writer);
	return 0;
}
