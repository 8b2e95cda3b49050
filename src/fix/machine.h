// What the families of this room share: the machine as they see it, and the words of a command.
#pragma once

#include "base/str.h"
#include "fix/fix.h"

enum ff_platform {
	FF_PLATFORM_LINUX, /**< also what is assumed */
	FF_PLATFORM_WSL,
	FF_PLATFORM_WINDOWS,
	FF_PLATFORM_MACOS,
};

enum ff_installer {
	FF_INSTALLER_PIP,    /**< the interpreter's own pip */
	FF_INSTALLER_UV,     /**< an environment without pip, and uv is there */
	FF_INSTALLER_ENSURE, /**< an environment without pip and without uv: ensurepip first */
	FF_INSTALLER_PIXI,   /**< an environment of pixi without pip */
	FF_INSTALLER_NONE,   /**< a distribution's Python without pip, where ensurepip is disabled */
};

/** How the worker runs, as far as it matters for limits, GPUs and restarts; the columns of
    rules/data/container_flags.tsv. */
enum ff_runtime {
	FF_RUNTIME_UNKNOWN,
	FF_RUNTIME_SHELL, /**< no container */
	FF_RUNTIME_DOCKER,
	FF_RUNTIME_COMPOSE,
	FF_RUNTIME_PODMAN,
	FF_RUNTIME_KUBERNETES,
	FF_RUNTIME_APPTAINER,
	FF_RUNTIME_ENROOT,
	FF_RUNTIME_SLURM,
	FF_RUNTIME_RUNPOD,
	FF_RUNTIME_COUNT,
};

struct ff_fix_machine {
	const json_t *facts, *said; /**< borrowed, may be NULL */
	enum ff_platform platform;
	enum ff_runtime runtime;
	enum ff_installer installer;
	char *python;		  /**< path of the failing interpreter; NULL when not known */
	bool externally_managed;  /**< PEP 668: pip refuses without --break-system-packages */
	bool site_writable;	  /**< false only when that is known */
	bool root;		  /**< uid 0, or not known where a worker usually is root */
	const char *distribution; /**< os-release's ID ("debian"); NULL when not known */
	const char *engine;	  /**< "vllm", "sglang", ...; NULL when not known */
	const json_t *settings;	  /**< the engine's settings in effect by their general names; NULL */
	bool called;		  /**< a program of the user's own makes the engine: settings are arguments there */
};

/** The version of an installed package, borrowed; *ret_absent is set when it is certainly not there. NULL: not there,
    or unknown. */
const char *ff_machine_package(const struct ff_fix_machine *machine, const char *name, bool *ret_absent);

/** Does this machine's huggingface-hub have the program `hf` (0.34 and later; assumed where nothing is known)? */
bool ff_machine_has_hf(const struct ff_fix_machine *machine);

/** May this process do what the Linux capability allows ("sys_admin")? True also where its capabilities are not
    known. */
bool ff_machine_may(const struct ff_fix_machine *machine, const char *capability);

/** "apt", "dnf", "apk" or "zypper" by os-release's ID; NULL for a distribution that is not known. */
const char *ff_fix_package_manager(const char *distribution);

/** A word quoted for the shell where it needs to be, appended. */
void ff_shell_word(struct ff_buf *b, const char *word);

/** A path as a word of a command there: quoted for the shell, or for cmd.exe with its own separators. False when it
    could not be written so that it stays one word. */
bool ff_path_word(const struct ff_fix_machine *machine, struct ff_buf *b, const char *path);

/** A value that cmd.exe, which has no quotes that hold, reads as nothing but a value. */
bool ff_plain_for_windows(const char *value);

/** A family: fills in `fix`, which has kind (if the rule gave one), say and automatic already. */
typedef struct ff_error *ff_fix_family(const struct ff_fix_machine *machine, const json_t *intention, json_t *fix);

ff_fix_family ff_fix_install, ff_fix_remove, ff_fix_rebuild, ff_fix_conda;		   /* packages.c */
ff_fix_family ff_fix_link;								   /* link.c */
ff_fix_family ff_fix_set, ff_fix_unset, ff_fix_drop, ff_fix_prepend;			   /* variables.c */
ff_fix_family ff_fix_flag, ff_fix_argument;						   /* engine.c */
ff_fix_family ff_fix_limit, ff_fix_container;						   /* container.c */
ff_fix_family ff_fix_free, ff_fix_fetch, ff_fix_move, ff_fix_remount, ff_fix_renew;	   /* files.c */
ff_fix_family ff_fix_edit, ff_fix_grant;						   /* edit.c */
ff_fix_family ff_fix_system;								   /* system.c */
ff_fix_family ff_fix_image;								   /* image.c */
ff_fix_family ff_fix_engine_image;							   /* engine_image.c */
ff_fix_family ff_fix_driver, ff_fix_setting, ff_fix_toolkit, ff_fix_restart, ff_fix_login; /* host.c */
ff_fix_family ff_fix_words; /* intent.c: a person must act */

/** Has rules/data/engine_images.tsv this engine? */
bool ff_fix_engine_has_image(const char *engine);

/** Set the command from a buffer (left empty); a failed buffer is &ff_enomem. */
struct ff_error *ff_fix_command(json_t *fix, struct ff_buf *command);

/** Set "kind" unless the rule gave one: `family` or "family:name". */
struct ff_error *ff_fix_kind(json_t *fix, const char *family, const char *name);

/** Add a sentence to what the fix says. */
struct ff_error *ff_fix_say_more(json_t *fix, const char *sentence);

/** Say why this fix must not be tried here. */
struct ff_error *ff_fix_refuse(json_t *fix, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Add a sentence on what else it does. */
struct ff_error *ff_fix_side_effect(json_t *fix, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Note what it does to the facts: effect[group][key] = value (stolen; NULL is &ff_enomem). */
struct ff_error *ff_fix_effect(json_t *fix, const char *group, const char *key, json_t *value);

enum { FF_GOAL_WORDS = 2 };

/** What a fix makes so. */
struct ff_goal {
	const char *what;		  /**< "transformers", "port 8000" */
	const char *now;		  /**< how the facts show it: "4.45.0"; NULL where they do not tell */
	const char *then;		  /**< how it would be: "4.57.6" */
	const char *fact;		  /**< the fact's path, NULL for none */
	const char *words[FF_GOAL_WORDS]; /**< a line that asks for it has all of these; none where no line can */
	const char *cause;		  /**< a line decides it for this cause alone, NULL for any */
	bool required;			  /**< it must be so: that it is not so now is what fails */
};

struct ff_error *ff_fix_goal(json_t *fix, const struct ff_goal *goal);

/** Say what would decide, where paper cannot. */
struct ff_error *ff_fix_open(json_t *fix, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The fact at `path` becomes `value` (stolen), and must: goal and effect in one. */
struct ff_error *ff_fix_fact_becomes(const struct ff_fix_machine *m, const char *path, const char *what,
	const char *then, json_t *value, json_t *fix);

/** What a flag of the container (a row of rules/data/container_flags.tsv) does to the facts. */
struct ff_error *ff_fix_container_effect(
	const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix);

/** What a step of rules/data/host_steps.tsv does to the facts; `value` as the command has it, may be NULL. */
struct ff_error *ff_fix_step_effect(
	const struct ff_fix_machine *m, const char *family, const char *what, const char *value, json_t *fix);

/** What a download into the folder of `path` does: that file's, or of those that `only` matches. */
struct ff_error *ff_fix_fetch_effect(const struct ff_fix_machine *m, const char *path, const char *only, json_t *fix);

/** What becomes free with a port, and with the processes that end. */
struct ff_error *ff_fix_port_effect(const struct ff_fix_machine *m, int64_t port, json_t *fix);
struct ff_error *ff_fix_processes_effect(const struct ff_fix_machine *m, const int64_t *pids, size_t n, json_t *fix);

/** What becomes of a folder on another mount, of an environment whose interpreter is put back, and of a script that
    gets a first line (`shebang`) or other line ends. */
struct ff_error *ff_fix_mount_effect(const struct ff_fix_machine *m, const char *path, json_t *fix);
struct ff_error *ff_fix_renew_effect(const struct ff_fix_machine *m, const char *folder, json_t *fix);
struct ff_error *ff_fix_script_effect(const struct ff_fix_machine *m, const char *path, bool shebang, json_t *fix);

/** What an install does. */
struct ff_package_change {
	const char *name;
	const char *need;    /**< the bounds that it is asked for with, NULL for none */
	const char *asked;   /**< those of them that the rule or the line sets */
	bool missing;	     /**< the log says that it is not there */
	bool fresh;	     /**< its files are laid down anew */
	bool extra;	     /**< what an extra of it asks for comes along */
	bool chosen;	     /**< the build was chosen for this GPU and driver */
	const json_t *along; /**< names, or names with bounds, that the same command asks for */
};

/** The effect of removing a package, of a project that is linked to its source, and of another Python in an environment
    of its own. */
struct ff_error *ff_fix_removal_effect(const struct ff_fix_machine *m, const char *name, json_t *fix);
struct ff_error *ff_fix_link_effect(const struct ff_fix_machine *m, const char *name, json_t *fix);
struct ff_error *ff_fix_python_effect(const struct ff_fix_machine *m, const char *version, json_t *fix);

/** The effect of building a package here; refused where it needs the compiler of CUDA and none is here. */
struct ff_error *ff_fix_build_effect(const struct ff_fix_machine *m, const char *name, bool for_gpu, json_t *fix);

/** The effect of an install, but for the releases that the fix has noted already. */
struct ff_error *ff_fix_package_effect(
	const struct ff_fix_machine *m, const struct ff_package_change *change, json_t *fix);

/** Is it the name of a package that an index is known to have: installed here from one, or in
    rules/data/packages.tsv? Others are never installed. */
bool ff_fix_package_known(const struct ff_fix_machine *machine, const char *name);

/** The package that brings a shared library of CUDA here ("libcudnn.so.9" -> "nvidia-cudnn-cu12"): one that torch asks
    for, else the one of torch's CUDA version. NULL when that is not known; the text is the buffer's. */
const char *ff_fix_library_package(const struct ff_fix_machine *machine, const char *soname, struct ff_buf *b);

/** The release that an installer would take for these bounds: the newest that is known to fit; appended to `ret`,
    nothing when none is known (rules/data/releases.tsv). */
void ff_fix_release(const char *name, const char *need, struct ff_buf *ret);

/** The bounds (`need` and those of all packages here that can be met with it), and in `also` the names of the packages
    that cannot live with `need` and must move too. */
struct ff_error *ff_fix_bounds(
	const struct ff_fix_machine *m, const char *name, const char *need, struct ff_buf *ret_need, json_t *also);

/** Refuse the fix where no release of the package within the bounds (NULL: any) has a wheel for this Python, C library
    or machine. */
struct ff_error *ff_fix_wheel_here(const struct ff_fix_machine *m, const char *name, const char *need, json_t *fix);

/** Where a package cannot move into `need` alone: `need` becomes the bounds of the release that fits best, `joint` the
    bounds of what moves with it by name, and who is in there is taken out of `also`. `importer` (NULL: none) must find
    afterwards what it imports. */
struct ff_error *ff_fix_joint(const struct ff_fix_machine *m, const char *name, const char *importer,
	struct ff_buf *need, json_t *also, json_t *joint, json_t *fix);

/** Both bounds of an upgrade that nobody set any for: above the release that is here (NULL: not known), below the major
    release after the newest that is known. Appends nothing where no release is known. */
void ff_fix_both_bounds(const char *name, const char *have, struct ff_buf *ret);

/** What the installed package `by` asks of `name` ("==9.1.0.70"), NULL when it asks nothing. */
const char *ff_fix_pin(const struct ff_fix_machine *m, const char *name, const char *by);

/** What is wanted of a torch. */
struct ff_torch_wish {
	const char *need; /**< bounds, or NULL */
	const char *arch; /**< a compute capability that must be covered beside those of the facts, or NULL */
	const char *tag;  /**< the build ("cu121"), or NULL */
	bool fresh;	  /**< the same build laid down anew */
};

/** Write the install of a torch that runs on this driver and GPU. *ret_done is false when nothing is known that would
    decide it. */
struct ff_error *ff_fix_torch(
	const struct ff_fix_machine *m, const struct ff_torch_wish *wish, json_t *fix, bool *ret_done);

enum ff_shadow {
	FF_SHADOW_NONE,	 /**< the copy that is imported is the environment's own */
	FF_SHADOW_CURES, /**< taking the other copy out of the way is the fix, which is written */
	FF_SHADOW_FIRST, /**< that is written, and an install must follow it */
};

/** Write what takes another copy of a package from before the environment's own. */
struct ff_error *ff_fix_shadow(
	const struct ff_fix_machine *m, const char *name, const char *need, json_t *fix, enum ff_shadow *ret);

/** Has this folder of packages some that the environment itself has not? Their names, the first few, are appended. */
bool ff_fix_only_there(const struct ff_fix_machine *m, const char *location, struct ff_buf *ret);

/** The environment's own folder of packages, NULL when it is not known. */
const char *ff_fix_own_site(const struct ff_fix_machine *m);

/** Which installer reaches the interpreter. */
enum ff_installer ff_installer_of(const struct ff_fix_machine *m);

/** "/srv/venv/bin/python -m pip install", or what reaches that environment instead; `verb` is install or uninstall. */
void ff_installer_words(const struct ff_fix_machine *m, const char *verb, struct ff_buf *b);

/** "uv add --project /app", the like of poetry and pdm, or "pipx inject --force NAME", where the facts show that the
    environment is such a tool's; false where none is. */
bool ff_installer_adds(const struct ff_fix_machine *m, struct ff_buf *b);

/** Say what an install there means besides. */
struct ff_error *ff_installer_notes(const struct ff_fix_machine *m, json_t *fix);

/** Where this process may not write to the environment: the command becomes one of who may. */
struct ff_error *ff_installer_by_others(const struct ff_fix_machine *m, json_t *fix);

/** False when no command reaches it: the fix is refused with the reason. */
bool ff_installer_reaches(const struct ff_fix_machine *m, json_t *fix, struct ff_error **ret_err);
