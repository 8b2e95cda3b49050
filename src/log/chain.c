// Walks over chains of exceptions that were built by event.c: from the one that ended it all down to the first.
//
//	KeyError: 'x'                                                          the deepest
//	During handling of the above exception, another exception occurred:
//	RuntimeError: worker failed                                            the fatal one
#include "log/event.h"

size_t ff_events_fatal(const struct ff_events *events)
{
	for (size_t i = ff_events_count(events); i-- > 0;) {
		const struct ff_event *e = ff_events_at(events, i);
		if (!e && i < FF_EVENTS_KEPT)
			break;
		if (e && e->kind == FF_EVENT_EXCEPTION && e->level >= FF_LEVEL_ERROR && !e->progress)
			return i;
	}
	return FF_EVENT_NO_INNER;
}

size_t ff_events_deepest(const struct ff_events *events, size_t index)
{
	for (size_t steps = 0; steps < FF_EVENTS_KEPT; steps++) {
		const struct ff_event *e = ff_events_at(events, index);
		if (!e || e->inner == FF_EVENT_NO_INNER || !ff_events_at(events, e->inner))
			break;
		index = e->inner;
	}
	return index;
}
