// What lies in the folder that a worker is started in.
#pragma once

#include "probe/model_folder.h"

enum { FF_WORKDIR_NAMES_MAX = 4096, FF_WORKDIR_FOUND_MAX = 24 };

/** What is being gathered. */
struct ff_workdir {
	struct ff_probe_ctx *ctx;
	char *folder;
	struct ff_names names;		/**< of the folder */
	struct ff_names *site;		/**< of each folder of python.site */
	size_t site_n, scripts, others; /**< scripts read; how many of them import what is no part of Python */
	json_t *seen;			/**< paths that were looked at */
	size_t models, libraries, checkpoints;
};

/** Read the worker's scripts: workdir.scripts, and what the texts in them name. */
void ff_workdir_scripts(struct ff_workdir *w);

/** Look at a path that a script, a variable or a command line names, or that lies in the folder: a model, a library,
    a checkpoint. `because` says who named it. */
void ff_workdir_look_at(struct ff_workdir *w, const char *path, const char *because);

/** Does a folder of packages hold this module? */
bool ff_workdir_installed(const struct ff_workdir *w, struct ff_span module);
