// What a stranger can say to the agent: the headers that the gate judges, an address, the events of a hostile lane as
// they are counted and written out.
#include "agent/exposition.h"
#include "agent/gate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void judge(const char *a, const char *b, const char *c, const char *d)
{
	char host[256], port[8];
	const struct ff_gate gates[] = {{.machine = "worker-1"}, {.token = "secret", .machine = "worker-1"}};
	const struct ff_gate_request r = {a[0] ? a : NULL, b[0] ? b : NULL, c[0] ? c : NULL, d[0] ? d : NULL};
	for (size_t i = 0; i < 2; i++) {
		bool trusted = ff_gate_trusts(&gates[i], r.authorization);
		if (i && trusted && !(r.authorization && strlen(r.authorization) == strlen("Bearer secret")))
			abort();
		if (!ff_gate_refuses(&gates[i], &r) && !r.host)
			abort();
	}
	if (ff_gate_address(a, host, port))
		ff_gate_is_loopback(host);
}

static void count(const uint8_t *data, size_t n, const char *text)
{
	static const char *const keys[] = {"firstfix.phase", "firstfix.phase.id", "firstfix.request.id",
		"firstfix.duration_ms", "firstfix.outcome", "error.type", "firstfix.gpu.index",
		"firstfix.gpu.memory.allocated"};
	struct ff_tally *t = calloc(1, sizeof(*t));
	struct ff_exposition e = {.open = true};
	float seconds[FF_TALLY_RECENT];
	for (size_t i = 0; t && i + 4 <= n && i < 4096; i += 4) {
		struct ff_field fields[8];
		for (size_t k = 0; k < 8; k++) {
			uint8_t kind = (uint8_t)(data[i + 1] >> (k % 4)) & 3;
			fields[k] = kind == 0 ? ff_str(0,
							k == 0 && data[i] & 1 ? "request"
								: k == 0      ? "model.load"
									      : text)
				: kind == 1   ? ff_int(0, (int64_t)data[i + 2] - 2)
				: kind == 2   ? ff_real(0, (double)data[i + 2] * 1e300 * data[i + 3])
					      : ff_bool(0, true);
		}
		struct ff_event event = {.kind = data[i] % FF_EV_END_,
			.time_ns = data[i + 3],
			.mono_ns = data[i + 3],
			.pid = data[i + 2],
			.lane = data[i] & 2 ? text : "1-1.ring",
			.n = 8,
			.fields = fields,
			.keys = keys,
			.position = i + 1};
		ff_tally_count(t, &event);
		if (data[i] == 255)
			ff_tally_lane_died(t, data[i + 1] % FF_TALLY_LANES);
	}
	if (!t)
		return;
	ff_tally_last_minute(t, 256, seconds);
	ff_metric(&e, FF_METRIC_LATENCY);
	ff_sample_histogram(&e, &t->latency, t->exemplars);
	for (size_t i = 0; i < FF_TALLY_NAMES; i++)
		ff_sample2(&e, 1, "error_type", t->errors[i].name, NULL, NULL);
	ff_buf_deinit(&e.out);
	free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 5);
	if (!text)
		return 0;
	memcpy(text, data, n);
	memset(text + n, 0, 5);
	const char *words[4];
	const char *at = text;
	for (size_t i = 0; i < 4; i++) {
		words[i] = at;
		at += strlen(at);
		if (at < text + n)
			at++;
	}
	judge(words[0], words[1], words[2], words[3]);
	count(data, n, words[0]);
	free(text);
	return 0;
}
