// All signatures at once: one Vectorscan database over the patterns of all rules, plus the marks that lines are read for.
// A match there is a candidate only; PCRE2 (the signature's own regex) has the last word and takes the captures.
#pragma once

#include "base/error.h"
#include "diagnose/rule.h"

struct ff_matcher;

/** What a match in raw text means: a signature (its index), a mark of structure (traceback, frame, exception, loader and
    kernel line: the line must be read), or a sign of health. */
enum { FF_MATCH_STRUCTURE = -1, FF_MATCH_PROGRESS = -2 };

/** Make the database for these rules. That of the built-in ones is in the program; a second one is compiled now for users' rules. */
struct ff_error *ff_matcher_create(struct ff_rules *rules, struct ff_matcher **ret);
void ff_matcher_destroy(struct ff_matcher *matcher);

typedef void ff_match_fn(int what, size_t end, void *context);

/** Report every match in these bytes, in order of their end offset. */
struct ff_error *ff_matcher_scan(struct ff_matcher *matcher, struct ff_span bytes, ff_match_fn *fn, void *context);

/** True when the program carries a database: the build then read and checked every built-in rule (tools/rulec). */
bool ff_matcher_built_in(void);

/** The database of these rules as bytes, for tools/rulec: for every machine of the architecture, or (wide) for those with AVX2.
    *ret is NULL when this architecture has no wide one. Caller frees. */
struct ff_error *ff_matcher_serialize(struct ff_rules *rules, bool wide, char **ret, size_t *ret_n);

/** What the built-in database must have been made from: a hash of all patterns and their flags. */
struct ff_error *ff_matcher_key(struct ff_rules *rules, uint64_t *ret);
