// NVIDIA's management library, opened at run time. Every member may be NULL: this driver does not have that function.
#pragma once

#include "host/dl.h"
#include "host/nvml_abi.h"

/** Signatures that many functions share. */
typedef int ff_nvml_text(ff_nvml_device, char *, unsigned);
typedef int ff_nvml_number(ff_nvml_device, unsigned *);
typedef int ff_nvml_number_of(ff_nvml_device, unsigned, unsigned *);

struct ff_nvml {
	int (*init)(void);
	int (*shutdown)(void);
	const char *(*error_string)(int);
	int (*driver_version)(char *, unsigned);
	int (*nvml_version)(char *, unsigned);
	int (*cuda_version)(int *);
	int (*process_name)(unsigned, char *, unsigned);
	int (*count)(unsigned *);
	int (*handle_by_index)(unsigned, ff_nvml_device *);

	ff_nvml_text *name, *uuid, *vbios;
	ff_nvml_number *minor, *cores, *power, *power_limit, *persistence, *compute_mode, *performance_state;
	ff_nvml_number *pcie_generation, *pcie_width, *pcie_generation_max, *pcie_width_max, *retired_pending;
	ff_nvml_number *mig_count;
	ff_nvml_number_of *temperature, *temperature_limit, *clock, *clock_max, *nvlink_state;

	int (*capability)(ff_nvml_device, int *, int *);
	int (*memory)(ff_nvml_device, struct nvml_memory *);
	int (*memory_v2)(ff_nvml_device, struct nvml_memory_v2 *);
	int (*pci)(ff_nvml_device, struct nvml_pci *);
	int (*utilization)(ff_nvml_device, struct nvml_utilization *);
	int (*throttle)(ff_nvml_device, uint64_t *);
	int (*ecc_mode)(ff_nvml_device, unsigned *, unsigned *);
	int (*ecc_errors)(ff_nvml_device, int, int, uint64_t *);
	int (*remapped_rows)(ff_nvml_device, unsigned *, unsigned *, unsigned *, unsigned *);
	int (*retired_pages)(ff_nvml_device, int, unsigned *, uint64_t *);
	int (*mig_mode)(ff_nvml_device, unsigned *, unsigned *);
	int (*mig_device)(ff_nvml_device, unsigned, ff_nvml_device *);
	int (*attributes)(ff_nvml_device, struct nvml_attributes *);
	int (*p2p)(ff_nvml_device, ff_nvml_device, int, int *);
	int (*ancestor)(ff_nvml_device, ff_nvml_device, int *);
	int (*fabric)(ff_nvml_device, struct nvml_fabric *);

	int (*processes_v1)(ff_nvml_device, unsigned *, struct nvml_process_v1 *);
	int (*processes_v2)(ff_nvml_device, unsigned *, struct nvml_process_v2 *);
	int (*processes_v3)(ff_nvml_device, unsigned *, void *);
	int (*process_detail_list)(void); /**< never called: its presence tells the size that _v3 fills */
	int (*conf_compute_memory)(void); /**< the same */

	int (*event_set_create)(ff_nvml_event_set *);
	int (*event_register)(ff_nvml_device, uint64_t, ff_nvml_event_set);
	int (*event_wait)(ff_nvml_event_set, struct nvml_event *, unsigned);
	int (*event_set_free)(ff_nvml_event_set);

	struct ff_dl lib;
};

/** Open the library; nothing is initialised yet. Release with ff_nvml_deinit(). */
struct ff_error *ff_nvml_open(struct ff_nvml *ret);
void ff_nvml_deinit(struct ff_nvml *nvml);

/** What the driver calls this code; valid until deinit. */
const char *ff_nvml_error_text(const struct ff_nvml *nvml, int code);

/** One process on a GPU; numbers that NVML does not know are NVML_USED_NOT_KNOWN and NVML_NO_INSTANCE. */
enum { FF_NVML_PROCESSES_MAX = 256 };

/** The compute processes of a device, through whichever version of the call this driver has. *ret_n on entry is the
    room in `ret`. Returns NVML's code; NVML_FUNCTION_NOT_FOUND when there is no such call. More processes than room
    are cut off. */
int ff_nvml_processes(const struct ff_nvml *nvml, ff_nvml_device device, struct nvml_process_v2 *ret, unsigned *ret_n);

/** Names of functions that this driver lacks and ours could use, comma-separated, for one miss; NULL when it has
    all. Freed by the caller. */
char *ff_nvml_lacking(const struct ff_nvml *nvml);
