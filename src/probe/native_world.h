// A Python worker as the dynamic loader sees it: the interpreter, then torch, then what is imported after it.
#pragma once

#include "probe/native.h"
#include "probe/probe.h"

struct ff_world {
	struct ff_loader *ld;
	char *torch;	       /**< the folder of the imported torch package, NULL for none */
	char *site;	       /**< the site folder that torch lies in */
	size_t torch_roots[8]; /**< objects that torch itself opens, in order */
	size_t torch_roots_n;
	/** Those that `import torch` opens; the rest is opened when first used (solvers, compiler) */
	size_t torch_eager_n;
};

/** The first folder on the interpreter's path that holds `name`, as "<folder>/<name>"; NULL when none does. *ret_site
    (may be NULL) is the folder, borrowed from the facts. Caller frees. */
char *ff_world_find(struct ff_probe_ctx *ctx, const char *name, const char **ret_site);

/** Play `import torch`; without torch only the interpreter is started, without an interpreter ld is NULL and no error.
    */
struct ff_error *ff_world_init(struct ff_probe_ctx *ctx, struct ff_world *world);
void ff_world_deinit(struct ff_world *world);

#define _cleanup_world_ __attribute__((__cleanup__(ff_world_deinit)))
