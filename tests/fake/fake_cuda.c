// A stand-in libcuda.so.1: the ABI of the CUDA driver API, the answers of a scenario (fake.h). `cuda.init` is what
// cuInit answers. A context cannot be made here: cuCtxCreate is there and ends the process, so that a test notices.
#include "fake.h"

#include "host/cuda_abi.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVALID_VALUE = 1 };

#define CALL(name, ...)                 \
	FAKE_API int name(__VA_ARGS__); \
	FAKE_API int name(__VA_ARGS__)
#define ENTER                                      \
	do {                                       \
		int wanted = fake_enter(__func__); \
		if (wanted)                        \
			return wanted;             \
	} while (0)

static const json_t *gpu_at(int index)
{
	return json_array_get(json_object_get(fake_scenario(), "gpus"), (size_t)index);
}

static bool ready;

CALL(cuInit, unsigned flags)
{
	ENTER;
	double code = 0;
	fake_number(fake_scenario(), "cuda.init", &code);
	ready = code == 0;
	return flags ? INVALID_VALUE : (int)code;
}

CALL(cuDriverGetVersion, int *ret)
{
	ENTER;
	char version[16];
	int major, minor;
	if (!fake_text(fake_scenario(), "driver.cuda", version, sizeof(version)) ||
		sscanf(version, "%d.%d", &major, &minor) != 2)
		return 34;
	*ret = major * 1000 + minor * 10;
	return CUDA_OK;
}

CALL(cuDeviceGetCount, int *ret)
{
	ENTER;
	*ret = (int)json_array_size(json_object_get(fake_scenario(), "gpus"));
	return ready ? CUDA_OK : CUDA_NOT_INITIALIZED;
}

CALL(cuDeviceGet, ff_cuda_device *ret, int index)
{
	ENTER;
	*ret = index;
	return gpu_at(index) ? CUDA_OK : 101;
}

CALL(cuDeviceGetByPCIBusId, ff_cuda_device *ret, const char *bus_id)
{
	ENTER;
	char own[32];
	for (int i = 0; gpu_at(i); i++) {
		if (!fake_text(gpu_at(i), "pcie.bus_id", own, sizeof(own)) || strcmp(own, bus_id) != 0)
			continue;
		*ret = i;
		return CUDA_OK;
	}
	return 101;
}

CALL(cuDeviceGetName, char *ret, int n, ff_cuda_device device)
{
	ENTER;
	return fake_text(gpu_at(device), "name", ret, (unsigned)n) ? CUDA_OK : INVALID_VALUE;
}

CALL(cuDeviceGetPCIBusId, char *ret, int n, ff_cuda_device device)
{
	ENTER;
	return fake_text(gpu_at(device), "pcie.bus_id", ret, (unsigned)n) ? CUDA_OK : INVALID_VALUE;
}

CALL(cuDeviceTotalMem_v2, size_t *ret, ff_cuda_device device)
{
	ENTER;
	double total;
	if (!fake_number(gpu_at(device), "memory.total", &total))
		return INVALID_VALUE;
	*ret = (size_t)total;
	return CUDA_OK;
}

CALL(cuDeviceGetUuid_v2, struct cuda_uuid *ret, ff_cuda_device device)
{
	ENTER;
	char text[64];
	if (!fake_text(gpu_at(device), "uuid", text, sizeof(text)))
		return INVALID_VALUE;
	const char *p = text + 4;
	for (int i = 0; i < 16; i++) {
		unsigned byte;
		p += *p == '-';
		if (sscanf(p, "%2x", &byte) != 1)
			return INVALID_VALUE;
		ret->bytes[i] = (unsigned char)byte;
		p += 2;
	}
	return CUDA_OK;
}

CALL(cuDeviceGetAttribute, int *ret, int which, ff_cuda_device device)
{
	ENTER;
	char cc[16] = "";
	int major = 0, minor = 0;
	double value = 0;
	if (!ready || !fake_text(gpu_at(device), "compute_capability", cc, sizeof(cc)) ||
		sscanf(cc, "%d.%d", &major, &minor) != 2)
		return INVALID_VALUE;
	if (which == CUDA_ATTRIBUTE_SM_COUNT && !fake_number(gpu_at(device), "sm_count", &value))
		return INVALID_VALUE;
	switch (which) {
	case CUDA_ATTRIBUTE_MAJOR:
		*ret = major;
		return CUDA_OK;
	case CUDA_ATTRIBUTE_MINOR:
		*ret = minor;
		return CUDA_OK;
	case CUDA_ATTRIBUTE_SM_COUNT:
		*ret = (int)value;
		return CUDA_OK;
	case CUDA_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
		*ret = 1024;
		return CUDA_OK;
	default:
		return INVALID_VALUE;
	}
}

CALL(cuGetErrorName, int code, const char **ret)
{
	ENTER;
	*ret = code == 999 ? "CUDA_ERROR_UNKNOWN" : NULL;
	return *ret ? CUDA_OK : INVALID_VALUE;
}

CALL(cuCtxCreate_v2, void **context, unsigned flags, ff_cuda_device device)
{
	(void)context, (void)flags, (void)device;
	fprintf(stderr, "a context was made\n");
	abort();
}

CALL(cuDevicePrimaryCtxRetain, void **context, ff_cuda_device device)
{
	return cuCtxCreate_v2(context, 0, device);
}
