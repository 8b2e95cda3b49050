// Which Python a worker would use, and where its packages lie; no interpreter is started.
#pragma once

#include "probe/probe.h"

/** An interpreter that was found. All texts are owned; NULL is not known. */
struct ff_python {
	char *executable;      /**< as it would be called */
	char *binary;	       /**< with every link resolved */
	const char *chosen_by; /**< "--python", "VIRTUAL_ENV", "PATH", ... */
	char *prefix;	       /**< sys.prefix: of the virtual environment where there is one */
	char *base_prefix;     /**< sys.base_prefix: where the standard library lies */
	char *version;	       /**< "3.10.12", or "3.10" when no more can be said */
	char *short_version;   /**< "3.10" */
	char *lib_name;	       /**< the folder under lib/: "python3.10", "python3.13t" */
	bool is_venv, system_site;
};

/** Find the interpreter; FF_EABSENT when there is none. */
struct ff_error *ff_python_find(struct ff_probe_ctx *ctx, struct ff_python *ret);

/** Fill in prefix, base_prefix, version and the like from the files around the executable. */
struct ff_error *ff_python_inspect(struct ff_probe_ctx *ctx, struct ff_python *python);

/** The folders of packages in the order of sys.path, as the interpreter would make it, into python.site and facts
    beside it. */
void ff_python_site(struct ff_probe_ctx *ctx, const struct ff_python *python);

/** What may change the environment: python.externally_managed, site_writable, tools, made_by, project,
    project_folder, own_index, index_from. */
void ff_python_tools(struct ff_probe_ctx *ctx, const struct ff_python *python);

/** The folder of the standard library, by the facts python.base_prefix and python.version; NULL when it is not known or
    not there. */
char *ff_python_library(struct ff_probe_ctx *ctx);

void ff_python_deinit(struct ff_python *python);

#define _cleanup_python_ __attribute__((__cleanup__(ff_python_deinit)))

/** "dir/name" from a printf format; NULL when out of memory. */
char *ff_path_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The folder that a path lies in ("/usr/bin" of "/usr/bin/python3"); NULL when out of memory. */
char *ff_path_parent(const char *path);
