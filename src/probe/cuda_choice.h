// Which copy of each CUDA library torch and bitsandbytes get, for the probe `cuda`.
#pragma once

#include "probe/cuda_libraries.h"

/** Mark the entries that would be loaded (chosen_by, because, lazy, used_by), and put torch.missing, torch.missing_versions
    (torch.missing_later for what is loaded when first used), bitsandbytes.needs, bitsandbytes.missing and
    .missing_versions, cuda.conflicts. */
void ff_cuda_choose(struct ff_cuda_libraries *libraries);
