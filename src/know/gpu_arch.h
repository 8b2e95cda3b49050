// Does code compiled for these architectures run on this GPU? And which GPU is meant by a name or by a PCI id?
#pragma once

#include "base/json.h"
#include "base/str.h"

/** A compile target or a compute capability: sm_90a, compute_120, 8.6. */
struct ff_arch {
	unsigned major, minor;
	char suffix; /**< 'a': this capability only; 'f': its family; 0: none */
	bool ptx;    /**< compute_*: text that the driver compiles */
};

/** Reads "sm_90a", "compute_100f", "sm_120", "9.0", "12.0a", "90", "8.6+PTX" (the +PTX is dropped). False on
    anything else. */
bool ff_arch_parse(struct ff_span text, struct ff_arch *ret);

enum ff_arch_verdict {
	FF_ARCH_NONE,	   /**< "no kernel image is available" */
	FF_ARCH_SASS,	   /**< machine code for it is there */
	FF_ARCH_PTX,	   /**< the driver must compile it; error 222 if it is older than that PTX */
	FF_ARCH_NOT_KNOWN, /**< the capability could not be read, or nothing is known about what is carried */
};

/** Does machine code of target `code` run on capability `gpu`? Same major, equal or higher minor; `a` only on
    itself, `f` in its family; system-on-chip parts (5.3, 6.2, 7.2, 8.7, 10.1) exchange no machine code with cards. */
bool ff_arch_runs(struct ff_arch code, struct ff_arch gpu);

/** Which of the targets in the lists of strings cover capability `cc` ("12.0"). Either list may be NULL. `compute_*`
    counts as PTX in either list; entries that are no target are passed over. */
enum ff_arch_verdict ff_know_arch_covers(const json_t *archs, const json_t *ptx, const char *cc);

/** "none", "sass", "ptx", "not-known". */
const char *ff_arch_verdict_name(enum ff_arch_verdict verdict);

/** What a compute capability is (rules/data/arch.tsv); spans into the table, empty where it says nothing. */
struct ff_arch_info {
	struct ff_span name;	   /**< "Hopper" */
	struct ff_span first_cuda; /**< the first toolkit that compiles for it */
	struct ff_span last_cuda;  /**< the last one; empty: still supported */
	bool tegra;
	unsigned cores_per_sm; /**< FP32 cores of one multiprocessor; 0: not in the table */
};

/** False when the table does not know the capability. */
bool ff_know_arch_info(const char *cc, struct ff_arch_info *ret);

/** A GPU as the tables know it; spans into the tables. */
struct ff_gpu_info {
	struct ff_span name;
	struct ff_span cc;   /**< "8.9" */
	uint64_t memory_gib; /**< as sold; 0: more than one size is sold, or not known */
	uint64_t usable_mib; /**< what a process can have of it at most; 0: not known */
};

/** The GPU meant by a product name ("NVIDIA GeForce RTX 5090", "A100-SXM4-80GB"); false when no row matches. */
bool ff_know_gpu_by_name(const char *name, struct ff_gpu_info *ret);

/** The GPU with this NVIDIA PCI device id (0x2b85); false when the table does not have it. */
bool ff_know_gpu_by_pci(unsigned device_id, struct ff_gpu_info *ret);
