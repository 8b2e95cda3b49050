// /metrics: the numbers of the last look, in the format that the client prefers. The text is made once for a look and
// format, and shared by everybody who asks before the next one: a scrape costs no more than sending it.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/export.h"
#include "agent/export_metrics.h"
#include "agent/exposition.h"

#include <stdio.h>
#include <string.h>

static void one(struct ff_exposition *e, enum ff_metric metric, double value)
{
	ff_metric(e, metric);
	ff_sample(e, value, NULL);
}

static void write_state(struct ff_exposition *e, const struct ff_agent *a)
{
	ff_metric(e, FF_METRIC_BUILD);
	ff_sample2(e, 1, "version", FF_VERSION, NULL, NULL);
	one(e, FF_METRIC_UP, a->observed.alive);
	ff_metric(e, FF_METRIC_STATE);
	for (unsigned i = 0; i < FF_STATES; i++)
		ff_sample2(e, a->health.state == i, "state", ff_state_names[i], NULL, NULL);
	one(e, FF_METRIC_LIVE, a->health.live);
	one(e, FF_METRIC_READY, a->health.ready);
	if (a->root_began_epoch_ns)
		one(e, FF_METRIC_STARTED, (double)a->root_began_epoch_ns / 1e9);
	if (a->attempt)
		one(e, FF_METRIC_ATTEMPT, a->attempt);
	one(e, FF_METRIC_PROGRESS, a->observed.since_progress_s < 0 ? 0 : a->observed.since_progress_s);
}

static void write_host(struct ff_exposition *e, const struct ff_agent *a)
{
	const struct ff_machine *m = &a->machine;
	const struct ff_usage_of *u = &m->usage;
	if (u->processes) {
		one(e, FF_METRIC_PROCESSES, u->processes);
		one(e, FF_METRIC_RSS, (double)u->rss);
		if (u->pss)
			one(e, FF_METRIC_PSS, (double)u->pss);
		one(e, FF_METRIC_CPU, (double)u->cpu_ticks / (double)sysconf(_SC_CLK_TCK));
		if (u->fds)
			one(e, FF_METRIC_FDS, (double)u->fds);
		if (u->fds_max)
			one(e, FF_METRIC_FDS_MAX, (double)u->fds_max);
	}
	if (m->group.current)
		one(e, FF_METRIC_GROUP, (double)m->group.current);
	if (m->group.limit)
		one(e, FF_METRIC_GROUP_LIMIT, (double)m->group.limit);
	if (m->group.current)
		one(e, FF_METRIC_GROUP_KILLS, (double)m->group.oom_kills);
	if (m->shm_size) {
		one(e, FF_METRIC_SHM, (double)m->shm_used);
		one(e, FF_METRIC_SHM_SIZE, (double)m->shm_size);
	}
}

static void write_named(struct ff_exposition *e, enum ff_metric metric, const char *label, const struct ff_named *rows,
	size_t n, bool seconds)
{
	ff_metric(e, metric);
	for (size_t i = 0; i < n; i++)
		if (rows[i].name[0])
			ff_sample2(e, seconds ? rows[i].seconds : (double)rows[i].n, label, rows[i].name, NULL, NULL);
}

static void write_work(struct ff_exposition *e, const struct ff_agent *a)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	ff_metric(e, FF_METRIC_LOADS);
	ff_sample2(e, (double)t->loads, "outcome", "ok", NULL, NULL);
	ff_sample2(e, (double)t->loads_failed, "outcome", "error", NULL, NULL);
	if (t->loads)
		one(e, FF_METRIC_LOAD, t->load_seconds);
	one(e, FF_METRIC_LOADING, a->observed.loading);
	write_named(e, FF_METRIC_PHASES, "phase", t->phases, FF_TALLY_NAMES, true);
	ff_metric(e, FF_METRIC_REQUESTS);
	for (unsigned i = 0; i < FF_OUTCOMES; i++)
		ff_sample2(e, (double)t->requests[i], "outcome", ff_outcome_names[i], NULL, NULL);
	write_named(e, FF_METRIC_ERRORS, "error_type", t->errors, FF_TALLY_NAMES, false);
	ff_metric(e, FF_METRIC_LATENCY);
	ff_sample_histogram(e, &t->latency, t->exemplars);
	ff_metric(e, FF_METRIC_QUEUE);
	ff_sample_histogram(e, &t->queue, NULL);
	one(e, FF_METRIC_IN_FLIGHT, a->observed.in_flight);
	one(e, FF_METRIC_OLDEST, a->observed.oldest_request_s < 0 ? 0 : a->observed.oldest_request_s);
	ff_metric(e, FF_METRIC_QUARANTINED);
	ff_sample2(e, a->suspected, "state", "suspected", NULL, NULL);
	ff_sample2(e, a->refused, "state", "refused", NULL, NULL);
	ff_metric(e, FF_METRIC_TOKENS);
	ff_sample2(e, (double)t->input_tokens, "direction", "input", NULL, NULL);
	ff_sample2(e, (double)t->output_tokens, "direction", "output", NULL, NULL);
	one(e, FF_METRIC_EXCEPTIONS, (double)t->exceptions);
	one(e, FF_METRIC_EVENTS, (double)t->events);
	one(e, FF_METRIC_LOST, (double)t->lost);
	write_named(e, FF_METRIC_INCIDENTS, "cause", a->causes, FF_CAUSES_MAX, false);
}

static void write_memory_of_gpu(
	struct ff_exposition *e, const struct ff_agent *a, const struct ff_gpu *g, const char *gpu)
{
	uint64_t ours = 0;
	if (ff_agent_gpu_ours(a, g, &ours) && ours <= g->used) {
		ff_sample2(e, (double)ours, "gpu", gpu, "owner", "worker");
		ff_sample2(e, (double)(g->used - ours), "gpu", gpu, "owner", "other");
	} else {
		ff_sample2(e, (double)g->used, "gpu", gpu, "owner", "used");
	}
	ff_sample2(e, (double)g->reserved, "gpu", gpu, "owner", "driver");
	ff_sample2(e, (double)g->free, "gpu", gpu, "owner", "free");
}

static const enum ff_metric numbers[] = {
	FF_METRIC_GPU_SIZE, FF_METRIC_UTILIZATION, FF_METRIC_TEMPERATURE, FF_METRIC_POWER, FF_METRIC_POWER_LIMIT};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static void write_number(struct ff_exposition *e, const struct ff_gpu *g, const char *gpu, size_t number)
{
	const double values[NUMBERS] = {g->has_memory ? (double)g->total : -1, g->utilization / 100.0, g->temperature,
		g->power_w, g->power_limit_w}; // negative: not known
	if (values[number] >= 0)
		ff_sample2(e, values[number], "gpu", gpu, NULL, NULL);
}

static void write_gpus(struct ff_exposition *e, const struct ff_agent *a)
{
	const struct ff_gpus *now = &a->gpu.now;
	char gpu[FF_GPUS_MAX][12], number[16];
	for (uint32_t i = 0; i < FF_GPUS_MAX; i++)
		snprintf(gpu[i], sizeof(gpu[i]), "%u", i);
	ff_metric(e, FF_METRIC_GPU_UP);
	for (uint32_t i = 0; i < now->n; i++)
		ff_sample2(e, now->gpu[i].error == 0, "gpu", gpu[i], "uuid", now->gpu[i].uuid);
	ff_metric(e, FF_METRIC_GPU_MEMORY);
	for (uint32_t i = 0; i < now->n; i++)
		if (now->gpu[i].has_memory)
			write_memory_of_gpu(e, a, &now->gpu[i], gpu[i]);
	for (size_t k = 0; k < NUMBERS; k++) {
		ff_metric(e, numbers[k]);
		for (uint32_t i = 0; i < now->n; i++)
			write_number(e, &now->gpu[i], gpu[i], k);
	}
	ff_metric(e, FF_METRIC_THROTTLE);
	for (uint32_t i = 0; i < now->n; i++)
		for (unsigned k = 0; k < FF_THROTTLES; k++)
			if (now->gpu[i].throttle & 1u << k)
				ff_sample2(e, 1, "gpu", gpu[i], "reason", ff_throttle_names[k]);
	ff_metric(e, FF_METRIC_ECC);
	for (uint32_t i = 0; i < now->n; i++) {
		if (!now->gpu[i].has_ecc)
			continue;
		ff_sample2(e, (double)now->gpu[i].ecc_corrected, "gpu", gpu[i], "kind", "corrected");
		ff_sample2(e, (double)now->gpu[i].ecc_uncorrected, "gpu", gpu[i], "kind", "uncorrected");
	}
	ff_metric(e, FF_METRIC_XID);
	for (uint32_t i = 0; i < now->n_xids; i++) {
		snprintf(number, sizeof(number), "%u", now->xids[i].number);
		ff_sample2(e, (double)now->xids[i].count, "gpu", gpu[now->xids[i].gpu % FF_GPUS_MAX], "xid", number);
	}
}

static void write_allocator(struct ff_exposition *e, const struct ff_agent *a)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	ff_metric(e, FF_METRIC_ALLOCATOR);
	for (unsigned i = 0; i < FF_TALLY_DEVICES; i++) {
		const struct ff_tally_device *d = &t->devices[i];
		char device[12];
		snprintf(device, sizeof(device), "%u", i);
		if (!d->at_mono_ns)
			continue;
		ff_sample2(e, (double)d->allocated, "device", device, "kind", "allocated");
		if (d->reserved)
			ff_sample2(e, (double)d->reserved, "device", device, "kind", "reserved");
		if (d->peak)
			ff_sample2(e, (double)d->peak, "device", device, "kind", "peak");
	}
}

static void write_bounds(struct ff_exposition *e, const char *resource, double estimate, double earliest, double latest)
{
	ff_sample2(e, estimate, "resource", resource, "bound", "estimate");
	ff_sample2(e, earliest, "resource", resource, "bound", "earliest");
	ff_sample2(e, latest, "resource", resource, "bound", "latest");
}

static void write_forecasts(struct ff_exposition *e, const struct ff_agent *a)
{
	static const enum ff_metric metrics[] = {FF_METRIC_GROWTH, FF_METRIC_FORECAST, FF_METRIC_FORECAST_REQUESTS};
	for (size_t k = 0; k < sizeof(metrics) / sizeof(metrics[0]); k++) {
		ff_metric(e, metrics[k]);
		for (unsigned i = 0; i < FF_RESOURCES; i++) {
			const struct ff_forecast *f = &a->forecasts[i];
			char name[16];
			ff_resource_name(i, name);
			if (!f->is)
				continue;
			if (metrics[k] == FF_METRIC_GROWTH)
				ff_sample2(e, f->bytes_per_s, "resource", name, NULL, NULL);
			else if (metrics[k] == FF_METRIC_FORECAST)
				write_bounds(e, name, f->seconds, f->seconds_low, f->seconds_high);
			else if (f->by_request)
				write_bounds(e, name, f->requests, f->requests_low, f->requests_high);
		}
	}
}

static void write_export(struct ff_exposition *e)
{
	struct ff_otlp_counts counts;
	if (!ff_export_counts(&counts))
		return;
	ff_metric(e, FF_METRIC_EXPORTED);
	for (unsigned i = 0; i < FF_SIGNALS; i++)
		ff_sample2(e, (double)counts.sent[i], "signal", ff_signal_names[i], NULL, NULL);
	ff_metric(e, FF_METRIC_EXPORT_LOST);
	for (unsigned i = 0; i < FF_SIGNALS; i++)
		ff_sample2(e, (double)counts.lost[i], "signal", ff_signal_names[i], NULL, NULL);
	one(e, FF_METRIC_EXPORT_QUEUE, (double)counts.bytes);
}

void ff_metrics_write(struct ff_exposition *e, const struct ff_agent *a)
{
	uint64_t rss;
	double cpu;
	write_state(e, a);
	write_host(e, a);
	write_work(e, a);
	if (a->gpu.now.state != FF_GPUS_NONE && a->gpu.now.state != FF_GPUS_UNKNOWN)
		one(e, FF_METRIC_DRIVER,
			a->gpu.now.state == FF_GPUS_OK && a->observed.driver_silent_s < FF_DRIVER_PATIENCE_S);
	if (a->gpu.now.n)
		write_gpus(e, a);
	write_allocator(e, a);
	write_forecasts(e, a);
	ff_self_usage(&rss, &cpu);
	one(e, FF_METRIC_AGENT_RSS, (double)rss);
	one(e, FF_METRIC_AGENT_CPU, cpu);
	write_export(e);
	ff_exposition_end(e);
}

// The response of the last look; only the server's thread comes here.
static struct {
	uint64_t generation;
	struct MHD_Response *response;
} cached[2];

static const char *const types[2] = {
	"text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8"};

void ff_answer_metrics(struct ff_request *r, struct ff_answer *out)
{
	struct ff_agent *a = r->agent;
	bool open = ff_request_accepts(r, "application/openmetrics-text");
	pthread_mutex_lock(&a->lock);
	uint64_t generation = a->generation;
	struct ff_exposition e = {.open = open};
	bool old = !cached[open].response || cached[open].generation != generation;
	if (old)
		ff_metrics_write(&e, a);
	pthread_mutex_unlock(&a->lock);
	if (old) {
		if (cached[open].response)
			MHD_destroy_response(cached[open].response);
		cached[open].response =
			e.out.failed ? NULL : MHD_create_response_from_buffer(e.out.n, e.out.p, MHD_RESPMEM_MUST_FREE);
		cached[open].generation = generation;
		if (!cached[open].response) {
			ff_buf_deinit(&e.out);
			ff_answer_error(out, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
			return;
		}
		out->type = types[open];
		ff_answer_headers(cached[open].response, out);
	}
	out->shared = cached[open].response;
}
