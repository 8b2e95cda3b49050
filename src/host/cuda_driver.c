// Opens libcuda and names its errors. The names are ours as well, because a stub libcuda (the one of the toolkit, to
// link against) answers every call with 34, also the call that should name it.
#include "host/cuda_driver.h"

#define SLOT(member) offsetof(struct ff_cuda, member)

static const struct ff_dl_symbol symbols[] = {
	{"cuInit", SLOT(init)},
	{"cuDriverGetVersion", SLOT(driver_version)},
	{"cuDeviceGetCount", SLOT(count)},
	{"cuDeviceGet", SLOT(device)},
	{"cuDeviceGetByPCIBusId", SLOT(device_by_bus_id)},
	{"cuDeviceGetName", SLOT(name)},
	{"cuDeviceGetUuid_v2", SLOT(uuid)},
	{"cuDeviceGetUuid", SLOT(uuid)},
	{"cuDeviceTotalMem_v2", SLOT(total_memory)},
	{"cuDeviceGetAttribute", SLOT(attribute)},
	{"cuDeviceGetPCIBusId", SLOT(bus_id)},
	{"cuGetErrorName", SLOT(error_name)},
	{"cuGetErrorString", SLOT(error_string)},
};

static const struct ff_dl_spec spec = {"libcuda.so.1", "FIRSTFIX_CUDA", symbols, sizeof(symbols) / sizeof(symbols[0])};

static const struct {
	int code;
	const char *name, *text;
} errors[] = {
	{2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{34, "CUDA_ERROR_STUB_LIBRARY", "the library loaded is the toolkit's stub, not the driver's libcuda"},
	{46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
	{100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
	{101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	{304, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"},
	{802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
	{803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
	{804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility was attempted on non supported HW"},
	{999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

struct ff_error *ff_cuda_open(struct ff_cuda *ret)
{
	struct ff_cuda cuda = {0};
	struct ff_error *err = ff_dl_open(&spec, &cuda, &cuda.lib);
	if (err)
		return err;
	if (!cuda.init) {
		err = ff_error_create(FF_EFORMAT, "%s: has no cuInit", cuda.lib.path ? cuda.lib.path : spec.soname);
		ff_dl_deinit(&cuda.lib);
		return err;
	}
	*ret = cuda;
	return NULL;
}

void ff_cuda_deinit(struct ff_cuda *cuda)
{
	ff_dl_deinit(&cuda->lib);
}

const char *ff_cuda_error_name(const struct ff_cuda *cuda, int code)
{
	const char *name = NULL;
	if (code == CUDA_OK)
		return "CUDA_SUCCESS";
	if (cuda->error_name && cuda->error_name(code, &name) == CUDA_OK && name)
		return name;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].code == code)
			return errors[i].name;
	}
	return "CUDA_ERROR";
}

const char *ff_cuda_error_text(const struct ff_cuda *cuda, int code)
{
	const char *text = NULL;
	if (cuda->error_string && cuda->error_string(code, &text) == CUDA_OK && text)
		return text;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].code == code)
			return errors[i].text;
	}
	return NULL;
}
