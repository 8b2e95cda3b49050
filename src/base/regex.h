// PCRE2 with the limits that hostile text needs: a match that costs too much is no match.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct ff_regex;

enum { FF_REGEX_GROUPS = 24 }; /**< groups that a match can hand out; a pattern with more is refused */

/** What a match found. Spans point into the subject. */
struct ff_match {
	unsigned n;			       /**< groups, the whole match included */
	struct ff_span group[FF_REGEX_GROUPS]; /**< p is NULL for a group that took no part */
};

/** Compile; `caseless` is the default of signatures. The message names the offset inside the pattern. */
struct ff_error *ff_regex_create(const char *pattern, bool caseless, bool anchored, struct ff_regex **ret);

/** One of the program's own tables, compiled when it is first matched: most are never asked. The text stays the
    caller's. Where it cannot be compiled (memory) nothing matches, as at a limit. */
struct ff_error *ff_regex_create_late(const char *pattern, bool caseless, bool anchored, struct ff_regex **ret);
void ff_regex_destroy(struct ff_regex *regex);

/** Find the first match at or after `from`; false when there is none or a limit was hit. */
bool ff_regex_match(struct ff_regex *regex, struct ff_span subject, size_t from, struct ff_match *ret);

/** True when the last match was given up at a limit. */
bool ff_regex_limited(const struct ff_regex *regex);

/** Number of the group with this name, 0 when there is none. Of one that is compiled late: after a match. */
unsigned ff_regex_group(const struct ff_regex *regex, const char *name);

/** Names of the groups: NULL for an unnamed one or past the last. Valid as long as the regex. */
const char *ff_regex_group_name(const struct ff_regex *regex, unsigned group);
