// The process that asks NVML: one question in, one struct ff_gpus out, until its socket is closed.
//
// How the source lies: a GPU that fell off the bus answers "GPU is lost" to everything, or its handle is not given any
// more; `used` of a process is not known in containers; process ids are those of the host. Xids come as events, without
// /dev/kmsg.
#include "agent/gpu.h"

#include "host/nvml.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const ff_throttle_names[FF_THROTTLES] = {"idle", "applications-clocks", "power-cap", "hardware-slowdown",
	"sync-boost", "thermal-software", "thermal-hardware", "power-brake", "display-clocks"};

struct asked {
	struct ff_nvml nvml;
	ff_nvml_event_set events;
	bool begun, has_events;
	unsigned registered; // bit of each GPU whose events we get
	struct ff_gpus out;
};

static void say(struct asked *a, int state, int code)
{
	a->out.state = state;
	snprintf(a->out.why, sizeof(a->out.why), "%s (NVML error %d)", ff_nvml_error_text(&a->nvml, code), code);
}

static void read_memory(const struct ff_nvml *nvml, ff_nvml_device device, struct ff_gpu *g)
{
	struct nvml_memory_v2 m = {.version = NVML_MEMORY_V2};
	struct nvml_memory old = {0};
	if (nvml->memory_v2 && nvml->memory_v2(device, &m) == NVML_OK) {
		g->total = m.total, g->free = m.free, g->used = m.used, g->reserved = m.reserved;
		g->has_memory = true;
	} else if (nvml->memory && (g->error = nvml->memory(device, &old)) == NVML_OK) {
		g->total = old.total, g->free = old.free, g->used = old.used;
		g->has_memory = true;
	}
}

static int number(ff_nvml_number *call, ff_nvml_device device)
{
	unsigned value = 0;
	return call && call(device, &value) == NVML_OK && value < 1u << 30 ? (int)value : -1;
}

static void read_rest(const struct ff_nvml *nvml, ff_nvml_device device, struct ff_gpu *g)
{
	struct nvml_utilization u = {0};
	unsigned temperature = 0;
	g->utilization = g->temperature = -1;
	if (nvml->utilization && nvml->utilization(device, &u) == NVML_OK)
		g->utilization = (int)u.gpu;
	if (nvml->temperature && nvml->temperature(device, 0, &temperature) == NVML_OK)
		g->temperature = (int)temperature;
	int milliwatts = number(nvml->power, device), limit = number(nvml->power_limit, device);
	g->power_w = milliwatts < 0 ? -1 : milliwatts / 1e3;
	g->power_limit_w = limit < 0 ? -1 : limit / 1e3;
	if (nvml->throttle)
		nvml->throttle(device, &g->throttle);
	g->has_ecc = nvml->ecc_errors && nvml->ecc_errors(device, 0, 0, &g->ecc_corrected) == NVML_OK &&
		nvml->ecc_errors(device, 1, 0, &g->ecc_uncorrected) == NVML_OK;
}

static void read_processes(const struct ff_nvml *nvml, ff_nvml_device device, struct ff_gpu *g)
{
	struct nvml_process_v2 list[FF_NVML_PROCESSES_MAX] = {0};
	unsigned n = FF_NVML_PROCESSES_MAX;
	if (ff_nvml_processes(nvml, device, list, &n) != NVML_OK)
		return;
	for (unsigned i = 0; i < n && g->n_procs < FF_GPU_PROCS; i++) {
		g->procs[g->n_procs].pid = list[i].pid;
		g->procs[g->n_procs++].used = list[i].used == NVML_USED_NOT_KNOWN ? 0 : list[i].used;
	}
}

static bool is_lost(int code)
{
	return code == NVML_GPU_IS_LOST || code == NVML_RESET_REQUIRED;
}

static void read_gpu(struct asked *a, unsigned index)
{
	struct ff_gpu *g = &a->out.gpu[index], before = *g;
	ff_nvml_device device = NULL;
	*g = (struct ff_gpu){.utilization = -1, .temperature = -1, .power_w = -1, .power_limit_w = -1};
	memcpy(g->name, before.name, sizeof(g->name)); // of a lost one still known
	memcpy(g->uuid, before.uuid, sizeof(g->uuid));
	g->error = a->nvml.handle_by_index ? a->nvml.handle_by_index(index, &device) : NVML_FUNCTION_NOT_FOUND;
	if (g->error)
		return;
	if (!g->name[0] && a->nvml.name)
		a->nvml.name(device, g->name, sizeof(g->name));
	if (!g->uuid[0] && a->nvml.uuid)
		a->nvml.uuid(device, g->uuid, sizeof(g->uuid));
	g->name[sizeof(g->name) - 1] = g->uuid[sizeof(g->uuid) - 1] = '\0';
	read_memory(&a->nvml, device, g);
	if (is_lost(g->error))
		return;
	g->error = 0;
	read_rest(&a->nvml, device, g);
	read_processes(&a->nvml, device, g);
	if (a->has_events && !(a->registered & 1u << index)) {
		a->registered |= 1u << index;
		a->nvml.event_register(device, NVML_EVENT_XID, a->events);
	}
}

static unsigned index_of(struct asked *a, ff_nvml_device wanted)
{
	for (unsigned i = 0; i < a->out.n; i++) {
		ff_nvml_device device = NULL;
		if (a->nvml.handle_by_index(i, &device) == NVML_OK && device == wanted)
			return i;
	}
	return 0;
}

static void count_xid(struct asked *a, unsigned gpu, uint32_t xid)
{
	uint32_t i = 0;
	while (i < a->out.n_xids && (a->out.xids[i].gpu != gpu || a->out.xids[i].number != xid))
		i++;
	if (i == FF_XIDS_MAX)
		return;
	if (i == a->out.n_xids)
		a->out.xids[a->out.n_xids++] = (struct ff_gpu_xid){gpu, xid, 0};
	a->out.xids[i].count++;
}

static void read_events(struct asked *a)
{
	struct nvml_event event;
	for (int i = 0; a->has_events && i < 64 && a->nvml.event_wait(a->events, &event, 0) == NVML_OK; i++)
		if (event.type == NVML_EVENT_XID)
			count_xid(a, index_of(a, event.device), (uint32_t)event.data);
}

static void answer(struct asked *a)
{
	unsigned n = 0;
	int code = a->nvml.count ? a->nvml.count(&n) : NVML_FUNCTION_NOT_FOUND;
	if (code != NVML_OK) {
		say(a, FF_GPUS_ERROR, code);
		return;
	}
	if (n < a->out.n) // one that was there fell off the bus
		n = a->out.n;
	a->out.n = n < FF_GPUS_MAX ? n : FF_GPUS_MAX;
	a->out.state = a->out.n ? FF_GPUS_OK : FF_GPUS_NONE;
	a->out.why[0] = '\0';
	for (unsigned i = 0; i < a->out.n; i++)
		read_gpu(a, i);
	read_events(a);
}

static void begin(struct asked *a)
{
	struct ff_error *err = a->nvml.init ? NULL : ff_nvml_open(&a->nvml);
	if (err) {
		a->out.state = FF_GPUS_NONE;
		snprintf(a->out.why, sizeof(a->out.why), "%s", err->message);
		ff_error_destroy(err);
		return;
	}
	a->out.state = FF_GPUS_UNKNOWN;
	int code = a->nvml.init();
	a->begun = code == NVML_OK;
	if (!a->begun) // the driver may come yet
		say(a, FF_GPUS_ERROR, code);
	a->has_events = a->begun && a->nvml.event_set_create && a->nvml.event_register && a->nvml.event_wait &&
		a->nvml.event_set_create(&a->events) == NVML_OK;
}

int ff_gpu_helper(int fd)
{
	static struct asked a;
	char question;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "firstfix-gpu");
	while (recv(fd, &question, 1, 0) == 1) {
		if (!a.begun)
			begin(&a);
		if (a.begun)
			answer(&a);
		if (send(fd, &a.out, sizeof(a.out), MSG_NOSIGNAL) != (ssize_t)sizeof(a.out) ||
			a.out.state == FF_GPUS_NONE)
			break;
	}
	return 0;
}
