// What lies in the folder that a worker is started in.
#pragma once

#include "parse/pyscript.h"
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
	json_t *lost;	 /**< {"file", "text", "path"} of models that a script names and that are not there */
	json_t *texts;	 /**< all other texts of the scripts: what one of them may make itself */
	json_t *imports; /**< modules of installed packages that scripts import at their margin, each true */
	json_t *ports;	 /**< {"file", "port"}: where scripts and start scripts listen */
	size_t models, libraries;
};

/** Read the worker's scripts: workdir.scripts, and what the texts in them name. */
void ff_workdir_scripts(struct ff_workdir *w);

/** Read one of them, once; `name` is what it is called from the folder. */
void ff_workdir_read_script(struct ff_workdir *w, const char *path, const char *name);

/** Read the scripts of the sub-folder that a start leads to, where the folder itself has none. */
void ff_workdir_entries(struct ff_workdir *w);

/** Where the module or file lies that this command of a folder starts: "below", "nowhere", "lost", "module" of
    workdir.commands. `flask` is FLASK_APP, or NULL. */
void ff_workdir_lead(struct ff_workdir *w, json_t *command, const char *program, const char *folder, const char *flask);

/** What all scripts together say: workdir.lost, workdir.imports. */
void ff_workdir_put_scripts(struct ff_workdir *w);

/** Read the scripts that start a worker (start.sh, Procfile): workdir.commands. */
void ff_workdir_commands(struct ff_workdir *w);

/** Read for which releases code that was generated was made: workdir.generated. */
void ff_workdir_generated(struct ff_workdir *w);

/** Read which Python projects lie there: workdir.projects. */
void ff_workdir_projects(struct ff_workdir *w);

/** A port on which this file of the folder lets a server listen. */
void ff_workdir_note_port(struct ff_workdir *w, const char *file, uint64_t port);

/** Which of those ports another process holds: workdir.ports. */
void ff_workdir_ports(struct ff_workdir *w);

/** Look at a path that a script, a variable or a command line names, or that lies in the folder: a model, a library.
    `because` says who named it. */
void ff_workdir_look_at(struct ff_workdir *w, const char *path, const char *because);

/** What a script takes of installed packages; both start empty. */
struct ff_workdir_names {
	json_t *modules; /**< the name that a module has in the script -> the module */
	json_t *lacks;	 /**< {"module", "name"} that the installed release does not have */
	bool careful;	 /**< the script itself asks what is there */
};

/** A word of the script: what it imports, and what it takes of that. */
void ff_workdir_note_name(struct ff_workdir *w, struct ff_workdir_names *names, const struct ff_py_token *t);

/** What the scripts import of installed packages: workdir.imports. */
void ff_workdir_put_imports(struct ff_workdir *w);

/** Does a folder of packages hold this module? */
bool ff_workdir_installed(const struct ff_workdir *w, struct ff_span module);

/** Is it a module of a package that is known? All others may be parts of Python, of the system or of the project. */
bool ff_workdir_known(struct ff_span module);

/** Set a list that is not empty; takes it over. */
void ff_workdir_put(json_t *into, const char *key, json_t *list);
