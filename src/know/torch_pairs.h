// Which torchvision and torchaudio belong to a torch (rules/data/torch_pairs.tsv).
#pragma once

#include "base/str.h"

/** Specifiers ("==0.18.1") that `partner` ("torchvision", "torchaudio") has to satisfy beside this torch; false when
    the table does not know that torch. */
bool ff_know_torch_partner(const char *torch, const char *partner, struct ff_span *ret);
