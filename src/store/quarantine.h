// Inputs that were in work when a worker died: counted by a keyed hash, never kept themselves. Whoever has killed so
// many workers is refused by the Python hook (python/firstfix/_quarantine.py), which reads the same files.
//
//	quarantine/key				32 random bytes, made by the first process that hashes
//	quarantine/9f86d081884c7d659a2feaa0c55ad015	{"kills": 2, "first": ..., "last": ..., "how": "SIGSEGV", "request": "42", "deaths": [...]}
#pragma once

#include "base/json.h"

enum { FF_QUARANTINE_HASH = 32, FF_QUARANTINE_DAYS = 7 };

/** Count a death against every request that was open then: `working_on` of an incident, its "firstfix.request.input"
    fields. One death (process, phase, moment) counts once, however often it is told. */
struct ff_error *ff_quarantine_note(const char *dir, const json_t *incident);

/** Those that are not older than a week, worst first: [{"input", "kills", "first", "last", "how", "request"}]. */
struct ff_error *ff_quarantine_list(const char *dir, json_t **ret);

/** Forget one, or all with NULL; *ret says how many. */
struct ff_error *ff_quarantine_release(const char *dir, const char *input, unsigned *ret);
