// From a rule's intention to the command for this machine. A rule says what must become true ("torch must be a CUDA
// build", "the context must be shorter"); this room alone knows how that is spelt here: which installer reaches the
// interpreter that failed, what the distribution calls the package, how the engine writes the flag, how the container
// was started.
//
//	intention  {"install": "accelerate", "need": ">=0.26", "say": "Install accelerate."}
//	facts      python.executable /srv/venv/bin/python
//	fix        {"kind": "pip:accelerate", "command": "/srv/venv/bin/python -m pip install 'accelerate>=0.26'",
//	            "effect": {"packages": {"accelerate": "1.15.0"}}, ...}
//
// No I/O. Everything that reaches a command from a log or a fact is checked for what it claims to be and quoted.
#pragma once

#include "base/json.h"

struct ff_fix_machine;

/** What the commands need to know of the machine, worked out once. `facts` is firstfix.facts/1, `said` what the log
    says of the machine it was written on ({"engine": {"name", "version", "settings"}, "python": {"prefix", "version",
    "executable"}, "platform", "runtime": [...], "packages": {...}}); each borrowed for the machine's life, each may be
    NULL: with nothing known the general form is given. */
struct ff_error *ff_fix_machine_create(const json_t *facts, const json_t *said, struct ff_fix_machine **ret);
void ff_fix_machine_destroy(struct ff_fix_machine *machine);

static inline void ff_cleanup_fix_machine(struct ff_fix_machine **machine)
{
	ff_fix_machine_destroy(*machine);
}

#define _cleanup_fix_machine_ __attribute__((__cleanup__(ff_cleanup_fix_machine)))

/** The fix of an intention as firstfix.diagnosis/1 has it: kind, say, automatic, and where they apply command, set,
    unset, side_effects (a list of sentences), effect (what it does to the facts, see ff_fix_apply()) and refused (why
    it must not be tried: it changes nothing here, or the facts forbid it). For the trial alone: goals (what it makes so
    of which thing, see goal.c), open (what would decide where no goal does), computed (the rule worked out that it is
    enough). No command where none would be complete. FF_EUSAGE for what is no intention (a rule of a user). */
struct ff_error *ff_fix_write(const struct ff_fix_machine *machine, const json_t *intention, json_t **ret);

/** The facts as they would be after a fix's `effect`: {"packages": {"torch": "2.7.1+cu128", "apex": null}, "env":
    {"BNB_CUDA_VERSION": null}, "facts": {"driver.version": "570.26"}} (null: gone; true: some release of it), "anew":
    {"torch": true} the packages whose files are laid down again, "gone": {"workdir.ports": {"port": 8000}} the entry of
    a list that has these fields, "settings" of the worker's start, which are no facts. What follows from other facts is
    worked out again as the probes would. *ret is NULL when what a check would look at there is not known; it is a new
    reference to `facts` itself when nothing changes. */
struct ff_error *ff_fix_apply(const json_t *facts, const json_t *effect, json_t **ret);

/** Is this key the name of an intention ("install"), or a field that one of `intention` may have ("need")? `intention`
    NULL asks for the first. For the checks of rules. */
bool ff_intention_known(const char *intention, const char *field);

/** "install, remove, rebuild, ...": for messages. */
const char *ff_intention_names(void);

/** Is there a package of distributions for this library ("libGL.so.1"), program or header? */
bool ff_fix_system_known(const char *what);

/** What it costs to move an installed package into `need`, with all that the command of such a fix moves along
    (know/atlas_solve.h); `importer` (NULL: none) must find afterwards what it imports. -1 where no set of releases is
    known to fit. */
int ff_fix_cost(const json_t *facts, const char *name, const char *need, const char *importer);

/** True for a kind of fix of the contract ("pip:torch", "driver"). */
bool ff_fix_kind_ok(const char *kind);
