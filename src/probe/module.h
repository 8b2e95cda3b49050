// A Python package as the interpreter would import it, and what pip knows of it.
#pragma once

#include "probe/probe.h"

/** The folder of a module ("torch") on python.site, first one wins; NULL when it is on none. Freed by the caller. */
char *ff_module_folder(struct ff_probe_ctx *ctx, const char *module);

/** What python.packages says of a package (normalised name), borrowed; NULL when it is not installed. */
const json_t *ff_package_entry(const struct ff_probe_ctx *ctx, const char *name);

/** Its version, borrowed; NULL when not known. */
const char *ff_package_version(const struct ff_probe_ctx *ctx, const char *name);

/** What a package requires of others whatever its extras: {name: specifiers}; NULL when it is not installed. New
    reference. */
json_t *ff_package_requires(struct ff_probe_ctx *ctx, const char *name);
