// The table of NVML's functions and the two calls whose struct depends on the driver's age.
#include "host/nvml.h"

#include "base/str.h"

#include <stddef.h>
#include <stdio.h>

#define SLOT(member) offsetof(struct ff_nvml, member)

static const struct ff_dl_symbol symbols[] = {
	{"nvmlInit_v2", SLOT(init)},
	{"nvmlInit", SLOT(init)},
	{"nvmlShutdown", SLOT(shutdown)},
	{"nvmlErrorString", SLOT(error_string)},
	{"nvmlSystemGetDriverVersion", SLOT(driver_version)},
	{"nvmlSystemGetNVMLVersion", SLOT(nvml_version)},
	{"nvmlSystemGetCudaDriverVersion_v2", SLOT(cuda_version)},
	{"nvmlSystemGetCudaDriverVersion", SLOT(cuda_version)},
	{"nvmlSystemGetProcessName", SLOT(process_name)},
	{"nvmlDeviceGetCount_v2", SLOT(count)},
	{"nvmlDeviceGetCount", SLOT(count)},
	{"nvmlDeviceGetHandleByIndex_v2", SLOT(handle_by_index)},
	{"nvmlDeviceGetHandleByIndex", SLOT(handle_by_index)},
	{"nvmlDeviceGetName", SLOT(name)},
	{"nvmlDeviceGetUUID", SLOT(uuid)},
	{"nvmlDeviceGetVbiosVersion", SLOT(vbios)},
	{"nvmlDeviceGetMinorNumber", SLOT(minor)},
	{"nvmlDeviceGetNumGpuCores", SLOT(cores)},
	{"nvmlDeviceGetPowerUsage", SLOT(power)},
	{"nvmlDeviceGetEnforcedPowerLimit", SLOT(power_limit)},
	{"nvmlDeviceGetPersistenceMode", SLOT(persistence)},
	{"nvmlDeviceGetComputeMode", SLOT(compute_mode)},
	{"nvmlDeviceGetPerformanceState", SLOT(performance_state)},
	{"nvmlDeviceGetCurrPcieLinkGeneration", SLOT(pcie_generation)},
	{"nvmlDeviceGetCurrPcieLinkWidth", SLOT(pcie_width)},
	{"nvmlDeviceGetMaxPcieLinkGeneration", SLOT(pcie_generation_max)},
	{"nvmlDeviceGetMaxPcieLinkWidth", SLOT(pcie_width_max)},
	{"nvmlDeviceGetRetiredPagesPendingStatus", SLOT(retired_pending)},
	{"nvmlDeviceGetMaxMigDeviceCount", SLOT(mig_count)},
	{"nvmlDeviceGetTemperature", SLOT(temperature)},
	{"nvmlDeviceGetTemperatureThreshold", SLOT(temperature_limit)},
	{"nvmlDeviceGetClockInfo", SLOT(clock)},
	{"nvmlDeviceGetMaxClockInfo", SLOT(clock_max)},
	{"nvmlDeviceGetNvLinkState", SLOT(nvlink_state)},
	{"nvmlDeviceGetCudaComputeCapability", SLOT(capability)},
	{"nvmlDeviceGetMemoryInfo", SLOT(memory)},
	{"nvmlDeviceGetMemoryInfo_v2", SLOT(memory_v2)},
	{"nvmlDeviceGetPciInfo_v3", SLOT(pci)},
	{"nvmlDeviceGetPciInfo_v2", SLOT(pci)},
	{"nvmlDeviceGetUtilizationRates", SLOT(utilization)},
	{"nvmlDeviceGetCurrentClocksEventReasons", SLOT(throttle)},
	{"nvmlDeviceGetCurrentClocksThrottleReasons", SLOT(throttle)},
	{"nvmlDeviceGetEccMode", SLOT(ecc_mode)},
	{"nvmlDeviceGetTotalEccErrors", SLOT(ecc_errors)},
	{"nvmlDeviceGetRemappedRows", SLOT(remapped_rows)},
	{"nvmlDeviceGetRetiredPages", SLOT(retired_pages)},
	{"nvmlDeviceGetMigMode", SLOT(mig_mode)},
	{"nvmlDeviceGetMigDeviceHandleByIndex", SLOT(mig_device)},
	{"nvmlDeviceGetAttributes_v2", SLOT(attributes)},
	{"nvmlDeviceGetP2PStatus", SLOT(p2p)},
	{"nvmlDeviceGetTopologyCommonAncestor", SLOT(ancestor)},
	{"nvmlDeviceGetGpuFabricInfo", SLOT(fabric)},
	{"nvmlDeviceGetComputeRunningProcesses", SLOT(processes_v1)},
	{"nvmlDeviceGetComputeRunningProcesses_v2", SLOT(processes_v2)},
	{"nvmlDeviceGetComputeRunningProcesses_v3", SLOT(processes_v3)},
	{"nvmlDeviceGetRunningProcessDetailList", SLOT(process_detail_list)},
	{"nvmlDeviceGetConfComputeMemSizeInfo", SLOT(conf_compute_memory)},
	{"nvmlEventSetCreate", SLOT(event_set_create)},
	{"nvmlDeviceRegisterEvents", SLOT(event_register)},
	{"nvmlEventSetWait_v2", SLOT(event_wait)},
	{"nvmlEventSetFree", SLOT(event_set_free)},
};

enum { SYMBOLS = sizeof(symbols) / sizeof(symbols[0]) };

static const struct ff_dl_spec spec = {"libnvidia-ml.so.1", "FIRSTFIX_NVML", symbols, SYMBOLS};

struct ff_error *ff_nvml_open(struct ff_nvml *ret)
{
	struct ff_nvml nvml = {0};
	struct ff_error *err = ff_dl_open(&spec, &nvml, &nvml.lib);
	if (err)
		return err;
	if (!nvml.init) {
		err = ff_error_create(FF_EFORMAT, "%s: has no nvmlInit", nvml.lib.path ? nvml.lib.path : spec.soname);
		ff_dl_deinit(&nvml.lib);
		return err;
	}
	*ret = nvml;
	return NULL;
}

void ff_nvml_deinit(struct ff_nvml *nvml)
{
	ff_dl_deinit(&nvml->lib);
}

const char *ff_nvml_error_text(const struct ff_nvml *nvml, int code)
{
	const char *text = nvml->error_string ? nvml->error_string(code) : NULL;
	return text ? text : "NVML gives no text for this code";
}

static void *slot_of(const struct ff_nvml *nvml, size_t i)
{
	void *symbol;
	memcpy(&symbol, (const char *)nvml + symbols[i].offset, sizeof(symbol));
	return symbol;
}

char *ff_nvml_lacking(const struct ff_nvml *nvml)
{
	_cleanup_buf_ struct ff_buf names = {0};
	size_t last = SIZE_MAX;
	for (size_t i = 0; i < SYMBOLS; i++) {
		// Of the names of one slot the newest stands first, and one is enough. That a version of a call or a
		// mark of the driver's age is not there is no loss.
		bool choice = symbols[i].offset == SLOT(processes_v1) || symbols[i].offset == SLOT(processes_v2) ||
			symbols[i].offset == SLOT(processes_v3) || symbols[i].offset == SLOT(memory) ||
			symbols[i].offset == SLOT(process_detail_list) ||
			symbols[i].offset == SLOT(conf_compute_memory);
		if (choice || symbols[i].offset == last || slot_of(nvml, i))
			continue;
		last = symbols[i].offset;
		ff_buf_printf(&names, "%s%s", names.n ? ", " : "", symbols[i].name);
	}
	char *text = NULL;
	if (!names.n)
		return NULL;
	ff_error_destroy(ff_buf_finish(&names, &text));
	return text;
}

static int processes_wide(const struct ff_nvml *nvml, ff_nvml_device device, struct nvml_process_v2 *ret, unsigned *n)
{
	struct nvml_process_wide list[FF_NVML_PROCESSES_MAX] = {0};
	int code = nvml->processes_v3(device, n, list);
	for (unsigned i = 0; code == NVML_OK && i < *n && i < FF_NVML_PROCESSES_MAX; i++)
		ret[i] = (struct nvml_process_v2){
			list[i].pid, list[i].used, list[i].gpu_instance, list[i].compute_instance};
	return code;
}

static int processes_narrow(const struct ff_nvml *nvml, ff_nvml_device device, struct nvml_process_v2 *ret, unsigned *n)
{
	struct nvml_process_v1 list[FF_NVML_PROCESSES_MAX] = {0};
	int code = nvml->processes_v1(device, n, list);
	for (unsigned i = 0; code == NVML_OK && i < *n && i < FF_NVML_PROCESSES_MAX; i++)
		ret[i] = (struct nvml_process_v2){list[i].pid, list[i].used, NVML_NO_INSTANCE, NVML_NO_INSTANCE};
	return code;
}

int ff_nvml_processes(const struct ff_nvml *nvml, ff_nvml_device device, struct nvml_process_v2 *ret, unsigned *ret_n)
{
	unsigned room = *ret_n < FF_NVML_PROCESSES_MAX ? *ret_n : FF_NVML_PROCESSES_MAX, n = room;
	int code = NVML_FUNCTION_NOT_FOUND;
	// The driver that filled 32 bytes had confidential computing and not yet the call that took the field over.
	if (nvml->processes_v3 && nvml->conf_compute_memory && !nvml->process_detail_list)
		code = processes_wide(nvml, device, ret, &n);
	else if (nvml->processes_v3)
		code = nvml->processes_v3(device, &n, ret);
	else if (nvml->processes_v2)
		code = nvml->processes_v2(device, &n, ret);
	else if (nvml->processes_v1)
		code = processes_narrow(nvml, device, ret, &n);
	if (code == NVML_OK)
		*ret_n = n < room ? n : room;
	return code;
}
