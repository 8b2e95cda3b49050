// Builds events out of lines that come in order. Each source (rank, pod, worker) has its own place to build in, so that
// interleaved tracebacks do not mix. What a line is was decided by classify.c; here stands only what follows from it.
//
//	Traceback (most recent call last):          opens
//	  File "a.py", line 1, in f                 a frame; one line of source may follow, also without its indentation
//	KeyError: 'x'                               closes the frames, opens the message
//	                                            a blank line ends it; one text behind it may be more of its message
//	During handling of the above exception, another exception occurred:    links the next one to it
#include "log/event.h"

#include "log/classify.h"
#include "log/one_event.h"
#include "log/rejoin.h"
#include "log/request.h"

#include <stdio.h>

enum { SOURCES = 32, STRANGERS_MAX = 3, BUSY_LINES = 40, LINE_TEXT_MAX = 4096, CAUGHT_LINES = 3 };
enum { RUNS = 64, BLANK_MAX = 2 };

enum state { IDLE, FRAMES, MESSAGE };

// What one source is building.
struct open {
	char source[96];
	enum state state;
	uint64_t used;	    // for choosing whom to push out
	uint64_t caught;    // the line that says that the next exception was caught, 0 for none
	enum ff_caught how; // as the same line says
	size_t event;	    // being built
	size_t previous;    // last finished exception, for the chain
	enum ff_chain next; // how the next one follows from it
	enum ff_level level;
	unsigned indent, lines, strangers;
	uint64_t heads;	  // what stands before each line of the message
	unsigned blank;	  // blank lines that the message ends with
	bool tail;	  // one stood in it
	bool source_line; // a line of source code may come
	bool headed;	  // "Traceback" stood above the frames
	struct ff_buf message;
};

struct run_begin {
	size_t run, event; // the run's id and one, its first event
};

struct ff_events {
	struct ff_event *slots[2 * FF_EVENTS_KEPT];
	size_t count;
	struct open open[SOURCES];
	struct ff_classifier *classifier;
	uint64_t number, last_hit;
	size_t last;	  // of `open`: who said the line just taken
	size_t current;	  // event that holds the line just taken
	bool source_code; // that line is source code, shown below a frame
	bool in_message;  // that line is one more of a message
	size_t healthy;	  // events below this index already have their sign of health
	struct run_begin begins[RUNS];
	bool lost;
};

static size_t slot_of(size_t index)
{
	return index < FF_EVENTS_KEPT ? index : FF_EVENTS_KEPT + index % FF_EVENTS_KEPT;
}

struct ff_error *ff_events_create(struct ff_events **ret)
{
	struct ff_events *events = calloc(1, sizeof(*events));
	if (!events)
		return &ff_enomem;
	struct ff_error *err = ff_classifier_create(&events->classifier);
	if (err) {
		free(events);
		return err;
	}
	for (size_t i = 0; i < SOURCES; i++)
		events->open[i].previous = events->open[i].event = FF_EVENT_NO_INNER;
	events->current = FF_EVENT_NO_INNER;
	*ret = events;
	return NULL;
}

void ff_events_destroy(struct ff_events *events)
{
	if (!events)
		return;
	for (size_t i = 0; i < 2 * FF_EVENTS_KEPT; i++)
		ff_event_destroy(events->slots[i]);
	for (size_t i = 0; i < SOURCES; i++)
		ff_buf_deinit(&events->open[i].message);
	ff_classifier_destroy(events->classifier);
	free(events);
}

size_t ff_events_count(const struct ff_events *events)
{
	return events->count;
}

static struct ff_event *event_at(const struct ff_events *events, size_t index)
{
	if (index >= events->count || (index >= FF_EVENTS_KEPT && index + FF_EVENTS_KEPT < events->count))
		return NULL;
	return events->slots[slot_of(index)];
}

const struct ff_event *ff_events_at(const struct ff_events *events, size_t index)
{
	return event_at(events, index);
}

static size_t event_add(struct ff_events *events, enum ff_event_kind kind, const struct ff_line *line)
{
	struct ff_event *e = ff_event_create(kind, line);
	if (!e) {
		events->lost = true;
		return FF_EVENT_NO_INNER;
	}
	struct ff_event **slot = &events->slots[slot_of(events->count)];
	ff_event_destroy(*slot);
	*slot = e;
	struct run_begin *begin = &events->begins[e->run % RUNS];
	if (begin->run < e->run + 1ul)
		*begin = (struct run_begin){e->run + 1, events->count};
	return events->count++;
}

static void replace(struct ff_events *events, char **text, struct ff_span by)
{
	char *copy = ff_span_dup(by);
	events->lost |= !copy;
	if (copy) {
		free(*text);
		*text = copy;
	}
}

// Lines can be long and many are kept.
static struct ff_span cut(struct ff_span text)
{
	return (struct ff_span){text.p, text.n < LINE_TEXT_MAX ? text.n : LINE_TEXT_MAX};
}

static void rejoin(struct ff_event *e, struct open *o)
{
	e->rejoined = ff_message_rejoin(&o->message, strlen(e->qualified) + strlen(": "));
}

static void close_open(struct ff_events *events, struct open *o)
{
	struct ff_event *e = event_at(events, o->event);
	if (e && o->state == MESSAGE) {
		if (!o->tail)
			rejoin(e, o);
		replace(events, &e->message, (struct ff_span){o->message.p, o->message.n});
	}
	bool stack = e && o->state == FRAMES && !o->headed; // shown, not raised
	if (stack)
		e->level = FF_LEVEL_NONE;
	if (stack || (e && o->state == FRAMES && !e->frame_count))
		e->kind = FF_EVENT_LINE; // a headline alone: what belongs to it came from somewhere else, or not at all
	else if (e && o->state != IDLE)
		o->previous = o->event;
	o->state = IDLE;
	o->event = FF_EVENT_NO_INNER;
	ff_buf_deinit(&o->message);
}

static struct open *open_of(struct ff_events *events, const struct ff_line *line)
{
	struct open *oldest = &events->open[0];
	size_t n = line->source.n < sizeof(oldest->source) ? line->source.n : sizeof(oldest->source) - 1;
	for (size_t i = 0; i < SOURCES; i++) {
		struct open *o = &events->open[i];
		if (o->used && strlen(o->source) == n && (n == 0 || memcmp(o->source, line->source.p, n) == 0)) {
			o->used = line->number;
			return o;
		}
		if (o->used < oldest->used)
			oldest = o;
	}
	close_open(events, oldest);
	*oldest = (struct open){.used = line->number, .event = FF_EVENT_NO_INNER, .previous = FF_EVENT_NO_INNER};
	if (n)
		memcpy(oldest->source, line->source.p, n);
	return oldest;
}

static void begin_exception(struct ff_events *events, struct open *o, const struct ff_line *line)
{
	close_open(events, o);
	size_t index = event_add(events, FF_EVENT_EXCEPTION, line);
	struct ff_event *e = event_at(events, index);
	if (!e)
		return;
	if (e->level == FF_LEVEL_NONE)
		e->level = FF_LEVEL_ERROR;
	bool caught = o->caught && line->number - o->caught <= CAUGHT_LINES;
	e->onward = caught && o->how == FF_CAUGHT_ONWARD;
	e->apart = caught && o->how == FF_CAUGHT_APART;
	if (caught && o->how == FF_CAUGHT_IDLE)
		e->level = FF_LEVEL_WARNING;
	o->caught = 0;
	if (o->next != FF_CHAIN_NONE && o->previous != FF_EVENT_NO_INNER) {
		const struct ff_event *inner = event_at(events, o->previous);
		e->inner = o->previous;
		e->chain = o->next;
		e->onward |= inner && inner->onward; // one traceback in several parts
		e->apart |= inner && inner->apart;
	}
	o->next = FF_CHAIN_NONE;
	o->event = index;
	o->state = FRAMES;
	o->level = line->level;
	o->lines = o->strangers = 0;
	o->source_line = false;
}

static void add_frame(struct ff_events *events, struct open *o, const struct ff_classified *classified)
{
	struct ff_event *e = event_at(events, o->event);
	if (!e)
		return;
	if (!ff_event_add_frame(e, classified->file, classified->func, classified->frame_line)) {
		events->lost = true;
		return;
	}
	o->source_line = !classified->behind;
	o->strangers = 0;
}

static void begin_message(
	struct ff_events *events, struct open *o, const struct ff_line *line, const struct ff_classified *classified)
{
	struct ff_event *e = event_at(events, o->event);
	if (!e)
		return;
	replace(events, &e->type, classified->type);
	replace(events, &e->qualified, classified->qualified);
	if (e->level < FF_LEVEL_WARNING) // collectors and launchers hand all they get on as INFO
		e->level = FF_LEVEL_ERROR;
	o->state = MESSAGE;
	o->level = line->level;
	o->lines = 1;
	o->heads = line->heads;
	o->blank = o->tail = 0;
	ff_buf_span(&o->message, classified->message);
}

// rich breaks a frame where the box ends: "/a/b.py:3 in", and the function stands in the next line.
static bool rest_of_frame(
	struct ff_events *events, struct open *o, const struct ff_line *line, const struct ff_classified *classified)
{
	struct ff_event *e = event_at(events, o->event);
	if (!o->source_line || classified->kind != FF_CLASS_LOOSE || classified->message.p || !e || !e->frame_count ||
		*e->frames[e->frame_count - 1].func)
		return false;
	replace(events, &e->frames[e->frame_count - 1].func, ff_span_trim(line->text));
	return true;
}

static bool take_source(struct ff_events *events, struct open *o, const struct ff_line *line)
{
	struct ff_event *e = event_at(events, o->event);
	events->source_code = true;
	if (e && e->frame_count && ff_raises(events->classifier, line->text))
		e->frames[e->frame_count - 1].raises = true;
	return true;
}

// True when the line belongs to the traceback.
static bool in_frames(
	struct ff_events *events, struct open *o, const struct ff_line *line, const struct ff_classified *classified)
{
	if (classified->kind == FF_CLASS_FRAME) {
		add_frame(events, o, classified);
		return true;
	}
	if (classified->kind == FF_CLASS_EXCEPTION) {
		begin_message(events, o, line, classified);
		return true;
	}
	if (classified->kind == FF_CLASS_CODE || rest_of_frame(events, o, line, classified))
		return take_source(events, o, line);
	if (classified->kind != FF_CLASS_OTHER && classified->kind != FF_CLASS_LOOSE &&
		classified->kind != FF_CLASS_MARK)
		return false;
	const struct ff_event *e = event_at(events, o->event);
	// Where all of a traceback is indented (pip shows one of its child), its source lines are indented further.
	bool back = o->indent > 0 && classified->indent == o->indent && classified->kind == FF_CLASS_LOOSE;
	if (!back && (o->source_line || classified->kind == FF_CLASS_MARK || classified->indent > o->indent)) {
		// Marks stand below the source; where a paste lost all indentation, more of it may follow.
		o->source_line = classified->kind == FF_CLASS_MARK && !classified->blank && classified->indent == 0;
		return take_source(events, o, line);
	}
	if (classified->kind == FF_CLASS_LOOSE && e && e->frame_count) {
		begin_message(events, o, line, classified);
		return true;
	}
	return ++o->strangers <= STRANGERS_MAX && classified->indent > 0;
}

// "CUDA Setup failed. Please run the following command:" and a blank line: what stands behind it is read as more of the
// message, and is besides an event of its own where a rule knows it, for another program may print it. What a terminal
// broke is no such message.
static bool in_tail(const struct open *o, const struct ff_event *e, const struct ff_line *line, bool other)
{
	return e->traceback && !e->rejoined && o->blank <= BLANK_MAX && other && line->heads == o->heads;
}

static bool in_message(
	struct ff_events *events, struct open *o, const struct ff_line *line, const struct ff_classified *classified)
{
	struct ff_event *e = event_at(events, o->event);
	bool goes_on = classified->kind == FF_CLASS_OTHER || classified->kind == FF_CLASS_LOOSE ||
		classified->kind == FF_CLASS_CODE || classified->kind == FF_CLASS_LOADER ||
		(classified->kind == FF_CLASS_MARK && !classified->blank);
	if (!e || line->level != o->level || o->lines >= FF_MESSAGE_LINES ||
		o->message.n + o->blank + line->text.n > FF_MESSAGE_MAX)
		return false;
	if (classified->blank && !o->tail)
		rejoin(e, o);
	o->tail |= classified->blank;
	o->blank += classified->blank;
	if (o->tail ? !in_tail(o, e, line, classified->blank || ff_prose(classified, line->text)) : !goes_on)
		return false;
	if (classified->blank)
		return true;
	for (; o->blank; o->blank--)
		ff_buf_char(&o->message, '\n');
	ff_buf_char(&o->message, '\n');
	ff_buf_span(&o->message, line->text);
	o->lines++;
	events->in_message = !o->tail;
	return true;
}

static const enum ff_event_kind kind_of_class[] = {
	[FF_CLASS_LOADER] = FF_EVENT_LOADER,
	[FF_CLASS_KERNEL] = FF_EVENT_KERNEL,
	[FF_CLASS_NCCL] = FF_EVENT_NCCL,
	[FF_CLASS_DEATH] = FF_EVENT_DEATH,
	[FF_CLASS_WARNING] = FF_EVENT_WARNING,
};

static void line_event(struct ff_events *events, const struct ff_line *line, const struct ff_classified *classified)
{
	events->current = event_add(events, kind_of_class[classified->kind], line);
	struct ff_event *e = event_at(events, events->current);
	if (!e)
		return;
	replace(events, &e->message, cut(classified->message.n ? classified->message : line->text));
	replace(events, &e->type, classified->type);
	if (classified->kind == FF_CLASS_WARNING)
		e->level = FF_LEVEL_WARNING;
	else if (e->level == FF_LEVEL_NONE || classified->kind == FF_CLASS_KERNEL)
		e->level = FF_LEVEL_ERROR;
}

static void in_idle(
	struct ff_events *events, struct open *o, const struct ff_line *line, const struct ff_classified *classified)
{
	switch (classified->kind) {
	case FF_CLASS_CHAIN_CAUSE:
	case FF_CLASS_CHAIN_CONTEXT:
		o->next = classified->kind == FF_CLASS_CHAIN_CAUSE ? FF_CHAIN_CAUSE : FF_CHAIN_CONTEXT;
		return;
	case FF_CLASS_TRACEBACK:
	case FF_CLASS_FRAME:
		begin_exception(events, o, line);
		o->indent = classified->indent;
		o->headed = classified->kind == FF_CLASS_TRACEBACK;
		if (classified->kind == FF_CLASS_FRAME) {
			o->indent = classified->indent > 2 ? classified->indent - 2 : 0;
			add_frame(events, o, classified);
		}
		break;
	case FF_CLASS_EXCEPTION:
		if (ff_documents(classified))
			return;
		begin_exception(events, o, line);
		begin_message(events, o, line, classified);
		break;
	case FF_CLASS_OTHER:
	case FF_CLASS_LOOSE:
	case FF_CLASS_CODE:
	case FF_CLASS_MARK:
		return;
	default:
		line_event(events, line, classified);
		return;
	}
	struct ff_event *e = event_at(events, o->event);
	if (e)
		e->traceback = classified->kind != FF_CLASS_EXCEPTION;
	events->current = o->event;
}

void ff_events_line(struct ff_events *events, const struct ff_line *line)
{
	struct ff_classified classified;
	ff_classify(events->classifier, line->text, &classified);
	struct open *o = open_of(events, line);
	events->last = (size_t)(o - events->open);
	events->number = line->number;
	events->current = FF_EVENT_NO_INNER;
	events->source_code = events->in_message = false;
	bool held = o->state == FRAMES ? in_frames(events, o, line, &classified)
				       : o->state == MESSAGE && in_message(events, o, line, &classified);
	if (held && o->state == MESSAGE && o->tail)
		return;
	if (held) {
		struct ff_event *e = event_at(events, o->event);
		if (e)
			e->last = line->number;
		events->current = o->event;
		return;
	}
	if (o->state != IDLE)
		close_open(events, o);
	in_idle(events, o, line, &classified);
}

bool ff_events_source_code(const struct ff_events *events)
{
	return events->source_code;
}

size_t ff_events_place(struct ff_events *events, const struct ff_line *line, bool read_on)
{
	if (read_on)
		events->last_hit = line->number;
	if (events->current != FF_EVENT_NO_INNER)
		return events->current;
	events->current = event_add(events, FF_EVENT_LINE, line);
	struct ff_event *e = event_at(events, events->current);
	if (!e)
		return FF_EVENT_NO_INNER;
	replace(events, &e->message, cut(line->text));
	if (e->level == FF_LEVEL_NONE)
		e->level = ff_level_of_words(events->classifier, line->text);
	return events->current;
}

bool ff_events_progress(struct ff_events *events, uint32_t run, uint64_t number, uint64_t request)
{
	const struct run_begin *begin = &events->begins[run % RUNS];
	size_t from = begin->run == run + 1ul && begin->event > events->healthy ? begin->event : events->healthy;
	bool all = from == events->healthy, left = false;
	if (events->count > FF_EVENTS_KEPT && from + FF_EVENTS_KEPT < events->count)
		from = events->count - FF_EVENTS_KEPT;
	for (size_t i = from; i < events->count; i++) {
		struct ff_event *e = event_at(events, i);
		if (e && e->run == run && !e->progress && e->last <= number) {
			bool other = e->asked && request != FF_REQUEST_ANY && e->asked != request;
			e->progress = other ? 0 : number;
			e->history |= e->progress && e->onward;
			left |= other;
		}
		all &= !e || e->progress;
		if (all)
			events->healthy = i + 1;
	}
	return left;
}

void ff_events_about(struct ff_events *events, size_t index, uint64_t request)
{
	event_at(events, index)->asked = request;
}

void ff_events_harmless(struct ff_events *events, size_t index, uint64_t by)
{
	struct ff_event *e = event_at(events, index);
	if (!e)
		return;
	e->history = true;
	e->refused = false;
	if (!e->progress)
		e->progress = by;
}

void ff_events_outlive(struct ff_events *events, size_t index, uint64_t by)
{
	const struct ff_event *e = event_at(events, index);
	if (e && e->kind != FF_EVENT_KERNEL)
		ff_events_harmless(events, index, by);
}

void ff_events_refuse(struct ff_events *events, size_t index, uint64_t by)
{
	ff_events_outlive(events, index, by);
	event_at(events, index)->refused = true;
}

void ff_events_skipped(struct ff_events *events, size_t index)
{
	struct ff_event *e = event_at(events, index);
	e->onward = e->skipped = true;
}

void ff_events_caught_next(struct ff_events *events, const struct ff_line *line, enum ff_caught how)
{
	struct open *o = open_of(events, line);
	o->caught = line->number;
	o->how = how;
}

bool ff_events_in_message(const struct ff_events *events)
{
	return events->in_message;
}

size_t ff_events_current(const struct ff_events *events)
{
	return events->current;
}

void ff_events_raise(struct ff_events *events, size_t index, enum ff_level level)
{
	struct ff_event *e = event_at(events, index);
	if (e && e->level < level)
		e->level = level;
	if (e)
		e->stated = true;
}

bool ff_events_busy(const struct ff_events *events, uint64_t number)
{
	if (ff_events_watched(events, number))
		return true;
	for (size_t i = 0; i < SOURCES; i++) {
		const struct open *o = &events->open[i];
		if (o->state != IDLE && number < o->used + BUSY_LINES)
			return true;
	}
	return false;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

// 0 for a source that builds nothing, and of which nothing is known that could change what the next line means.
static uint64_t state_of(const struct ff_events *events, const struct open *o, uint64_t number)
{
	bool caught = o->caught && number <= o->caught + CAUGHT_LINES;
	bool open = o->state != IDLE && number < o->used + BUSY_LINES;
	if (!open && !caught && o->next == FF_CHAIN_NONE)
		return 0;
	uint64_t hash = mix((caught ? o->how : 0u) << 5 | caught << 4 | (unsigned)o->next, open);
	for (const char *c = o->source; *c; c++)
		hash = mix(hash, (unsigned char)*c);
	const struct ff_event *e = event_at(events, o->event);
	if (open)
		hash = mix(mix(hash, o->state << 8 | o->level << 4 | o->strangers),
			o->lines << 8 | o->indent << 2 | (unsigned)o->source_line << 1 | (e && e->frame_count));
	if (open && o->tail)
		hash = mix(hash, o->heads ^ o->blank);
	return hash | 1;
}

uint64_t ff_events_state(const struct ff_events *events, uint64_t number, bool *ret_begun)
{
	uint64_t all = 0;
	for (size_t i = 0; i < SOURCES; i++) {
		const struct open *o = &events->open[i];
		all += o->used ? state_of(events, o, number) : 0;
	}
	const struct open *last = &events->open[events->last];
	const struct ff_event *e = event_at(events, last->event);
	*ret_begun =
		!state_of(events, last, number) || (e && e->first == events->number && e->inner == FF_EVENT_NO_INNER);
	return all;
}

bool ff_events_watched(const struct ff_events *events, uint64_t number)
{
	return events->last_hit && number < events->last_hit + BUSY_LINES;
}

void ff_events_break(struct ff_events *events)
{
	for (size_t i = 0; i < SOURCES; i++)
		close_open(events, &events->open[i]);
}

struct ff_error *ff_events_end(struct ff_events *events)
{
	ff_events_break(events);
	return events->lost ? &ff_enomem : NULL;
}
