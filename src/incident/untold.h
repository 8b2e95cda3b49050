// Failures that a process survived and had no time to tell of before something ended it: each takes the program a third
// of a second, and what comes again is told every two seconds. Its lane has them, numbered by the process; a numbering
// that begins anew has a new key:
//
//	exception	firstfix.failure.key 5b3f9a01, count 1, title REQUEST FAILED, exception.type, .message, .stacktrace
//	custom		telling, key 5b3f9a01, count 1, token T		the program is at it
//	custom		incident, key 5b3f9a01, count 1, firstfix.incident 20261123-...	it is stored
//	exception	key 5b3f9a01, count 2
//	custom		telling, key 5b3f9a01, count 2, token U		begun: whoever comes first counts it
//	exception	key 5b3f9a01, count 3				nobody has begun
#pragma once

#include "base/json.h"

/** Take an event of a lane into the list, which holds at most a few failures: those whose last number is the newest. */
void ff_untold_take(json_t *untold, const json_t *event);

/** At the end of the lanes: keep what was not told, as [{times, begun (of these) and its token, incident (where one is
    stored), event}]. */
void ff_untold_settle(json_t *untold);

/** A firstfix.incident/1 of one entry that has no incident yet. `of` is the incident of the process that died: its
    command and the facts of its machine are used. */
struct ff_error *ff_incident_of_untold(const json_t *entry, const json_t *of, json_t **ret);
