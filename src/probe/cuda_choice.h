// Which copy of each CUDA library torch and bitsandbytes get, for the probe `cuda`.
#pragma once

#include "probe/cuda_libraries.h"

/** Mark the entries that torch would load (chosen_by, because, lazy, used_by), and put torch.missing,
    torch.missing_versions (torch.missing_later for what is loaded when first used) and cuda.conflicts; then try
    bitsandbytes. */
void ff_cuda_choose(struct ff_cuda_libraries *libraries);

/** Load each of bitsandbytes' libraries after torch: puts bitsandbytes.library_needs {file: [sonames]},
    bitsandbytes.resolved {soname: {path, because, version}} and bitsandbytes.library_missing_versions. Which of the
    files counts is known only with the GPU, so the join picks (bitsandbytes_needs.c). */
void ff_cuda_try_bitsandbytes(struct ff_cuda_libraries *libraries, struct ff_world *world);

/** What compiled modules of other packages would not find, into python.unloadable. */
void ff_cuda_try_imports(struct ff_cuda_libraries *libraries, struct ff_world *world);
