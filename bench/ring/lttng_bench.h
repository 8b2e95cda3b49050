#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER firstfix_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng_bench.h"

#if !defined(LTTNG_BENCH_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LTTNG_BENCH_H

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(firstfix_bench, dequeue,
	LTTNG_UST_TP_ARGS(int64_t, depth, double, duration_ms, const char *, request),
	LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(int64_t, depth, depth) lttng_ust_field_float(
		double, duration_ms, duration_ms) lttng_ust_field_string(request, request)))

#endif

#include <lttng/tracepoint-event.h>
