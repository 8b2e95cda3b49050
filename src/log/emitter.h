// Who said it: the package, program or part of the system that an event comes from. Words without a speaker are noise:
// "found nothing" is bitsandbytes' only when bitsandbytes says it.
#pragma once

#include "log/event.h"

enum { FF_EMITTERS_MAX = 4 };

/** Those that an event shows, as names of rules/data/emitters.tsv or, for a package that is not in it, its folder's
    name; "app" is the worker's own code. Several, because an exception of torch's may be raised in a frame of
    transformers. Spans point into the event or into the table. */
struct ff_emitters {
	struct ff_span names[FF_EMITTERS_MAX];
	size_t n;     /**< 0: nothing shows who said it */
	bool native;  /**< the innermost frame only calls: a library in C below it may have said it */
	bool relayed; /**< what is shown are others than who says all of it: who hands on an exception, whose words stand
			    inside a line */
};

struct ff_emitters ff_event_emitters(const struct ff_event *event);

/** Is one of them this one, or of this class ("engine", "hub", "other" for packages that stand in no table)? Or may a
    native library of that name or class have said it through them? */
bool ff_emitters_include(const struct ff_emitters *emitters, struct ff_span name);

/** Is it a name or a class of rules/data/emitters.tsv, "app" or "other"? For the checks of rules. */
bool ff_emitter_known(struct ff_span name);
