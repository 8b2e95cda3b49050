// Which torchvision and torchaudio belong to a torch (rules/data/torch_pairs.tsv), and which torch comes with a
// release of an engine (rules/data/torch_pins.tsv).
#pragma once

#include "base/str.h"

/** Specifiers ("==0.18.1") that `partner` ("torchvision", "torchaudio") has to satisfy beside this torch; false when
    the table does not know that torch. */
bool ff_know_torch_partner(const char *torch, const char *partner, struct ff_span *ret);

/** The one torch ("2.4.0") that this release asks for, and so brings with it; false where it asks for none in
    particular or nobody has read it. The span lives for ever. */
bool ff_know_torch_asked(const char *package, const char *version, struct ff_span *ret);

/** Is it an engine or an extension whose releases ask for one torch each? */
bool ff_know_torch_asks(const char *package);
