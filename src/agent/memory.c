// One sample a second into the history, growth and forecasts from it, and /v1/memory.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/make.h"
#include "agent/masked.h"
#include "base/clock.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 1800, WINDOW_MS = 3600 * 1000, AGAIN_MS = 1800 * 1000 };

static int64_t known(uint64_t value, bool is)
{
	return is ? (int64_t)value : -1;
}

// The NVML index of the worker's device `device`: CUDA_VISIBLE_DEVICES of the worker renumbers them.
static unsigned gpu_of_device(const struct ff_agent *a, unsigned device)
{
	struct ff_span rest = ff_span_of(a->visible), word;
	uint64_t index;
	for (unsigned i = 0; a->visible[0] && ff_span_next(&rest, ',', &word); i++) {
		word = ff_span_trim(word);
		if (i != device)
			continue;
		if (ff_span_u64(word, &index) && index < FF_GPUS_MAX)
			return (unsigned)index;
		for (unsigned k = 0; k < a->gpu.now.n; k++)
			if (word.n > 4 && strncmp(a->gpu.now.gpu[k].uuid, word.p, word.n) == 0)
				return k;
	}
	return a->visible[0] ? FF_GPUS_MAX : device;
}

// Read once a worker: what it was started with.
void ff_memory_visible(struct ff_agent *a)
{
	static const char name[] = "CUDA_VISIBLE_DEVICES=";
	char path[64], text[65536];
	a->visible[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)a->root);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (const char *at = text; at < text + (n > 0 ? n : 0); at += strlen(at) + 1)
		if (ff_starts(at, name))
			snprintf(a->visible, sizeof(a->visible), "%s", at + strlen(name));
}

static void put_gpu(const struct ff_agent *a, unsigned i, struct ff_sample_row *row)
{
	const struct ff_gpu *g = &a->gpu.now.gpu[i];
	int64_t *v = &row->v[FF_COLUMNS + i * FF_GPU_COLUMNS];
	uint64_t ours = 0;
	bool is_ours = ff_agent_gpu_ours(a, g, &ours);
	v[FF_GPU_TOTAL] = known(g->total, g->has_memory);
	v[FF_GPU_USED] = known(g->used, g->has_memory);
	v[FF_GPU_OURS] = known(ours, is_ours);
	v[FF_GPU_ALLOCATED] = v[FF_GPU_RESERVED] = -1;
	v[FF_GPU_UTILIZATION] = g->utilization;
	v[FF_GPU_TEMPERATURE] = g->temperature;
}

static void put_devices(const struct ff_agent *a, struct ff_sample_row *row)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	for (unsigned i = 0; i < FF_TALLY_DEVICES; i++) {
		const struct ff_tally_device *d = &t->devices[i];
		unsigned gpu = gpu_of_device(a, i);
		if (!d->at_mono_ns || d->at_mono_ns < a->root_began_ns || gpu >= row->gpus)
			continue;
		row->v[FF_COLUMNS + gpu * FF_GPU_COLUMNS + FF_GPU_ALLOCATED] = (int64_t)d->allocated;
		row->v[FF_COLUMNS + gpu * FF_GPU_COLUMNS + FF_GPU_RESERVED] = known(d->reserved, d->reserved);
	}
}

static void make_sample(const struct ff_agent *a, struct ff_sample_row *row)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	const struct ff_machine *m = &a->machine;
	const struct ff_usage_of *u = &m->usage;
	*row = (struct ff_sample_row){0};
	row->v[FF_COL_TIME_MS] = (int64_t)(ff_clock_epoch_ns() / 1000000);
	row->v[FF_COL_RSS] = known(u->rss, u->processes);
	row->v[FF_COL_PSS] = known(u->pss, u->pss);
	row->v[FF_COL_GROUP] = known(m->group.current, m->group.current);
	row->v[FF_COL_GROUP_LIMIT] = known(m->group.limit, m->group.limit);
	row->v[FF_COL_SHM] = known(m->shm_used, m->shm_size);
	for (unsigned i = 0; i < FF_OUTCOMES; i++)
		row->v[FF_COL_REQUESTS] += (int64_t)t->requests[i];
	row->v[FF_COL_IN_FLIGHT] = a->observed.in_flight;
	row->v[FF_COL_STATE] = a->health.state;
	row->gpus = a->gpu.now.state == FF_GPUS_OK && a->gpu.now.n < FF_HISTORY_GPUS ? a->gpu.now.n : 0;
	if (a->gpu.now.state == FF_GPUS_OK && a->gpu.now.n >= FF_HISTORY_GPUS)
		row->gpus = FF_HISTORY_GPUS;
	for (unsigned i = 0; i < row->gpus; i++)
		put_gpu(a, i, row);
	put_devices(a, row);
}

static void tell(struct ff_agent *a, unsigned resource, const struct ff_forecast *f)
{
	char say[200];
	ff_forecast_sentence(f, resource, say);
	if (ff_record_start(&(struct ff_record_options){.dir = a->dir, .size = 1}))
		return;
	ff_event(FF_EV_CUSTOM, FF_STR(EVENT, "memory.forecast"), FF_STR(BODY, say), FF_STR(SEVERITY_TEXT, "WARN"),
		ff_real(ff_key("firstfix.forecast.seconds"), f->seconds));
	ff_record_stop();
}

// What each resource has left.
static void left_now(const struct ff_agent *a, double left[FF_RESOURCES])
{
	const struct ff_machine *m = &a->machine;
	for (unsigned i = 0; i < FF_HISTORY_GPUS; i++) {
		const struct ff_gpu *g = &a->gpu.now.gpu[i];
		bool known_left = a->gpu.now.state == FF_GPUS_OK && i < a->gpu.now.n && g->has_memory && !g->error;
		left[i] = known_left ? (double)g->free : -1;
	}
	uint64_t rss = m->usage.rss;
	left[FF_RESOURCE_HOST] = m->group.limit > rss && rss ? (double)(m->group.limit - rss) : -1;
}

// A trend takes milliseconds, so it is made without the lock.
static void judge(struct ff_agent *a, const double left[FF_RESOURCES])
{
	struct ff_forecast forecasts[FF_RESOURCES];
	ff_growth_judge(&a->growth, left, forecasts);
	for (unsigned i = 0; i < FF_RESOURCES; i++)
		if (forecasts[i].is && !a->forecasts[i].is)
			tell(a, i, &forecasts[i]);
	pthread_mutex_lock(&a->lock);
	memcpy(a->forecasts, forecasts, sizeof(forecasts));
	pthread_mutex_unlock(&a->lock);
}

// The last load, or the start where it was later: what was before it is no growth.
static uint64_t growth_since(const struct ff_agent *a)
{
	uint64_t loaded = ff_tally_now(a->tally)->load_ended_mono_ns;
	return loaded > a->root_began_ns ? loaded : a->root_began_ns;
}

// A moment of the monotonic clock as the time of day when we began, and on from there whoever sets it: samples of the
// agent before us are dated so, too.
static double steady_s(const struct ff_agent *a, uint64_t mono_ns)
{
	return (double)a->began_epoch_ns / 1e9 + ((double)mono_ns - (double)a->began_ns) / 1e9;
}

void ff_memory_sample(struct ff_agent *a)
{
	struct ff_sample_row row;
	double left[FF_RESOURCES];
	pthread_mutex_lock(&a->lock);
	make_sample(a, &row);
	left_now(a, left);
	pthread_mutex_unlock(&a->lock);
	if (a->history)
		ff_history_add(a->history, &row);
	if (growth_since(a))
		ff_growth_since(&a->growth, steady_s(a, growth_since(a)));
	if (ff_growth_add(&a->growth, steady_s(a, ff_clock_ns()), &row))
		judge(a, left);
}

static bool take_back(const struct ff_sample_row *row, void *arg)
{
	ff_growth_add(arg, (double)row->v[FF_COL_TIME_MS] / 1e3, row);
	return true;
}

struct ff_error *ff_memory_open(struct ff_agent *a)
{
	char path[PATH_MAX + 128];
	snprintf(path, sizeof(path), "%s/agent/%s.memory", a->dir, a->name);
	struct ff_error *err = ff_history_open(path, false, &a->history);
	if (!err) // what the agent before us saw
		ff_history_read(a->history, (int64_t)(ff_clock_epoch_ns() / 1000000) - AGAIN_MS, take_back, &a->growth);
	return err;
}

// --- what is told ---

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *forecast_of(const struct ff_forecast *f, unsigned resource)
{
	char name[16], say[200];
	ff_resource_name(resource, name);
	ff_forecast_sentence(f, resource, say);
	json_t *o = json_pack("{s:s, s:s, s:f, s:I, s:[o, o, o]}", "resource", name, "say", say, "bytes_per_second",
		f->bytes_per_s, "left", (json_int_t)f->left, "seconds", number(f->seconds_low), number(f->seconds),
		number(f->seconds_high));
	if (o && f->by_request) {
		json_object_set_new(o, "bytes_per_request", number(f->bytes_per_request));
		json_object_set_new(o, "requests",
			json_pack("[o, o, o]", number(f->requests_low), number(f->requests), number(f->requests_high)));
	}
	return o;
}

json_t *ff_forecasts_document(const struct ff_agent *a)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < FF_RESOURCES; i++)
		if (a->forecasts[i].is)
			json_array_append_new(list, forecast_of(&a->forecasts[i], i));
	return list;
}

// The same as a diagnosis that warns: growth that meets a limit is a leak until somebody says what it is.
static json_t *diagnosis_of(const json_t *forecasts)
{
	json_t *list = json_array();
	size_t i;
	json_t *f;
	json_array_foreach (forecasts, i, f) {
		bool host = strcmp(ff_json_text(f, "resource"), "host") == 0;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:f, s:s, s:O, s:[{s:s, s:O}], s:[{s:s, s:s}]}", "cause",
				host ? "oom.host" : "oom.leak", "title",
				host ? "the worker's memory grows towards the container's limit"
				     : "GPU memory grows towards its end",
				"confidence", 0.7, "severity", "warning", "why", json_object_get(f, "say"), "evidence",
				"fact", "memory.forecast", "value", f, "fixes", "kind", "restart", "say",
				"Restart the worker before the memory is used up, and look for what each request "
				"leaves behind: lists, "
				"caches and graphs that keep tensors."));
	}
	return json_pack("{s:s, s:o, s:[]}", "schema", "firstfix.diagnosis/1", "diagnoses", list, "unexplained");
}

struct taking {
	json_t *rows;
	size_t seen, step;
};

static bool count_row(const struct ff_sample_row *row, void *arg)
{
	(void)row;
	((struct taking *)arg)->seen++;
	return true;
}

static bool take_row(const struct ff_sample_row *row, void *arg)
{
	struct taking *t = arg;
	if (t->seen++ % t->step)
		return true;
	json_t *values = json_array();
	for (size_t i = 0; i < FF_COLUMNS + row->gpus * FF_GPU_COLUMNS; i++)
		json_array_append_new(values, row->v[i] == -1 ? json_null() : json_integer(row->v[i]));
	return json_array_append_new(t->rows, values) == 0;
}

static json_t *names(const char *const *names_of, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(names_of[i]));
	return list;
}

static json_t *memory_rows(const struct ff_history *history, int64_t since_ms)
{
	struct taking t = {.rows = json_array()};
	ff_history_read(history, since_ms, count_row, &t);
	t.step = t.seen / ROWS_MAX + 1;
	t.seen = 0;
	ff_history_read(history, since_ms, take_row, &t);
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "schema", "firstfix.memory/1", "columns",
		names(ff_column_names, FF_COLUMNS), "gpu_columns", names(ff_gpu_column_names, FF_GPU_COLUMNS), "states",
		names(ff_state_names, FF_STATES), "rows", t.rows);
}

struct ff_error *ff_make_memory(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	uint64_t since_ns;
	int64_t since = (int64_t)(ff_clock_epoch_ns() / 1000000) - WINDOW_MS;
	if (*of && ff_span_u64(ff_span_of(of), &since_ns))
		since = (int64_t)(since_ns / 1000000);
	_cleanup_json_ json_t *doc = a->history ? memory_rows(a->history, since) : NULL;
	if (!doc)
		return ff_error_create(FF_EABSENT, "no samples are kept here");
	pthread_mutex_lock(&a->lock);
	json_t *forecasts = ff_forecasts_document(a);
	pthread_mutex_unlock(&a->lock);
	json_object_set_new(doc, "forecasts", forecasts);
	json_object_set_new(doc, "diagnosis", diagnosis_of(forecasts));
	return ff_masked_text(doc, ret);
}
