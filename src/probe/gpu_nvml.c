// One GPU as NVML tells it: identity, memory, clocks, power, PCIe link, processes.
//
//	{"index": 0, "name": "NVIDIA GeForce RTX 5090", "uuid": "GPU-...", "compute_capability": "12.0",
//	 "memory": {"total": 34190917632, "free": ..., "used": ...}, "sm_count": 170, "pcie": {"generation": 5, "width": 16}}
//
// How the source lies: the PCIe generation falls to 1 on an idle card (compare the maximum only under load); memory
// without _v2 counts the driver's reserve as used; process ids are those of the host, not of this container; the
// process list is empty in most containers although `used` says otherwise.
#include "probe/gpu_nvml.h"

#include "know/gpu_arch.h"

#include <stdio.h>

bool ff_gpu_begin(struct ff_gpu_reader *r, const char *call, bool exists)
{
	char step[64];
	r->call = call;
	if (!exists || r->lost)
		return false;
	snprintf(step, sizeof(step), "%s of GPU %u", call, r->index);
	ff_step(r->ctx, step);
	return true;
}

bool ff_gpu_ok(struct ff_gpu_reader *r, int code)
{
	if (code == NVML_OK)
		return true;
	if (code == NVML_NOT_SUPPORTED || code == NVML_FUNCTION_NOT_FOUND)
		return false;
	const char *text = ff_nvml_error_text(r->nvml, code);
	ff_miss(r->ctx, "gpus",
		ff_error_create(code == NVML_NO_PERMISSION ? FF_EDENIED : FF_EOS, "GPU %u: %s: %s (NVML error %d)",
			r->index, r->call, text, code));
	if (code == NVML_GPU_IS_LOST || code == NVML_RESET_REQUIRED || !r->device) { // without a handle nothing is told
		r->lost = true;
		ff_gpu_put(r, "error",
			json_pack("{s:i, s:o, s:s}", "code", code, "text", ff_json_string(text, strlen(text)), "call",
				r->call));
	}
	return false;
}

void ff_gpu_put(struct ff_gpu_reader *r, const char *path, json_t *value)
{
	_cleanup_error_ struct ff_error *err = ff_json_put(r->gpu, path, value);
	if (err)
		r->ctx->out_of_memory = true;
}

static json_t *text_of(const char *text, size_t room)
{
	return ff_json_string(text, strnlen(text, room));
}

static json_t *as_number(unsigned value)
{
	return json_integer(value);
}

static json_t *as_watts(unsigned milliwatts)
{
	return json_real(milliwatts / 1000.0);
}

static json_t *as_switch(unsigned value)
{
	return json_boolean(value != 0);
}

static json_t *as_compute_mode(unsigned value)
{
	static const char *const names[] = {"default", "exclusive-thread", "prohibited", "exclusive-process"};
	return value < 4 ? json_string(names[value]) : json_integer(value);
}

struct reading {
	const char *path, *call;
	size_t slot;
	json_t *(*as)(unsigned);
	unsigned argument;
};

#define SLOT(member) offsetof(struct ff_nvml, member)

static const struct reading texts[] = {
	{"name", "nvmlDeviceGetName", SLOT(name)},
	{"uuid", "nvmlDeviceGetUUID", SLOT(uuid)},
	{"vbios", "nvmlDeviceGetVbiosVersion", SLOT(vbios)},
};

static const struct reading numbers[] = {
	{"minor", "nvmlDeviceGetMinorNumber", SLOT(minor), as_number},
	{"power_w", "nvmlDeviceGetPowerUsage", SLOT(power), as_watts},
	{"power_limit_w", "nvmlDeviceGetEnforcedPowerLimit", SLOT(power_limit), as_watts},
	{"persistence", "nvmlDeviceGetPersistenceMode", SLOT(persistence), as_switch},
	{"compute_mode", "nvmlDeviceGetComputeMode", SLOT(compute_mode), as_compute_mode},
	{"performance_state", "nvmlDeviceGetPerformanceState", SLOT(performance_state), as_number},
	{"pcie.generation", "nvmlDeviceGetCurrPcieLinkGeneration", SLOT(pcie_generation), as_number},
	{"pcie.width", "nvmlDeviceGetCurrPcieLinkWidth", SLOT(pcie_width), as_number},
	{"pcie.generation_max", "nvmlDeviceGetMaxPcieLinkGeneration", SLOT(pcie_generation_max), as_number},
	{"pcie.width_max", "nvmlDeviceGetMaxPcieLinkWidth", SLOT(pcie_width_max), as_number},
};

static const struct reading numbers_of[] = {
	{"temperature_c", "nvmlDeviceGetTemperature", SLOT(temperature), as_number, 0},
	{"temperature_shutdown_c", "nvmlDeviceGetTemperatureThreshold", SLOT(temperature_limit), as_number, 0},
	{"temperature_slowdown_c", "nvmlDeviceGetTemperatureThreshold", SLOT(temperature_limit), as_number, 1},
	{"clocks_mhz.graphics", "nvmlDeviceGetClockInfo", SLOT(clock), as_number, 0},
	{"clocks_mhz.sm", "nvmlDeviceGetClockInfo", SLOT(clock), as_number, 1},
	{"clocks_mhz.memory", "nvmlDeviceGetClockInfo", SLOT(clock), as_number, 2},
	{"clocks_mhz.sm_max", "nvmlDeviceGetMaxClockInfo", SLOT(clock_max), as_number, 1},
	{"clocks_mhz.memory_max", "nvmlDeviceGetMaxClockInfo", SLOT(clock_max), as_number, 2},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void read_texts(struct ff_gpu_reader *r)
{
	for (size_t i = 0; i < COUNT(texts); i++) {
		char text[NVML_TEXT] = "";
		ff_nvml_text *call;
		memcpy(&call, (const char *)r->nvml + texts[i].slot, sizeof(call));
		if (ff_gpu_begin(r, texts[i].call, call) && ff_gpu_ok(r, call(r->device, text, sizeof(text))))
			ff_gpu_put(r, texts[i].path, text_of(text, sizeof(text)));
	}
}

static void read_numbers(struct ff_gpu_reader *r)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		unsigned value = 0;
		ff_nvml_number *call;
		memcpy(&call, (const char *)r->nvml + numbers[i].slot, sizeof(call));
		if (ff_gpu_begin(r, numbers[i].call, call) && ff_gpu_ok(r, call(r->device, &value)))
			ff_gpu_put(r, numbers[i].path, numbers[i].as(value));
	}
	for (size_t i = 0; i < COUNT(numbers_of); i++) {
		unsigned value = 0;
		const struct reading *reading = &numbers_of[i];
		ff_nvml_number_of *call;
		memcpy(&call, (const char *)r->nvml + reading->slot, sizeof(call));
		if (ff_gpu_begin(r, reading->call, call) && ff_gpu_ok(r, call(r->device, reading->argument, &value)))
			ff_gpu_put(r, reading->path, reading->as(value));
	}
}

// NVML counts cores; how many make one multiprocessor is fixed per capability. Every capability since 2.0 allows 1024
// threads a block. Both are what cuDeviceGetAttribute would say, without opening the driver.
static void read_capability(struct ff_gpu_reader *r)
{
	int major = 0, minor = 0;
	const struct ff_nvml *nvml = r->nvml;
	if (!ff_gpu_begin(r, "nvmlDeviceGetCudaComputeCapability", nvml->capability) ||
		!ff_gpu_ok(r, nvml->capability(r->device, &major, &minor)))
		return;
	char text[32];
	snprintf(text, sizeof(text), "%d.%d", major, minor);
	ff_gpu_put(r, "compute_capability", json_string(text));
	struct ff_arch_info info;
	if (!ff_know_arch_info(text, &info))
		return;
	if (info.name.n)
		ff_gpu_put(r, "architecture", ff_json_string(info.name.p, info.name.n));
	ff_gpu_put(r, "max_threads_per_block", json_integer(1024));
	unsigned cores = 0;
	if (info.cores_per_sm && ff_gpu_begin(r, "nvmlDeviceGetNumGpuCores", nvml->cores) &&
		ff_gpu_ok(r, nvml->cores(r->device, &cores)) && cores % info.cores_per_sm == 0)
		ff_gpu_put(r, "sm_count", json_integer(cores / info.cores_per_sm));
}

static void read_memory(struct ff_gpu_reader *r)
{
	const struct ff_nvml *nvml = r->nvml;
	struct nvml_memory_v2 m = {.version = NVML_MEMORY_V2};
	struct nvml_memory old = {0};
	json_t *memory = NULL;
	if (ff_gpu_begin(r, "nvmlDeviceGetMemoryInfo_v2", nvml->memory_v2) &&
		ff_gpu_ok(r, nvml->memory_v2(r->device, &m)))
		memory = json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)m.total, "free", (json_int_t)m.free,
			"used", (json_int_t)m.used, "reserved", (json_int_t)m.reserved);
	else if (ff_gpu_begin(r, "nvmlDeviceGetMemoryInfo", nvml->memory) &&
		ff_gpu_ok(r, nvml->memory(r->device, &old)))
		memory = json_pack("{s:I, s:I, s:I}", "total", (json_int_t)old.total, "free", (json_int_t)old.free,
			"used", (json_int_t)old.used);
	if (memory)
		ff_gpu_put(r, "memory", memory);
}

static void read_pci(struct ff_gpu_reader *r)
{
	struct nvml_pci pci = {0};
	if (!ff_gpu_begin(r, "nvmlDeviceGetPciInfo", r->nvml->pci) || !ff_gpu_ok(r, r->nvml->pci(r->device, &pci)))
		return;
	char id[32];
	// The way sysfs writes it, so that both can be laid side by side; NVML writes eight digits of domain.
	snprintf(id, sizeof(id), "%04x:%02x:%02x.0", pci.domain, pci.bus, pci.device);
	ff_gpu_put(r, "pcie.bus_id", json_string(id));
	snprintf(id, sizeof(id), "%04x:%04x", pci.device_id & 0xffff, pci.device_id >> 16);
	ff_gpu_put(r, "pcie.device_id", json_string(id));
}

// What a driver from before 2022 leaves to libcuda.
static void read_cuda(struct ff_gpu_reader *r)
{
	static const struct {
		const char *path;
		int attribute;
	} attributes[] = {
		{"sm_count", CUDA_ATTRIBUTE_SM_COUNT},
		{"max_threads_per_block", CUDA_ATTRIBUTE_MAX_THREADS_PER_BLOCK},
	};
	const char *bus_id = ff_json_text(r->gpu, "pcie.bus_id");
	ff_cuda_device device = 0;
	if (!r->cuda || !bus_id ||
		!ff_gpu_begin(r, "cuDeviceGetByPCIBusId", r->cuda->device_by_bus_id && r->cuda->attribute) ||
		r->cuda->device_by_bus_id(&device, bus_id) != CUDA_OK)
		return;
	for (size_t i = 0; i < COUNT(attributes); i++) {
		int value = 0;
		if (r->cuda->attribute(&value, attributes[i].attribute, device) == CUDA_OK)
			ff_gpu_put(r, attributes[i].path, json_integer(value));
	}
}

static void read_utilization(struct ff_gpu_reader *r)
{
	struct nvml_utilization u = {0};
	if (ff_gpu_begin(r, "nvmlDeviceGetUtilizationRates", r->nvml->utilization) &&
		ff_gpu_ok(r, r->nvml->utilization(r->device, &u)))
		ff_gpu_put(r, "utilization", json_pack("{s:i, s:i}", "gpu", (int)u.gpu, "memory", (int)u.memory));
}

static void read_throttle(struct ff_gpu_reader *r)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} reasons[] = {
		{0x001, "idle"},
		{0x002, "applications-clocks"},
		{0x004, "power-cap"},
		{0x008, "hardware-slowdown"},
		{0x010, "sync-boost"},
		{0x020, "thermal-software"},
		{0x040, "thermal-hardware"},
		{0x080, "power-brake"},
		{0x100, "display-clocks"},
	};
	uint64_t bits = 0;
	if (!ff_gpu_begin(r, "nvmlDeviceGetCurrentClocksEventReasons", r->nvml->throttle) ||
		!ff_gpu_ok(r, r->nvml->throttle(r->device, &bits)))
		return;
	json_t *list = json_array();
	for (size_t i = 0; list && i < COUNT(reasons); i++) {
		if (bits & reasons[i].bit)
			json_array_append_new(list, json_string(reasons[i].name));
	}
	ff_gpu_put(r, "throttle", list);
}

// Whose process it is. NVML numbers processes as the host does: only where that number is here the same program it is
// the same one.
static void put_owner(struct ff_gpu_reader *r, unsigned pid, const char *name, json_t *entry)
{
	char path[40];
	struct stat st;
	_cleanup_free_ char *comm = NULL;
	const char *program = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	_cleanup_error_ struct ff_error *err = ff_host_read_line(r->ctx->host, path, &comm);
	size_t n = err || !comm ? 0 : strcspn(comm, "\n");
	if (!n || strncmp(comm, program, n) != 0)
		return;
	snprintf(path, sizeof(path), "/proc/%u", pid);
	err = ff_host_stat(r->ctx->host, path, &st);
	if (!err)
		json_object_set_new(entry, "uid", json_integer((json_int_t)st.st_uid));
}

static json_t *process_entry(struct ff_gpu_reader *r, const struct nvml_process_v2 *p)
{
	json_t *entry = json_pack("{s:I}", "pid", (json_int_t)p->pid);
	char name[256] = "";
	if (!entry)
		return NULL;
	if (p->used != NVML_USED_NOT_KNOWN)
		json_object_set_new(entry, "used", json_integer((json_int_t)p->used));
	if (p->gpu_instance != NVML_NO_INSTANCE)
		json_object_set_new(entry, "gpu_instance", json_integer(p->gpu_instance));
	if (r->nvml->process_name && r->nvml->process_name(p->pid, name, sizeof(name)) == NVML_OK && name[0]) {
		name[sizeof(name) - 1] = '\0';
		json_object_set_new(entry, "name", text_of(name, sizeof(name)));
		put_owner(r, p->pid, name, entry);
	}
	return entry;
}

static void read_processes(struct ff_gpu_reader *r)
{
	struct nvml_process_v2 list[FF_NVML_PROCESSES_MAX] = {0};
	unsigned n = FF_NVML_PROCESSES_MAX;
	if (!ff_gpu_begin(r, "nvmlDeviceGetComputeRunningProcesses", true) ||
		!ff_gpu_ok(r, ff_nvml_processes(r->nvml, r->device, list, &n)))
		return;
	json_t *processes = json_array();
	for (unsigned i = 0; processes && i < n; i++)
		json_array_append_new(processes, process_entry(r, &list[i]));
	ff_gpu_put(r, "processes", processes);
}

void ff_gpu_read(struct ff_gpu_reader *r)
{
	read_texts(r);
	read_capability(r);
	read_memory(r);
	read_pci(r);
	read_cuda(r);
	read_numbers(r);
	read_utilization(r);
	read_throttle(r);
	read_processes(r);
	ff_gpu_read_health(r);
}
