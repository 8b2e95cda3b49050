// What `firstfix fix --apply` did, kept in the state folder so that it can be undone: fixes/TIME.json, and
// next-start.env, the variables that `firstfix run` gives the worker at its next starts.
#pragma once

#include "base/json.h"

/** Write the record of a fix before it is applied: {"schema": "firstfix.fix/1", "python", "uv", "changes", "set",
    "unset", "cause"}. */
struct ff_error *ff_fix_record_write(const char *dir, const json_t *record, char **ret_path);

/** The newest record; *ret_path is the caller's. FF_EABSENT when there is none. */
struct ff_error *ff_fix_record_last(const char *dir, char **ret_path, json_t **ret);

/** Variables of the next starts: those of `set` are added, those of `unset` taken out; undo passes them the other way
    round. */
struct ff_error *ff_next_start_change(const char *dir, const json_t *set, const json_t *unset);
