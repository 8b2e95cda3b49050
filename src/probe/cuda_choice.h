// Which copy of each CUDA library torch and bitsandbytes get, for the probe `cuda`.
#pragma once

#include "probe/cuda_libraries.h"

/** Mark the entries that would be loaded (chosen_by, because), and put torch.missing, torch.missing_versions,
    bitsandbytes.needs, bitsandbytes.missing_versions and cuda.conflicts. */
void ff_cuda_choose(struct ff_cuda_libraries *libraries);
