// gpus: one entry per GPU that NVML shows, in NVML's order (which is that of the PCI bus, not CUDA's by default).
//
//	{"gpus": [{"index": 0, "seen_by": "nvml", "name": "NVIDIA H200", ...}], "gpu_links": [{"gpus": [0, 1], "path": "..."}]}
//
// Each GPU is sent as soon as it is read: when the seventh hangs, six are in the report.
#include "know/xid.h"
#include "probe/gpu_nvml.h"

#include <stdio.h>

enum { GPUS_MAX = 64, LINKS_MAX = 16, XIDS_MAX = 32 };

struct gpus {
	struct ff_probe_ctx *ctx;
	const struct ff_nvml *nvml;
	const struct ff_cuda *cuda;
	ff_nvml_device devices[GPUS_MAX];
	bool usable[GPUS_MAX];
	unsigned n;
};

static void read_gpu(struct gpus *g, unsigned index)
{
	struct ff_gpu_reader r = {
		.ctx = g->ctx, .nvml = g->nvml, .cuda = g->cuda, .index = index, .gpu = json_object()};
	ff_gpu_put(&r, "index", json_integer(index));
	ff_gpu_put(&r, "vendor", json_string("nvidia"));
	ff_gpu_put(&r, "seen_by", json_string("nvml"));
	if (ff_gpu_begin(&r, "nvmlDeviceGetHandleByIndex", g->nvml->handle_by_index)) {
		int code = g->nvml->handle_by_index(index, &g->devices[index]);
		r.device = g->devices[index];
		g->usable[index] = ff_gpu_ok(&r, code);
		if (g->usable[index])
			ff_gpu_read(&r);
	}
	g->usable[index] &= !r.lost;
	ff_fact_append(g->ctx, "gpus", r.gpu);
	ff_flush(g->ctx);
}

static json_t *link_entry(struct gpus *g, unsigned a, unsigned b)
{
	static const struct {
		int level;
		const char *name;
	} levels[] = {{0, "same-board"}, {10, "one-switch"}, {20, "switches"}, {30, "host-bridge"}, {40, "same-node"},
		{50, "system"}};
	static const char *const p2p[] = {"ok", "chipset", "gpu", "topology", "disabled", "not-supported", "unknown"};
	const struct ff_nvml *nvml = g->nvml;
	int level = -1, status = -1;
	json_t *entry = json_pack("{s:[i, i]}", "gpus", (int)a, (int)b);
	if (nvml->ancestor && nvml->ancestor(g->devices[a], g->devices[b], &level) == NVML_OK) {
		for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
			if (levels[i].level == level)
				json_object_set_new(entry, "path", json_string(levels[i].name));
		}
	}
	if (nvml->p2p && nvml->p2p(g->devices[a], g->devices[b], 0, &status) == NVML_OK && status >= 0 && status < 7)
		json_object_set_new(entry, "p2p_read", json_string(p2p[status]));
	if (nvml->p2p && nvml->p2p(g->devices[a], g->devices[b], 2, &status) == NVML_OK)
		json_object_set_new(entry, "nvlink", json_boolean(status == 0));
	return entry;
}

static void read_links(struct gpus *g)
{
	if (g->n < 2 || g->n > LINKS_MAX || (!g->nvml->ancestor && !g->nvml->p2p))
		return;
	ff_step(g->ctx, "nvmlDeviceGetP2PStatus");
	for (unsigned a = 0; a < g->n; a++) {
		for (unsigned b = a + 1; b < g->n; b++) {
			if (g->usable[a] && g->usable[b])
				ff_fact_append(g->ctx, "gpu_links", link_entry(g, a, b));
		}
	}
}

// Xids that the driver hands out to whoever listens: what happened before us it does not repeat, so this sees a GPU
// that is failing right now. The kernel's log (probe xid) has the past.
static void read_events(struct gpus *g)
{
	const struct ff_nvml *nvml = g->nvml;
	ff_nvml_event_set set = NULL;
	if (!nvml->event_set_create || !nvml->event_register || !nvml->event_wait || !nvml->event_set_free)
		return;
	ff_step(g->ctx, "nvmlEventSetCreate");
	if (nvml->event_set_create(&set) != NVML_OK)
		return;
	for (unsigned i = 0; i < g->n; i++) {
		if (g->usable[i])
			nvml->event_register(g->devices[i], NVML_EVENT_XID, set);
	}
	ff_step(g->ctx, "nvmlEventSetWait");
	for (int n = 0; n < XIDS_MAX; n++) {
		struct nvml_event event = {0};
		if (nvml->event_wait(set, &event, 0) != NVML_OK)
			break;
		if (!(event.type & NVML_EVENT_XID))
			continue;
		json_t *xid = json_pack("{s:I, s:s}", "number", (json_int_t)event.data, "from", "nvml");
		for (unsigned i = 0; i < g->n; i++) {
			if (g->usable[i] && g->devices[i] == event.device)
				json_object_set_new(xid, "gpu", json_integer(i));
		}
		struct ff_xid_info info;
		if (ff_know_xid((unsigned)event.data, &info))
			json_object_set_new(xid, "name", json_stringn(info.name.p, info.name.n));
		ff_fact_append(g->ctx, "xids", xid);
	}
	nvml->event_set_free(set);
}

// Only for a driver whose NVML cannot count cores: what libcuda then cannot say either is no miss.
static bool open_cuda(struct ff_probe_ctx *ctx, const struct ff_nvml *nvml, struct ff_cuda *ret)
{
	if (nvml->cores)
		return false;
	ff_step(ctx, "loading libcuda");
	_cleanup_error_ struct ff_error *err = ff_cuda_open(ret);
	if (err)
		return false;
	ff_step(ctx, "cuInit");
	return ret->init(0) == CUDA_OK;
}

static void ask(struct ff_probe_ctx *ctx, const struct ff_nvml *nvml)
{
	struct ff_cuda cuda = {0};
	struct gpus g = {.ctx = ctx, .nvml = nvml};
	ff_step(ctx, "nvmlInit");
	if (nvml->init() != NVML_OK)
		return; // the driver probe has said why
	ff_step(ctx, "nvmlDeviceGetCount");
	int code = nvml->count ? nvml->count(&g.n) : NVML_FUNCTION_NOT_FOUND;
	if (code != NVML_OK) {
		ff_miss(ctx, "gpus", ff_error_create(FF_EOS, "nvmlDeviceGetCount: %s", ff_nvml_error_text(nvml, code)));
		return;
	}
	if (g.n > GPUS_MAX) {
		ff_miss(ctx, "gpus",
			ff_error_create(FF_ELIMIT, "NVML shows %u GPUs; the first %d are read", g.n, GPUS_MAX));
		g.n = GPUS_MAX;
	}
	ff_fact_int(ctx, "driver.gpu_count", g.n);
	if (g.n && open_cuda(ctx, nvml, &cuda))
		g.cuda = &cuda;
	for (unsigned i = 0; i < g.n; i++)
		read_gpu(&g, i);
	ff_cuda_deinit(&cuda);
	read_links(&g);
	read_events(&g);
	_cleanup_free_ char *lacking = ff_nvml_lacking(nvml);
	if (lacking)
		ff_miss(ctx, "gpus", ff_error_create(FF_EUNSUPPORTED, "this driver's NVML has no %s", lacking));
	ff_step(ctx, "nvmlShutdown");
	if (nvml->shutdown)
		nvml->shutdown();
}

// What others than NVML had seen on the captured machine its own files tell again.
static bool was_nvml(const json_t *entry)
{
	const char *seen_by = ff_json_text(entry, "seen_by");
	return !seen_by || strcmp(seen_by, "nvml") == 0;
}

static void replay(struct ff_probe_ctx *ctx, const char *from, const char *to)
{
	size_t i;
	json_t *entry;
	json_array_foreach (ff_host_captured(ctx->host, from), i, entry) {
		if (was_nvml(entry))
			ff_fact_append(ctx, to, json_deep_copy(entry));
	}
}

void ff_probe_gpus(struct ff_probe_ctx *ctx)
{
	if (ff_host_is_captured(ctx->host)) {
		replay(ctx, "nvml.gpus", "gpus");
		replay(ctx, "nvml.gpu_links", "gpu_links");
		const json_t *count = ff_host_captured(ctx->host, "nvml.driver.gpu_count");
		if (json_is_integer(count))
			ff_fact_int(ctx, "driver.gpu_count", json_integer_value(count));
		return;
	}
	struct ff_nvml nvml;
	if (ff_json_at(ctx->facts, "driver.error"))
		return;
	ff_step(ctx, "loading libnvidia-ml");
	_cleanup_error_ struct ff_error *err = ff_nvml_open(&nvml);
	if (err)
		return; // the driver probe has said why
	ask(ctx, &nvml);
	ff_nvml_deinit(&nvml);
}
