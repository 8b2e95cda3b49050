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

static void free_frame(struct ff_frame *frame)
{
	free(frame->file);
	free(frame->func);
}

bool ff_event_add_frame(struct ff_event *e, struct ff_span file, struct ff_span func, uint32_t line)
{
	enum { OUTER = 8 };
	if (!e->frames)
		e->frames = calloc(FF_FRAMES_MAX, sizeof(*e->frames));
	struct ff_frame frame = {ff_span_dup(file), ff_span_dup(func), line, false};
	if (!e->frames || !frame.file || !frame.func) {
		free_frame(&frame);
		return false;
	}
	if (e->frame_count == FF_FRAMES_MAX) { // the innermost tell most
		free_frame(&e->frames[OUTER]);
		memmove(e->frames + OUTER, e->frames + OUTER + 1, (FF_FRAMES_MAX - OUTER - 1) * sizeof(*e->frames));
		e->frame_count--;
	}
	e->frames[e->frame_count++] = frame;
	return true;
}

void ff_event_destroy(struct ff_event *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->frame_count; i++)
		free_frame(&e->frames[i]);
	free(e->frames);
	free(e->source);
	free(e->type);
	free(e->qualified);
	free(e->message);
	free(e);
}
