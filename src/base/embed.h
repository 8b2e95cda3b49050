// Data files that travel inside the binary: tools/embed.py writes one C file per set of them.
//
//	embed.py ff_table OUT.c driver_cuda.tsv xid.tsv
//
// defines `const struct ff_span ff_table_driver_cuda`, `... ff_table_xid` and the list `ff_table_files` of all.
#pragma once

#include "base/str.h"

/** One file: its name without folder (without ending too, unless embed.py was told --endings), and its bytes
    (terminated, valid for ever). */
struct ff_embedded {
	const char *name;
	struct ff_span text;
};

/** Declares an embedded file where it is used: FF_EMBEDDED(ff_table, xid); then ff_table_xid. A macro because the name
    is made. */
#define FF_EMBEDDED(set, name) extern const struct ff_span set##_##name
