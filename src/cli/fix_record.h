// What `firstfix fix --apply` did, kept in the state folder so that it can be undone: fixes/TIME.json, and
// next-start.env, the variables that `firstfix run` gives the worker at its next starts.
#pragma once

#include "base/json.h"

enum { FF_FIX_STAMP_MAX = 32 };

/** Nobody else applies or undoes a fix of this state folder until *ret_fd is closed. FF_ETIMEOUT: somebody does. */
struct ff_error *ff_fix_record_lock(const char *dir, int *ret_fd);

/** A name for a record that sorts behind all earlier ones: the time. */
void ff_fix_stamp(char ret[FF_FIX_STAMP_MAX]);

/** Write a record: {"schema": "firstfix.fix/1", "state": "applying|applied", "python", "uv", "changes", "kept", "set",
    "unset", "before": {variable: value}, "cause"}. The one with this stamp is replaced. */
struct ff_error *ff_fix_record_write(const char *dir, const char *stamp, const json_t *record);

/** Take the record with this stamp away. */
struct ff_error *ff_fix_record_remove(const char *dir, const char *stamp);

/** The newest record; *ret_path is the caller's. FF_EABSENT when there is none. */
struct ff_error *ff_fix_record_last(const char *dir, char **ret_path, json_t **ret);

/** Is the newest record one of a fix that was cut off while it was applied? */
bool ff_fix_record_is_cut(const json_t *record);

/** Take the oldest records away, with the files that they keep, until a few are left. */
void ff_fix_record_prune(const char *dir);

/** What next-start.env says of these variables now: {NAME: value or null}; those not named there are left out. */
struct ff_error *ff_next_start_read(const char *dir, const json_t *names, json_t **ret);

/** Variables of the next starts: those of `set` are added, those of `unset` taken out; undo passes them the other way
    round. */
struct ff_error *ff_next_start_change(const char *dir, const json_t *set, const json_t *unset);
