// The part of NVML's ABI that we use, declared by us: facts of the interface (sizes, order, numbers), no vendor header.
//
// How the ABI lies: a function's suffix and its struct's are counted separately. *RunningProcesses without suffix
// fills 16 bytes a process, _v2 24, _v3 24 again; but in drivers from 530 to early 535 _v3 filled 32 (a field that was
// taken back). MemoryInfo without suffix counts the driver's reserve as used, _v2 tells it apart and wants `version`
// set. Source: nvidia-ml-py 13.615.71 and nvitop 1.7.2 from PyPI, read 2026-11-23.
#pragma once

#include <stdint.h>

typedef void *ff_nvml_device;
typedef void *ff_nvml_event_set;

enum {
	NVML_OK = 0,
	NVML_NOT_SUPPORTED = 3,
	NVML_NO_PERMISSION = 4,
	NVML_INSUFFICIENT_SIZE = 7,
	NVML_TIMEOUT = 10,
	NVML_FUNCTION_NOT_FOUND = 13,
	NVML_GPU_IS_LOST = 15,
	NVML_RESET_REQUIRED = 16,
};

enum { NVML_TEXT = 96, NVML_NVLINK_MAX = 36 };

struct nvml_memory {
	uint64_t total, free, used;
};

struct nvml_memory_v2 {
	uint32_t version;
	uint64_t total, reserved, free, used;
};

/** sizeof in the low bits, number of the version in the top byte. */
#define NVML_MEMORY_V2 ((uint32_t)sizeof(struct nvml_memory_v2) | 2u << 24)

struct nvml_process_v1 {
	uint32_t pid;
	uint64_t used;
};

struct nvml_process_v2 {
	uint32_t pid;
	uint64_t used;
	uint32_t gpu_instance, compute_instance;
};

struct nvml_process_wide {
	uint32_t pid;
	uint64_t used;
	uint32_t gpu_instance, compute_instance;
	uint64_t used_protected;
};

#define NVML_USED_NOT_KNOWN UINT64_MAX
#define NVML_NO_INSTANCE UINT32_MAX

/** _v2 fills 52 bytes of it, without the long bus_id. */
struct nvml_pci {
	char bus_id_short[16];
	uint32_t domain, bus, device, device_id, subsystem_id;
	char bus_id[32];
};

struct nvml_utilization {
	uint32_t gpu, memory;
};

struct nvml_attributes {
	uint32_t sm_count, copy_engines, decoders, encoders, jpeg, ofa, gpu_slices, compute_slices;
	uint64_t memory_mib;
};

struct nvml_event {
	ff_nvml_device device;
	uint64_t type, data;
	uint32_t gpu_instance, compute_instance;
};

#define NVML_EVENT_XID 0x8ull

struct nvml_fabric {
	unsigned char cluster[16];
	int32_t status;
	uint32_t clique;
	unsigned char state; /**< 0 not supported, 1 not started, 2 in progress, 3 completed */
};

_Static_assert(sizeof(struct nvml_memory_v2) == 40, "NVML's own size");
_Static_assert(sizeof(struct nvml_process_v1) == 16, "NVML's own size");
_Static_assert(sizeof(struct nvml_process_v2) == 24, "NVML's own size");
_Static_assert(sizeof(struct nvml_process_wide) == 32, "NVML's own size");
_Static_assert(sizeof(struct nvml_pci) == 68, "NVML's own size");
_Static_assert(sizeof(struct nvml_attributes) == 40, "NVML's own size");
_Static_assert(sizeof(struct nvml_event) == 32, "NVML's own size");
