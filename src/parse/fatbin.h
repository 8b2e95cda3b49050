// Which GPU architectures a library carries code for, from the headers of its fat binaries: NVIDIA's (.nv_fatbin,
// __nv_relfatbin) and AMD's (.hip_fatbin).
#pragma once

#include "parse/bytes.h"
#include "parse/elf.h"

enum ff_code_kind {
	FF_CODE_SASS, /**< machine code: runs on its own major version from its minor on */
	FF_CODE_PTX,  /**< NVIDIA's portable assembly: the driver compiles it for that architecture and later ones */
	FF_CODE_LTO,  /**< input for the linker only: runs nowhere by itself */
	FF_CODE_HIP,  /**< AMD machine code */
};

/** One architecture of one kind, and how much there is for it. */
struct ff_gpu_code {
	enum ff_code_kind kind;
	char name[48];		       /**< "sm_90a", "compute_120", "lto_80", "gfx90a:sramecc+:xnack-" */
	uint32_t arch;		       /**< 90; 0 for AMD */
	char suffix;		       /**< 'a' this chip only, 'f' this family, 0 */
	uint32_t ptx_major, ptx_minor; /**< newest PTX ISA seen, for PTX: 9.5 is written by CUDA 13.5 */
	uint64_t entries, bytes;
};

enum { FF_FATBIN_MAX_CODES = 64 };

struct ff_fatbin {
	struct ff_gpu_code codes[FF_FATBIN_MAX_CODES]; /**< sorted by kind, arch, name */
	size_t n;
	uint64_t containers;
	uint64_t compressed_entries;
	uint64_t opaque; /**< compressed AMD bundles: their targets cannot be named without unpacking */
};

/** Walk the headers of one stretch of NVIDIA fat binaries and add what is found. On an error *into keeps what came
    before. */
struct ff_error *ff_fatbin_walk(struct ff_bytes *bytes, uint64_t offset, uint64_t size, struct ff_fatbin *into);

/** The same for AMD's offload bundles. */
struct ff_error *ff_fatbin_walk_hip(struct ff_bytes *bytes, uint64_t offset, uint64_t size, struct ff_fatbin *into);

/** All GPU code of a library; *into starts zeroed. */
struct ff_error *ff_fatbin_of_elf(const struct ff_elf *elf, struct ff_fatbin *into);
