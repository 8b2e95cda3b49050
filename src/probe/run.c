// Runs the probes: each helper is a disposable process, the join runs here on what came back.
//
// A helper tells what it has so far ({"so_far": "gpus", "facts": {...}}) and what it found ({"probe": "gpus", "facts":
// {...}}); which probe it is in and what it is about to ask ("nvmlInit") it notes in memory shared with us. So a hang
// or a crash has a name and costs only what had not been said yet.
#include "base/clock.h"
#include "base/nearest.h"
#include "host/helper.h"
#include "probe/probe.h"

#include <stdio.h>
#include <sys/mman.h>

enum { DEADLINE_DEFAULT_MS = 5000 };

const struct ff_probe ff_probes[] = {
#define PROBE(name, helper, needs, help) {#name, help, needs, FF_HELPER_##helper, ff_probe_##name},
#include "probe/probes.def"
#undef PROBE
};
const size_t ff_probe_count = sizeof(ff_probes) / sizeof(ff_probes[0]);

enum wish { LEFT_OUT, NEEDED, WANTED };
enum { PROBES_MAX = sizeof(ff_probes) / sizeof(ff_probes[0]) };

struct run {
	struct ff_host *host;
	const struct ff_collect_options *options;
	enum wish wish[PROBES_MAX];
	json_t *facts;	// everything, for the join
	json_t *report; // what was asked for
	bool out_of_memory;
};

struct helper_run {
	struct run *run;
	enum ff_helper_id id;
	struct ff_place *place; // shared with the helper's process
	bool done[PROBES_MAX];
};

static ssize_t probe_index(struct ff_span name)
{
	for (size_t i = 0; i < ff_probe_count; i++) {
		if (ff_span_eq(name, ff_probes[i].name))
			return (ssize_t)i;
	}
	return -1;
}

static void need(struct run *run, const char *names)
{
	struct ff_span rest = ff_span_of(names), name;
	while (ff_span_next(&rest, ' ', &name)) {
		ssize_t i = name.n ? probe_index(name) : -1;
		if (i < 0 || run->wish[i] != LEFT_OUT)
			continue;
		run->wish[i] = NEEDED;
		need(run, ff_probes[i].needs);
	}
}

static struct ff_error *no_probe(struct ff_span name)
{
	char hint[128];
	struct ff_nearest near = {.wrong = name};
	for (size_t i = 0; i < ff_probe_count; i++)
		ff_nearest_try(&near, ff_probes[i].name);
	return ff_error_create(FF_EUSAGE, "no probe is called '%.*s'; 'firstfix report --list' shows them%s",
		(int)name.n, name.p, ff_nearest_hint(&near, hint));
}

static struct ff_error *choose(struct run *run)
{
	const char *only = run->options->only;
	if (!only) {
		for (size_t i = 0; i < ff_probe_count; i++)
			run->wish[i] = WANTED;
		return NULL;
	}
	struct ff_span rest = ff_span_of(only), name;
	while (ff_span_next(&rest, ',', &name)) {
		name = ff_span_trim(name);
		ssize_t i = probe_index(name);
		if (i < 0)
			return no_probe(name);
		need(run, ff_probes[i].needs);
		run->wish[i] = WANTED;
	}
	return NULL;
}

// Runs one probe; what it found is returned as its share of the document, NULL when there was no memory for it.
static json_t *run_probe(struct run *run, const struct ff_probe *probe, json_t *facts, struct helper_run *helper,
	struct ff_helper_out *to)
{
	struct ff_probe_ctx ctx = {.host = run->host,
		.delta = json_object(),
		.facts = facts,
		.probe = probe->name,
		.python = run->options->python,
		.to = to,
		.place = helper ? helper->place : NULL};
	if (!ctx.delta)
		return NULL;
	probe->run(&ctx);
	if (ctx.out_of_memory) {
		json_decref(ctx.delta);
		return NULL;
	}
	return ctx.delta;
}

static void helper_work(struct ff_helper_out *out, void *arg)
{
	struct helper_run *helper = arg;
	_cleanup_json_ json_t *facts = json_object();
	for (size_t i = 0; facts && i < ff_probe_count; i++) {
		const struct ff_probe *probe = &ff_probes[i];
		if (probe->helper != helper->id || helper->run->wish[i] == LEFT_OUT)
			continue;
		snprintf(helper->place->probe, sizeof(helper->place->probe), "%s", probe->name);
		helper->place->step[0] = 0;
		uint64_t start = ff_clock_ns();
		json_t *found = run_probe(helper->run, probe, facts, helper, out);
		ff_helper_send(out,
			json_pack("{s:s, s:o*, s:f}", "probe", probe->name, "facts", found, "ms",
				ff_clock_ms_since(start)));
	}
}

static void merge(struct run *run, const struct ff_probe *probe, json_t *found)
{
	bool wanted = run->wish[probe - ff_probes] == WANTED;
	_cleanup_json_ json_t *copy = json_deep_copy(found);
	_cleanup_error_ struct ff_error *all = copy ? ff_json_merge(run->facts, copy) : &ff_enomem;
	_cleanup_error_ struct ff_error *own = wanted ? ff_json_merge(run->report, found) : NULL;
	if (all || own)
		run->out_of_memory = true;
}

static void helper_receive(json_t *document, void *arg)
{
	struct helper_run *helper = arg;
	const char *ended = ff_json_text(document, "probe"), *so_far = ff_json_text(document, "so_far");
	ssize_t i = probe_index(ff_span_of(ended ? ended : so_far));
	if (i < 0)
		return;
	json_t *found = json_object_get(document, "facts");
	if (found)
		merge(helper->run, &ff_probes[i], found);
	if (!ended)
		return;
	helper->done[i] = true;
	json_t *times = json_object_get(helper->run->report, "probe_ms");
	if (json_is_object(times))
		json_object_set(times, ff_probes[i].name, json_object_get(document, "ms"));
}

// What a helper that ended early left unsaid: the probe it was in, with the step, and those that never had their turn.
static void helper_account(struct helper_run *helper, const struct ff_error *err)
{
	struct ff_place at = *helper->place; // a crashing library may have written anything there
	at.probe[sizeof(at.probe) - 1] = at.step[sizeof(at.step) - 1] = 0;
	for (size_t i = 0; i < ff_probe_count; i++) {
		const struct ff_probe *probe = &ff_probes[i];
		if (probe->helper != helper->id || helper->run->wish[i] == LEFT_OUT || helper->done[i])
			continue;
		struct ff_probe_ctx ctx = {
			.delta = helper->run->report, .facts = helper->run->report, .probe = probe->name};
		bool here = strcmp(at.probe, probe->name) == 0;
		const char *word = err->code == FF_ETIMEOUT ? "timeout" : "crash";
		if (here)
			ff_miss(&ctx, NULL,
				ff_error_create(err->code, "%s%s%s: %s", word, at.step[0] ? " in " : "", at.step,
					err->message));
		else
			ff_miss(&ctx, NULL,
				ff_error_create(err->code, "not reached: %s in %s", word,
					at.probe[0] ? at.probe : "the start"));
	}
}

static void run_helpers(struct run *run)
{
	static const char *const names[] = {[FF_HELPER_FILES] = "files",
		[FF_HELPER_VENDOR] = "vendor",
		[FF_HELPER_CUDA] = "cuda",
		[FF_HELPER_MOUNTS] = "mounts"};
	struct helper_run runs[FF_HELPER_JOIN] = {0};
	struct ff_helper helpers[FF_HELPER_JOIN] = {0};
	struct ff_place unshared[FF_HELPER_JOIN] = {0}; // without memory to share a hang has no name, and that is all
	struct ff_place *places =
		mmap(NULL, sizeof(unshared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool shared = places != MAP_FAILED;
	size_t n = 0;
	for (int id = 0; id < FF_HELPER_JOIN; id++) {
		bool any = false;
		for (size_t i = 0; i < ff_probe_count; i++)
			any |= (int)ff_probes[i].helper == id && run->wish[i] != LEFT_OUT;
		if (!any)
			continue;
		runs[n] = (struct helper_run){
			.run = run, .id = (enum ff_helper_id)id, .place = &(shared ? places : unshared)[n]};
		helpers[n] = (struct ff_helper){.name = names[id],
			.work = helper_work,
			.receive = helper_receive,
			.arg = &runs[n],
			.keep_fd = ff_host_root_fd(run->host)};
		n++;
	}
	ff_helpers_run(helpers, n, run->options->deadline_ms ? run->options->deadline_ms : DEADLINE_DEFAULT_MS);
	for (size_t i = 0; i < n; i++) {
		if (helpers[i].err)
			helper_account(&runs[i], helpers[i].err);
		ff_error_destroy(helpers[i].err);
	}
	if (shared)
		munmap(places, sizeof(unshared));
}

static void run_join(struct run *run)
{
	for (size_t i = 0; i < ff_probe_count; i++) {
		if (ff_probes[i].helper != FF_HELPER_JOIN || run->wish[i] == LEFT_OUT)
			continue;
		_cleanup_json_ json_t *found = run_probe(run, &ff_probes[i], run->facts, NULL, NULL);
		if (!found)
			run->out_of_memory = true;
		else if (run->wish[i] == WANTED && ff_json_merge(run->report, found))
			run->out_of_memory = true;
	}
}

// What vendor libraries did not answer when the machine was captured.
static void repeat_misses(struct run *run)
{
	size_t i;
	json_t *miss, *errors = json_object_get(run->report, "errors");
	json_array_foreach (ff_host_captured(run->host, "errors"), i, miss) {
		ssize_t probe = probe_index(ff_span_of(ff_json_text(miss, "probe")));
		if (probe >= 0 && run->wish[probe] == WANTED && json_array_append(errors, miss) < 0)
			run->out_of_memory = true;
	}
}

static bool hangs_on_gpu(const struct ff_probe *probe)
{
	return probe->helper == FF_HELPER_VENDOR || probe->helper == FF_HELPER_CUDA || probe->helper == FF_HELPER_JOIN;
}

// Vendor libraries of a captured machine are answers that lie ready: no process of its own is needed.
static void run_vendor(struct run *run)
{
	for (size_t i = 0; i < ff_probe_count; i++) {
		if (!hangs_on_gpu(&ff_probes[i]) || ff_probes[i].helper == FF_HELPER_JOIN)
			continue;
		_cleanup_json_ json_t *found = run_probe(run, &ff_probes[i], run->facts, NULL, NULL);
		if (found)
			merge(run, &ff_probes[i], found);
		else
			run->out_of_memory = true;
	}
}

static json_t *new_report(const char *trigger)
{
	char now[FF_TIME_LEN];
	ff_clock_rfc3339(now);
	return json_pack("{s:s, s:s, s:f, s:s, s:s, s:[], s:[], s:{}}", "schema", "firstfix.facts/1", "taken_at", now,
		"took_ms", 0.0, "trigger", trigger ? trigger : "report", "firstfix", FF_VERSION, "errors", "complete",
		"probe_ms");
}

// Takes both over, for end(); false where one of them is NULL.
static bool begin(struct run *run, json_t *facts, json_t *report)
{
	run->facts = facts;
	run->report = report;
	return facts && report;
}

static struct ff_error *end(struct run *run, json_t **ret)
{
	json_decref(run->facts);
	if (run->out_of_memory || !run->facts || !run->report) {
		json_decref(run->report);
		return &ff_enomem;
	}
	*ret = run->report;
	return NULL;
}

struct ff_error *ff_collect_facts(struct ff_host *host, const struct ff_collect_options *options, json_t **ret)
{
	uint64_t start = ff_clock_ns();
	struct run run = {.host = host, .options = options};
	struct ff_error *err = choose(&run);
	if (err)
		return err;
	if (begin(&run, json_object(), new_report(options->trigger))) {
		repeat_misses(&run);
		run_helpers(&run);
		run_join(&run);
		err = ff_json_put(run.report, "took_ms", json_real(ff_clock_ms_since(start)));
		run.out_of_memory |= err != NULL;
	}
	return end(&run, ret);
}

struct ff_error *ff_collect_files(struct ff_host *host, const struct ff_collect_options *options, json_t **ret)
{
	struct run run = {.host = host, .options = options};
	for (size_t i = 0; i < ff_probe_count; i++)
		run.wish[i] = hangs_on_gpu(&ff_probes[i]) ? LEFT_OUT : WANTED;
	if (begin(&run, json_object(), new_report(options->trigger)))
		run_helpers(&run);
	return end(&run, ret);
}

struct ff_error *ff_collect_rest(
	struct ff_host *host, const struct ff_collect_options *options, const json_t *files, json_t **ret)
{
	struct run run = {.host = host, .options = options};
	for (size_t i = 0; i < ff_probe_count; i++)
		run.wish[i] = WANTED;
	if (begin(&run, json_deep_copy(files), json_deep_copy(files))) {
		run_vendor(&run);
		run_join(&run);
	}
	return end(&run, ret);
}
