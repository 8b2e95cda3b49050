// One event of a log by itself. Its texts are never NULL: who reads it asks for no more than their length.
//
//	INFO 05-01 [api_server.py:1] -> {kind LINE, level INFO, source "api_server.py:1", first 7, last 7, type "", ...}
#include "log/one_event.h"

#include <stdlib.h>

struct ff_event *ff_event_create(enum ff_event_kind kind, const struct ff_line *line)
{
	struct ff_event *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->kind = kind;
	e->level = line->level;
	e->first = e->last = line->number;
	e->inner = FF_EVENT_NO_INNER;
	e->run = line->run;
	e->stated = line->level != FF_LEVEL_NONE;
	e->source = ff_span_dup(line->source);
	e->type = ff_span_dup(FF_SPAN(""));
	e->qualified = ff_span_dup(FF_SPAN(""));
	e->message = ff_span_dup(FF_SPAN(""));
	if (e->source && e->type && e->qualified && e->message)
		return e;
	ff_event_destroy(e);
	return NULL;
}

void ff_event_destroy(struct ff_event *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->frame_count; i++) {
		free(e->frames[i].file);
		free(e->frames[i].func);
	}
	free(e->frames);
	free(e->source);
	free(e->type);
	free(e->qualified);
	free(e->message);
	free(e);
}
