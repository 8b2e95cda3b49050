// A stand-in libnvidia-ml.so.1: the ABI of NVML, the answers of a scenario (fake.h).
//
// Built twice: as a driver of today, and with FAKE_OLD as one of 2017, which has only the first version of every call.
// A third build, FAKE_WIDE, is the driver of 2023 whose process list was 32 bytes an entry.
#include "fake.h"

#include "host/nvml_abi.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { INVALID_ARGUMENT = 2, NOT_FOUND = 6 };

// A device handle is the address of the GPU's object in the scenario.
static const json_t *gpu_at(unsigned index)
{
	return json_array_get(json_object_get(fake_scenario(), "gpus"), index);
}

static int text(ff_nvml_device device, const char *path, char *ret, unsigned n)
{
	return fake_text(device, path, ret, n) ? NVML_OK : NVML_NOT_SUPPORTED;
}

static int number(ff_nvml_device device, const char *path, double factor, unsigned *ret)
{
	double value;
	if (!fake_number(device, path, &value))
		return NVML_NOT_SUPPORTED;
	*ret = (unsigned)(value * factor + 0.5);
	return NVML_OK;
}

// A macro because the name is both a symbol and a key of `behave`.
#define CALL(name, ...)                 \
	FAKE_API int name(__VA_ARGS__); \
	FAKE_API int name(__VA_ARGS__)
#define ENTER                                      \
	do {                                       \
		int wanted = fake_enter(__func__); \
		if (wanted)                        \
			return wanted;             \
	} while (0)
#define TEXT(name, path)                                         \
	CALL(name, ff_nvml_device device, char *ret, unsigned n) \
	{                                                        \
		ENTER;                                           \
		return text(device, path, ret, n);               \
	}
#define NUMBER(name, path, factor)                        \
	CALL(name, ff_nvml_device device, unsigned *ret)  \
	{                                                 \
		ENTER;                                    \
		return number(device, path, factor, ret); \
	}
#define NUMBER_OF(name, ...)                                                    \
	CALL(name, ff_nvml_device device, unsigned which, unsigned *ret)        \
	{                                                                       \
		static const char *const paths[] = {__VA_ARGS__};               \
		ENTER;                                                          \
		if (which >= sizeof(paths) / sizeof(paths[0]) || !paths[which]) \
			return INVALID_ARGUMENT;                                \
		return number(device, paths[which], 1, ret);                    \
	}

#ifdef FAKE_OLD
#define INIT nvmlInit
#define COUNT nvmlDeviceGetCount
#define HANDLE nvmlDeviceGetHandleByIndex
#else
#define INIT nvmlInit_v2
#define COUNT nvmlDeviceGetCount_v2
#define HANDLE nvmlDeviceGetHandleByIndex_v2
#endif

CALL(INIT, void)
{
	ENTER;
	return NVML_OK;
}

CALL(nvmlShutdown, void)
{
	ENTER;
	return NVML_OK;
}

FAKE_API const char *nvmlErrorString(int code);
FAKE_API const char *nvmlErrorString(int code)
{
	switch (code) {
	case 3:
		return "Not Supported";
	case 4:
		return "Insufficient Permissions";
	case 9:
		return "Driver Not Loaded";
	case 15:
		return "GPU is lost";
	case 18:
		return "Driver/library version mismatch";
	default:
		return "Unknown Error";
	}
}

CALL(nvmlSystemGetDriverVersion, char *ret, unsigned n)
{
	ENTER;
	return fake_text(fake_scenario(), "driver.version", ret, n) ? NVML_OK : NVML_NOT_SUPPORTED;
}

CALL(nvmlSystemGetNVMLVersion, char *ret, unsigned n)
{
	ENTER;
	return fake_text(fake_scenario(), "driver.nvml", ret, n) ? NVML_OK : NVML_NOT_SUPPORTED;
}

CALL(nvmlSystemGetCudaDriverVersion, int *ret)
{
	ENTER;
	char version[16];
	int major, minor;
	if (!fake_text(fake_scenario(), "driver.cuda", version, sizeof(version)) ||
		sscanf(version, "%d.%d", &major, &minor) != 2)
		return NVML_NOT_SUPPORTED;
	*ret = major * 1000 + minor * 10;
	return NVML_OK;
}

CALL(COUNT, unsigned *ret)
{
	ENTER;
	*ret = (unsigned)json_array_size(json_object_get(fake_scenario(), "gpus"));
	return NVML_OK;
}

CALL(HANDLE, unsigned index, ff_nvml_device *ret)
{
	ENTER;
	const json_t *gpu = gpu_at(index);
	if (!gpu)
		return INVALID_ARGUMENT;
	double code = 0;
	if (fake_number(gpu, "handle_error", &code))
		return (int)code;
	*ret = (ff_nvml_device)(uintptr_t)gpu;
	return NVML_OK;
}

TEXT(nvmlDeviceGetName, "name")
TEXT(nvmlDeviceGetUUID, "uuid")
TEXT(nvmlDeviceGetVbiosVersion, "vbios")
NUMBER(nvmlDeviceGetMinorNumber, "minor", 1)
NUMBER(nvmlDeviceGetPowerUsage, "power_w", 1000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "power_limit_w", 1000)
NUMBER(nvmlDeviceGetPersistenceMode, "persistence", 1)
NUMBER(nvmlDeviceGetComputeMode, "compute_mode", 1)
NUMBER(nvmlDeviceGetPerformanceState, "performance_state", 1)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, "pcie.generation", 1)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, "pcie.width", 1)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, "pcie.generation_max", 1)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, "pcie.width_max", 1)
NUMBER(nvmlDeviceGetRetiredPagesPendingStatus, "ecc.retired_pages.pending", 1)
NUMBER_OF(nvmlDeviceGetTemperature, "temperature_c")
NUMBER_OF(nvmlDeviceGetTemperatureThreshold, "temperature_shutdown_c", "temperature_slowdown_c")
NUMBER_OF(nvmlDeviceGetClockInfo, "clocks_mhz.graphics", "clocks_mhz.sm", "clocks_mhz.memory")
NUMBER_OF(nvmlDeviceGetMaxClockInfo, NULL, "clocks_mhz.sm_max", "clocks_mhz.memory_max")

CALL(nvmlDeviceGetCudaComputeCapability, ff_nvml_device device, int *major, int *minor)
{
	ENTER;
	char cc[16];
	if (!fake_text(device, "compute_capability", cc, sizeof(cc)) || sscanf(cc, "%d.%d", major, minor) != 2)
		return NVML_NOT_SUPPORTED;
	return NVML_OK;
}

CALL(nvmlDeviceGetMemoryInfo, ff_nvml_device device, struct nvml_memory *ret)
{
	ENTER;
	double total, used;
	if (!fake_number(device, "memory.total", &total) || !fake_number(device, "memory.used", &used))
		return NVML_NOT_SUPPORTED;
	*ret = (struct nvml_memory){(uint64_t)total, (uint64_t)(total - used), (uint64_t)used};
	return NVML_OK;
}

CALL(nvmlDeviceGetPciInfo_v2, ff_nvml_device device, struct nvml_pci *ret)
{
	ENTER;
	unsigned domain, bus, slot, vendor = 0x10de, id = 0;
	char text_of[32];
	if (!fake_text(device, "pcie.bus_id", text_of, sizeof(text_of)) ||
		sscanf(text_of, "%x:%x:%x", &domain, &bus, &slot) != 3)
		return NVML_NOT_SUPPORTED;
	if (fake_text(device, "pcie.device_id", text_of, sizeof(text_of)))
		sscanf(text_of, "%x:%x", &vendor, &id);
	memset(ret, 0, 52);
	ret->domain = domain;
	ret->bus = bus;
	ret->device = slot;
	ret->device_id = id << 16 | vendor;
	return NVML_OK;
}

CALL(nvmlDeviceGetUtilizationRates, ff_nvml_device device, struct nvml_utilization *ret)
{
	ENTER;
	double gpu, memory;
	if (!fake_number(device, "utilization.gpu", &gpu) || !fake_number(device, "utilization.memory", &memory))
		return NVML_NOT_SUPPORTED;
	*ret = (struct nvml_utilization){(unsigned)gpu, (unsigned)memory};
	return NVML_OK;
}

CALL(nvmlDeviceGetCurrentClocksThrottleReasons, ff_nvml_device device, uint64_t *ret)
{
	ENTER;
	double bits;
	if (!fake_number(device, "throttle_bits", &bits))
		return NVML_NOT_SUPPORTED;
	*ret = (uint64_t)bits;
	return NVML_OK;
}

CALL(nvmlDeviceGetEccMode, ff_nvml_device device, unsigned *now, unsigned *next)
{
	ENTER;
	int code = number(device, "ecc.enabled", 1, now);
	if (number(device, "ecc.enabled_after_reset", 1, next) != NVML_OK)
		*next = *now;
	return code;
}

CALL(nvmlDeviceGetTotalEccErrors, ff_nvml_device device, int kind, int counter, uint64_t *ret)
{
	static const char *const paths[2][2] = {
		{"ecc.corrected", "ecc.corrected_ever"}, {"ecc.uncorrected", "ecc.uncorrected_ever"}};
	ENTER;
	unsigned count;
	int code = number(device, paths[kind][counter], 1, &count);
	if (code == NVML_OK)
		*ret = count;
	return code;
}

CALL(nvmlDeviceGetRetiredPages, ff_nvml_device device, int cause, unsigned *n, uint64_t *addresses)
{
	static const char *const paths[] = {"ecc.retired_pages.corrected", "ecc.retired_pages.uncorrected"};
	ENTER;
	unsigned count, room = *n;
	int code = number(device, paths[cause], 1, &count);
	if (code != NVML_OK)
		return code;
	*n = count;
	for (unsigned i = 0; i < count && i < room; i++)
		addresses[i] = i << 16;
	return count > room ? NVML_INSUFFICIENT_SIZE : NVML_OK;
}

CALL(nvmlSystemGetProcessName, unsigned pid, char *ret, unsigned n)
{
	ENTER;
	for (unsigned i = 0; gpu_at(i); i++) {
		size_t k;
		json_t *process;
		json_array_foreach (json_object_get(gpu_at(i), "processes"), k, process) {
			if (json_integer_value(json_object_get(process, "pid")) == (json_int_t)pid)
				return fake_text(process, "name", ret, n) ? NVML_OK : NOT_FOUND;
		}
	}
	return NOT_FOUND;
}

// Fill one entry of whichever size; `stride` is that of the struct that the symbol's version stands for.
static int processes(ff_nvml_device device, unsigned *n, char *list, size_t stride)
{
	const json_t *all = json_object_get(device, "processes");
	size_t i, room = *n;
	json_t *process;
	if (!all)
		return NVML_NOT_SUPPORTED;
	*n = (unsigned)json_array_size(all);
	if (*n > room)
		return NVML_INSUFFICIENT_SIZE;
	json_array_foreach (all, i, process) {
		const json_t *used = json_object_get(process, "used"),
			     *instance = json_object_get(process, "gpu_instance");
		struct nvml_process_wide entry = {.pid = (uint32_t)json_integer_value(json_object_get(process, "pid")),
			.used = used ? (uint64_t)json_integer_value(used) : NVML_USED_NOT_KNOWN,
			.gpu_instance = instance ? (uint32_t)json_integer_value(instance) : NVML_NO_INSTANCE,
			.compute_instance = NVML_NO_INSTANCE,
			.used_protected = 7};
		memcpy(list + i * stride, &entry, stride);
	}
	return NVML_OK;
}

CALL(nvmlDeviceGetComputeRunningProcesses, ff_nvml_device device, unsigned *n, struct nvml_process_v1 *list)
{
	ENTER;
	return processes(device, n, (char *)list, sizeof(*list));
}

CALL(nvmlEventSetCreate, ff_nvml_event_set *ret)
{
	ENTER;
	static int set;
	set = 0;
	*ret = &set;
	return NVML_OK;
}

CALL(nvmlDeviceRegisterEvents, ff_nvml_device device, uint64_t types, ff_nvml_event_set set)
{
	ENTER;
	return device && set && types == NVML_EVENT_XID ? NVML_OK : INVALID_ARGUMENT;
}

CALL(nvmlEventSetWait_v2, ff_nvml_event_set set, struct nvml_event *ret, unsigned timeout_ms)
{
	ENTER;
	int *next = set;
	const json_t *event = json_array_get(json_object_get(fake_scenario(), "events"), (size_t)*next);
	if (!event || timeout_ms)
		return NVML_TIMEOUT;
	++*next;
	*ret = (struct nvml_event){
		(ff_nvml_device)(uintptr_t)gpu_at((unsigned)json_integer_value(json_object_get(event, "gpu"))),
		NVML_EVENT_XID, (uint64_t)json_integer_value(json_object_get(event, "xid")), NVML_NO_INSTANCE,
		NVML_NO_INSTANCE};
	return NVML_OK;
}

CALL(nvmlEventSetFree, ff_nvml_event_set set)
{
	ENTER;
	return set ? NVML_OK : INVALID_ARGUMENT;
}

#ifndef FAKE_OLD
NUMBER(nvmlDeviceGetNumGpuCores, "cores", 1)

CALL(nvmlDeviceGetMaxMigDeviceCount, ff_nvml_device device, unsigned *ret)
{
	ENTER;
	*ret = json_object_get(device, "mig") ? 7 : 0;
	return NVML_OK;
}

CALL(nvmlDeviceGetNvLinkState, ff_nvml_device device, unsigned link, unsigned *ret)
{
	ENTER;
	double up = 0, down = 0;
	if (!fake_number(device, "nvlink.up", &up))
		return NVML_NOT_SUPPORTED;
	fake_number(device, "nvlink.down", &down);
	if (link >= up + down)
		return INVALID_ARGUMENT;
	*ret = link < up;
	return NVML_OK;
}

CALL(nvmlDeviceGetMemoryInfo_v2, ff_nvml_device device, struct nvml_memory_v2 *ret)
{
	ENTER;
	double total, used, reserved = 0;
	if (ret->version != NVML_MEMORY_V2)
		return 25;
	if (!fake_number(device, "memory.total", &total) || !fake_number(device, "memory.used", &used))
		return NVML_NOT_SUPPORTED;
	fake_number(device, "memory.reserved", &reserved);
	ret->total = (uint64_t)total;
	ret->used = (uint64_t)used;
	ret->reserved = (uint64_t)reserved;
	ret->free = (uint64_t)(total - used - reserved);
	return NVML_OK;
}

CALL(nvmlDeviceGetPciInfo_v3, ff_nvml_device device, struct nvml_pci *ret)
{
	ENTER;
	return nvmlDeviceGetPciInfo_v2(device, ret);
}

CALL(nvmlSystemGetCudaDriverVersion_v2, int *ret)
{
	ENTER;
	return nvmlSystemGetCudaDriverVersion(ret);
}

CALL(nvmlDeviceGetCurrentClocksEventReasons, ff_nvml_device device, uint64_t *ret)
{
	ENTER;
	return nvmlDeviceGetCurrentClocksThrottleReasons(device, ret);
}

CALL(nvmlDeviceGetRemappedRows, ff_nvml_device device, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
	unsigned *failed)
{
	ENTER;
	number(device, "ecc.remapped_rows.corrected", 1, corrected);
	number(device, "ecc.remapped_rows.pending", 1, pending);
	number(device, "ecc.remapped_rows.failed", 1, failed);
	return number(device, "ecc.remapped_rows.uncorrected", 1, uncorrected);
}

CALL(nvmlDeviceGetMigMode, ff_nvml_device device, unsigned *now, unsigned *next)
{
	ENTER;
	int code = number(device, "mig", 1, now);
	*next = *now;
	return code;
}

CALL(nvmlDeviceGetMigDeviceHandleByIndex, ff_nvml_device device, unsigned index, ff_nvml_device *ret)
{
	ENTER;
	const json_t *instance = json_array_get(json_object_get(device, "mig_devices"), index);
	*ret = (ff_nvml_device)(uintptr_t)instance;
	return instance ? NVML_OK : NOT_FOUND;
}

CALL(nvmlDeviceGetAttributes_v2, ff_nvml_device device, struct nvml_attributes *ret)
{
	ENTER;
	double memory = 0;
	*ret = (struct nvml_attributes){0};
	fake_number(device, "memory.total", &memory);
	ret->memory_mib = (uint64_t)memory >> 20;
	number(device, "gpu_slices", 1, &ret->gpu_slices);
	return number(device, "sm_count", 1, &ret->sm_count);
}

CALL(nvmlDeviceGetP2PStatus, ff_nvml_device a, ff_nvml_device b, int which, int *ret)
{
	ENTER;
	double status = 5;
	(void)b;
	fake_number(a, which == 2 ? "p2p_nvlink" : "p2p", &status);
	*ret = (int)status;
	return NVML_OK;
}

CALL(nvmlDeviceGetTopologyCommonAncestor, ff_nvml_device a, ff_nvml_device b, int *ret)
{
	ENTER;
	double level = 50;
	(void)b;
	fake_number(a, "topology", &level);
	*ret = (int)level;
	return NVML_OK;
}

CALL(nvmlDeviceGetGpuFabricInfo, ff_nvml_device device, struct nvml_fabric *ret)
{
	ENTER;
	double state;
	if (!fake_number(device, "fabric_state", &state))
		return NVML_NOT_SUPPORTED;
	*ret = (struct nvml_fabric){.state = (unsigned char)state};
	return NVML_OK;
}

CALL(nvmlDeviceGetComputeRunningProcesses_v2, ff_nvml_device device, unsigned *n, struct nvml_process_v2 *list)
{
	ENTER;
	return processes(device, n, (char *)list, sizeof(*list));
}

CALL(nvmlDeviceGetConfComputeMemSizeInfo, void)
{
	return NVML_NOT_SUPPORTED;
}

#ifdef FAKE_WIDE
CALL(nvmlDeviceGetComputeRunningProcesses_v3, ff_nvml_device device, unsigned *n, struct nvml_process_wide *list)
#else
CALL(nvmlDeviceGetRunningProcessDetailList, void)
{
	return NVML_NOT_SUPPORTED;
}

CALL(nvmlDeviceGetComputeRunningProcesses_v3, ff_nvml_device device, unsigned *n, struct nvml_process_v2 *list)
#endif
{
	ENTER;
	return processes(device, n, (char *)list, sizeof(*list));
}
#endif
