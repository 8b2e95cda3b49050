// Reads lines: takes them apart (log/line.c), makes them part of an event (log/event.c) and a run (log/run.c), and lets
// PCRE2 confirm the signatures that may stand in their text.
//
//	(EngineCore pid=7) ERROR 05-26 07:50:26 [core.py:396] torch.OutOfMemoryError: CUDA out of memory.
//	-> an event of EngineCore, a hit of each signature of that text
#include "diagnose/reading.h"

#include "base/hash.h"
#include "log/request.h"
#include "log/shown.h"
#include "log/speech.h"

#include <stdlib.h>

enum { TEXT_MAX = 2000, FOUND_MAX = 512, TOLD = 256, KNOWN = 1 << 11, WAYS = 2, KNOWN_FOUND = 56 };

// What stands in a text. Frames of tracebacks and what is logged again and again are the very same bytes, once the
// clock is off.
struct known {
	uint64_t hash;
	uint32_t length; // 0 for none
	int n;
	int16_t what[KNOWN_FOUND];
};

struct ff_reading {
	struct ff_rules *rules;
	struct ff_matcher *matcher;
	struct ff_liner *liner;
	struct ff_events *events;
	struct ff_landmarks *landmarks;
	struct ff_runs *runs;
	struct ff_speech *speech;
	struct ff_shown *shown;
	size_t shown_from;     // the first event of the block that is open
	bool shown_hurt;       // how its run was before it
	struct ff_hits **hits; // by signature, made when needed
	struct ff_error *err;
	uint64_t last_from;  // number of the first of the last lines, 0 as long as it is not known
	bool spoke;	     // a signature that is no context has a hit
	bool context_only;   // nothing but context was found in the present line
	bool landed;	     // a landmark that matters stood in the line of the file just read
	uint32_t told[TOLD]; // hashes of lines that call themselves errors, as far as they are remembered
	// While a line is matched:
	const struct ff_line *meant;
	struct ff_span subject;
	size_t message_of; // event whose message is matched, FF_EVENT_NO_INNER for a line
	unsigned matched;
	int *found; // what may stand in the subject: signatures and landmarks, each once
	size_t found_n;
	unsigned *landmark_seen;     // the subject that a landmark was last found in
	bool sure;		     // that all of it does stand there is known
	uint64_t hash;		     // of the subject
	struct known (*known)[WAYS]; // by hash, the newer one first
};

void ff_reading_destroy(struct ff_reading *r)
{
	if (!r)
		return;
	for (size_t i = 0; r->hits && i < ff_rules_signature_count(r->rules); i++)
		ff_hits_destroy(r->hits[i]);
	free(r->hits);
	ff_liner_destroy(r->liner);
	ff_events_destroy(r->events);
	ff_runs_destroy(r->runs);
	ff_speech_destroy(r->speech);
	ff_shown_destroy(r->shown);
	ff_landmarks_destroy(r->landmarks);
	free(r->found);
	free(r->landmark_seen);
	free(r->known);
	ff_error_destroy(r->err);
	free(r);
}

static struct ff_error *make_parts(struct ff_reading *r)
{
	r->hits = calloc(ff_rules_signature_count(r->rules) + 1, sizeof(*r->hits));
	r->found = calloc(FOUND_MAX, sizeof(*r->found));
	r->known = calloc(KNOWN, sizeof(*r->known));
	struct ff_error *err = r->hits && r->found && r->known ? ff_liner_create(&r->liner) : &ff_enomem;
	if (!err)
		err = ff_events_create(&r->events);
	if (!err)
		err = ff_landmarks_create(&r->landmarks);
	if (!err)
		err = ff_runs_create(r->landmarks, &r->runs);
	if (!err)
		err = ff_speech_create(&r->speech);
	if (!err)
		err = ff_shown_create(&r->shown);
	if (!err)
		r->landmark_seen = calloc(ff_landmarks_count(r->landmarks) + 1, sizeof(*r->landmark_seen));
	for (size_t i = 0; i < ff_rules_signature_count(r->rules); i++)
		ff_rules_signature_at(r->rules, i)->seen = 0; // subjects of another log
	return !err && !r->landmark_seen ? &ff_enomem : err;
}

struct ff_error *ff_reading_create(struct ff_rules *rules, struct ff_matcher *matcher, struct ff_reading **ret)
{
	struct ff_reading *r = calloc(1, sizeof(*r));
	if (!r)
		return &ff_enomem;
	r->rules = rules;
	r->matcher = matcher;
	struct ff_error *err = make_parts(r);
	if (err)
		ff_reading_destroy(r);
	else
		*ret = r;
	return err;
}

// ---- hits ----

static json_t *captures_of(const struct ff_regex *regex, const struct ff_match *m)
{
	json_t *captures = json_object();
	for (unsigned g = 1; captures && g < FF_REGEX_GROUPS; g++) {
		const char *name = ff_regex_group_name(regex, g);
		if (name && g < m->n && m->group[g].p && !json_object_get(captures, name))
			json_object_set_new(captures, name, ff_json_string(m->group[g].p, m->group[g].n));
	}
	return captures;
}

// Those of a text that is known: of a long one now, for not all of it is kept; of others at the end.
static json_t *captures_again(struct ff_reading *r, size_t signature, struct ff_regex *regex)
{
	const struct ff_hit *like = ff_hits_like(r->hits[signature], r->hash);
	struct ff_match m;
	if (r->subject.n <= TEXT_MAX)
		return NULL;
	if (like && like->captures)
		return json_incref(like->captures);
	return ff_regex_match(regex, r->subject, 0, &m) ? captures_of(regex, &m) : NULL;
}

// Without m the text is known.
static void add_hit(struct ff_reading *r, size_t signature, struct ff_regex *regex, const struct ff_match *m)
{
	bool message = r->message_of != FF_EVENT_NO_INNER;
	// Context is common in healthy logs ("Loading checkpoint shards: 100%"): it alone must not have line after line
	// read.
	bool context = ff_rules_signature_at(r->rules, signature)->context;
	if (!message && ff_events_source_code(r->events) && !context)
		return;
	bool read_on = !context && !message && ff_hits_read_on(r->hits[signature], r->meant->number);
	size_t event = message ? r->message_of : ff_events_place(r->events, r->meant, read_on);
	if (event == FF_EVENT_NO_INNER || (message && ff_hits_of_event(r->hits[signature], event)))
		return;
	json_t *captures = m ? captures_of(regex, m) : captures_again(r, signature, regex);
	struct ff_hit *hit = ff_hits_add(&r->hits[signature]);
	if (!hit) {
		json_decref(captures);
		return;
	}
	r->spoke |= !context;
	r->context_only &= context;
	struct ff_span text = r->subject;
	if (text.n > TEXT_MAX)
		text.n = TEXT_MAX;
	const struct ff_event *e = ff_events_at(r->events, event);
	*hit = (struct ff_hit){.signature = signature,
		.event = event,
		.line = message && e ? e->first : r->meant->number,
		.subject = r->hash,
		.text = ff_span_dup(text),
		.captures = captures};
}

// A candidate of the matcher in a line or message; it may report one more than once.
static void on_candidate(int what, size_t end, void *context)
{
	struct ff_reading *r = context;
	(void)end;
	bool mark = what < 0 && what > FF_MATCH_LANDMARK;
	if (mark || r->found_n == FOUND_MAX)
		return;
	unsigned *seen = what <= FF_MATCH_LANDMARK ? &r->landmark_seen[FF_MATCH_LANDMARK - what]
						   : &ff_rules_signature_at(r->rules, (size_t)what)->seen;
	if (*seen != r->matched)
		r->found[r->found_n++] = what;
	*seen = r->matched;
}

// NULL when it is new, or was forgotten.
static const struct known *known_of(const struct ff_reading *r, struct ff_span subject)
{
	const struct known *set = r->known[r->hash % KNOWN];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].hash == r->hash && set[i].length == subject.n)
			return &set[i];
	return NULL;
}

static void find(struct ff_reading *r, struct ff_span subject)
{
	r->hash = ff_hash(subject, false);
	r->subject = subject;
	r->matched++;
	r->found_n = 0;
	const struct known *known = known_of(r, subject);
	r->sure = known != NULL;
	for (int i = 0; known && i < known->n; i++)
		r->found[r->found_n++] = known->what[i];
	if (known)
		return;
	struct ff_error *err = ff_matcher_scan(r->matcher, subject, on_candidate, r);
	if (r->err)
		ff_error_destroy(err);
	else
		r->err = err;
}

// Keep what stands in the subject, once all that was found has been tried.
static void remember(struct ff_reading *r)
{
	struct known *set = r->known[r->hash % KNOWN];
	struct known known = {.hash = r->hash, .length = (uint32_t)r->subject.n, .n = (int)r->found_n};
	if (r->sure || r->found_n > KNOWN_FOUND || r->subject.n > UINT32_MAX || r->err)
		return;
	for (size_t i = 0; i < r->found_n; i++) {
		if (r->found[i] != (int16_t)r->found[i])
			return;
		known.what[i] = (int16_t)r->found[i];
	}
	set[1] = set[0];
	set[0] = known;
}

// What a line only quotes is nobody's error; the message of an exception is always its own.
static bool quoted(struct ff_reading *r, const struct ff_match *m)
{
	const struct ff_event *e = ff_events_at(r->events, ff_events_current(r->events));
	if (r->message_of != FF_EVENT_NO_INNER || (e && e->kind == FF_EVENT_EXCEPTION && e->traceback))
		return false;
	return ff_speech_quoted(r->speech, r->subject, (size_t)(m->group[0].p - r->subject.p));
}

// PCRE2 decides; what it does not take, or is only quoted, is not found.
static void confirm_signatures(struct ff_reading *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->found_n && !r->err; i++) {
		int what = r->found[i];
		if (what < 0) {
			r->found[kept++] = what;
			continue;
		}
		struct ff_signature *s = ff_rules_signature_at(r->rules, (size_t)what);
		if (!ff_rules_at(r->rules, s->rule)->id)
			continue; // replaced by a user's rule
		if (!s->regex)
			r->err = ff_regex_create(s->pattern, true, false, &s->regex);
		struct ff_match m;
		if (!s->regex || (!r->sure && !ff_regex_match(s->regex, r->subject, 0, &m)))
			continue;
		if (!r->sure && !s->context && quoted(r, &m)) // a command or a variable that is shown is evidence
			continue;
		r->found[kept++] = what;
		add_hit(r, (size_t)what, s->regex, r->sure ? NULL : &m);
	}
	r->found_n = kept;
}

// Captures of hits in texts that were known.
static void capture_rest(struct ff_reading *r, size_t signature)
{
	struct ff_hits *hits = r->hits[signature];
	struct ff_regex *regex = ff_rules_signature_at(r->rules, signature)->regex;
	for (size_t i = 0; hits && i < hits->n; i++) {
		struct ff_hit *hit = &hits->list[i];
		struct ff_match m;
		if (hit->captures || !hit->text)
			continue;
		const struct ff_hit *like = ff_hits_like(hits, hit->subject);
		if (like && like->captures)
			hit->captures = json_incref(like->captures);
		else if (ff_regex_match(regex, ff_span_of(hit->text), 0, &m))
			hit->captures = captures_of(regex, &m);
	}
}

// ---- runs ----

// What a landmark does besides being seen by its run.
static void on_landmark(
	struct ff_reading *r, struct ff_run *run, const struct ff_line *line, enum ff_landmark_kind kind)
{
	switch (kind) {
	case FF_LANDMARK_READY:
	case FF_LANDMARK_FINISHED:
		ff_runs_healthy(run, r->events, line->number, FF_REQUEST_ANY);
		break;
	case FF_LANDMARK_WORK:
		ff_runs_healthy(run, r->events, line->number, ff_request_of(line->text));
		break;
	case FF_LANDMARK_FAILED:
		ff_runs_failed(run, r->events, line->number, ff_request_of(line->text));
		break;
	case FF_LANDMARK_DIED:
		ff_events_raise(r->events, ff_events_place(r->events, line, false), FF_LEVEL_ERROR);
		break;
	case FF_LANDMARK_STOPPED:
		ff_runs_stopped(run, line->number, ff_events_place(r->events, line, false));
		break;
	case FF_LANDMARK_IGNORED:
	case FF_LANDMARK_ONWARD:
	case FF_LANDMARK_APART:
		ff_events_caught_next(r->events, line,
			kind == FF_LANDMARK_IGNORED	    ? FF_CAUGHT_IDLE
				: kind == FF_LANDMARK_APART ? FF_CAUGHT_APART
							    : FF_CAUGHT_ONWARD);
		break;
	case FF_LANDMARK_SKIPPED:
		ff_runs_skipped(run, r->events, line->number);
		break;
	case FF_LANDMARK_REFUSED:
		ff_runs_refused(run, r->events, line->number);
		break;
	default:
		break;
	}
}

// A landmark that stands in the line of an exception, or in source code, tells of something else; an end can be one.
// What follows an exception without a blank line may be read as more of its message, and is none.
static bool believed(const struct ff_reading *r, enum ff_landmark_kind kind)
{
	bool end = kind == FF_LANDMARK_STOPPED || kind == FF_LANDMARK_DIED || kind == FF_LANDMARK_GONE ||
		kind == FF_LANDMARK_IGNORED || kind == FF_LANDMARK_SKIPPED;
	bool own = ff_events_current(r->events) == FF_EVENT_NO_INNER || ff_events_in_message(r->events);
	return !ff_events_source_code(r->events) && (end || own);
}

// What only a worker's own log says.
static bool sign_of_worker(enum ff_landmark_kind kind)
{
	return kind == FF_LANDMARK_LOAD || kind == FF_LANDMARK_READY || kind == FF_LANDMARK_WORK ||
		kind == FF_LANDMARK_FINISHED;
}

// Returns the run that goes on. *ret_harmless: the line says itself that it does not matter.
static struct ff_run *read_landmarks(
	struct ff_reading *r, struct ff_run *run, const struct ff_line *line, bool *ret_harmless)
{
	*ret_harmless = false;
	size_t kept = 0;
	for (size_t i = 0; i < r->found_n; i++) {
		if (r->found[i] > FF_MATCH_LANDMARK) {
			r->found[kept++] = r->found[i];
			continue;
		}
		size_t index = (size_t)(FF_MATCH_LANDMARK - r->found[i]);
		enum ff_landmark_kind kind = ff_landmarks_at(r->landmarks, index)->kind;
		if (!r->sure && !ff_landmarks_stands(r->landmarks, index, line->text))
			continue;
		r->found[kept++] = r->found[i];
		r->landed |= ff_reading_landmark_matters(kind);
		*ret_harmless |= kind == FF_LANDMARK_HARMLESS || kind == FF_LANDMARK_NOTE;
		if (!believed(r, kind) || !ff_runs_due(run, ff_landmarks_at(r->landmarks, index), line->number))
			continue;
		if (sign_of_worker(kind))
			ff_shown_works(r->shown, line);
		run = ff_runs_landmark(r->runs, run, line, index);
		on_landmark(r, run, line, kind);
	}
	r->found_n = kept;
	return run;
}

// Letters only: what differs in its numbers was told already.
static bool told(struct ff_reading *r, struct ff_span text)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < text.n && i < 80; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			hash = (hash ^ (unsigned char)text.p[i]) * 16777619u;
	}
	uint32_t *slot = &r->told[hash % TOLD];
	bool before = *slot == hash;
	*slot = hash;
	return before;
}

// ---- lines ----

// True for a line that somebody else says, or that is only shown. What was said in a block that ended did not happen.
static bool set_aside(struct ff_reading *r, struct ff_run *run, const struct ff_line *line)
{
	enum ff_shown_step step = ff_shown_line(r->shown, line);
	if (step == FF_SHOWN_OPENED)
		r->shown_hurt = run->hurt;
	if (step == FF_SHOWN_CLOSED) {
		for (size_t i = r->shown_from; i < ff_events_count(r->events); i++)
			ff_events_outlive(r->events, i, line->number);
		run->hurt = r->shown_hurt;
	}
	if (step == FF_SHOWN_OPENED || step == FF_SHOWN_CLOSED)
		r->shown_from = ff_events_count(r->events);
	return step == FF_SHOWN_LINE || step == FF_SHOWN_CLOSED || ff_speech_told(r->speech, line->text);
}

// The line's own words say that something failed.
static bool words_of_failure(struct ff_reading *r, const struct ff_line *line)
{
	size_t at;
	return (line->level == FF_LEVEL_NONE || line->level >= FF_LEVEL_ERROR) &&
		ff_landmarks_any(r->landmarks, FF_LANDMARK_LAST, line->text, &at) &&
		!ff_speech_quoted(r->speech, line->text, at);
}

// One of the last lines of the log: where nothing else tells how its run went, this one may.
static void read_last(struct ff_reading *r, struct ff_run *run, const struct ff_line *line)
{
	const struct ff_event *e = ff_events_at(r->events, ff_events_current(r->events));
	if ((e && e->kind != FF_EVENT_LINE) || ff_events_source_code(r->events) || ff_shown_open(r->shown))
		return;
	if (ff_landmarks_any(r->landmarks, FF_LANDMARK_UNSAID, line->text, NULL) ||
		ff_landmarks_any(r->landmarks, FF_LANDMARK_ONWARD, line->text, NULL))
		ff_runs_last_words(run, 0, FF_EVENT_NO_INNER);
	else if (line->level >= FF_LEVEL_ERROR || words_of_failure(r, line))
		ff_runs_last_words(run, line->number, ff_events_place(r->events, line, false));
}

static void on_line(const struct ff_line *read, void *context)
{
	struct ff_reading *r = context;
	struct ff_line line = *read;
	struct ff_run *run = ff_runs_enter(r->runs, &line);
	size_t before = ff_events_count(r->events);
	bool harmless;
	line.run = run->id;
	if (line.drawn)
		ff_runs_last_words(run, 0, FF_EVENT_NO_INNER);
	// Another rank's bar is no part of what is open, and does not end it.
	if (line.drawn && (ff_events_busy(r->events, line.number) || ff_shown_open(r->shown)))
		return;
	if (set_aside(r, run, &line))
		return;
	ff_events_line(r->events, &line);
	r->meant = &line;
	r->message_of = FF_EVENT_NO_INNER;
	find(r, line.text);
	run = read_landmarks(r, run, &line, &harmless);
	line.run = run->id;
	r->context_only = ff_events_count(r->events) == before && line.level < FF_LEVEL_WARNING;
	confirm_signatures(r);
	remember(r);
	bool loud = line.level >= FF_LEVEL_ERROR && ff_events_current(r->events) == FF_EVENT_NO_INNER &&
		!ff_events_source_code(r->events);
	if (loud && !harmless && !told(r, line.text))
		ff_events_place(r->events, &line, false);
	if (r->last_from && line.number >= r->last_from && !harmless)
		read_last(r, run, &line);
	size_t after = ff_events_count(r->events);
	const struct ff_event *e = after > before ? ff_events_at(r->events, after - 1) : NULL;
	if (e && harmless && e->first == line.number)
		ff_events_harmless(r->events, after - 1, line.number);
	else if (e && !r->context_only) // no run waits for a sign of health because of what healthy ones say
		ff_runs_event(run, r->events, e, line.number);
}

static struct ff_error *take_error(struct ff_reading *r)
{
	struct ff_error *err = r->err;
	r->err = NULL;
	return err;
}

struct ff_error *ff_reading_line(struct ff_reading *r, struct ff_span raw, uint64_t number)
{
	r->landed = false;
	ff_liner_read(r->liner, raw, number, on_line, r);
	return take_error(r);
}

void ff_reading_last(struct ff_reading *r, uint64_t number)
{
	r->last_from = number;
}

bool ff_reading_landmark_matters(enum ff_landmark_kind kind)
{
	return kind != FF_LANDMARK_WORK && kind != FF_LANDMARK_HARMLESS && kind != FF_LANDMARK_REFUSED &&
		kind != FF_LANDMARK_LOAD && kind != FF_LANDMARK_NOTE;
}

bool ff_reading_landed(const struct ff_reading *r)
{
	return r->landed;
}

bool ff_reading_busy(const struct ff_reading *r, uint64_t number)
{
	return ff_events_busy(r->events, number) || ff_liner_goes_on(r->liner) || ff_shown_open(r->shown);
}

uint64_t ff_reading_state(const struct ff_reading *r, uint64_t number, bool *ret_begun)
{
	*ret_begun = false;
	if (ff_events_watched(r->events, number) || ff_liner_goes_on(r->liner))
		return FF_READING_WATCHED;
	return ff_events_state(r->events, number, ret_begun) * 2;
}

void ff_reading_break(struct ff_reading *r)
{
	ff_events_break(r->events);
}

bool ff_reading_waits(const struct ff_reading *r)
{
	return ff_runs_wait(r->runs);
}

bool ff_reading_works(struct ff_reading *r, struct ff_span raw)
{
	return ff_landmarks_any(r->landmarks, FF_LANDMARK_WORK, raw, NULL);
}

enum ff_landmark_kind ff_reading_landmark(const struct ff_reading *r, int what)
{
	return ff_landmarks_at(r->landmarks, (size_t)(FF_MATCH_LANDMARK - what))->kind;
}

// A pattern may reach over the lines of one message.
static void match_message(struct ff_reading *r, size_t index)
{
	const struct ff_event *e = ff_events_at(r->events, index);
	if (!e || e->kind != FF_EVENT_EXCEPTION || (!e->rejoined && !strchr(e->message, '\n')))
		return;
	_cleanup_buf_ struct ff_buf text = {0};
	ff_buf_printf(&text, "%s: %s", e->qualified, e->message);
	r->message_of = index;
	if (text.failed)
		return;
	find(r, (struct ff_span){text.p, text.n});
	confirm_signatures(r);
}

struct ff_error *ff_reading_end(struct ff_reading *r, uint64_t lines)
{
	struct ff_error *err = ff_liner_end(r->liner, lines, on_line, r);
	if (!err)
		err = ff_events_end(r->events);
	if (err)
		return err;
	for (size_t i = 0; i < ff_events_count(r->events) && !r->err; i++)
		match_message(r, i);
	for (size_t i = 0; i < ff_rules_signature_count(r->rules); i++)
		capture_rest(r, i);
	ff_runs_end(r->runs, r->events, lines);
	for (size_t i = 0; i < ff_runs_count(r->runs); i++)
		r->spoke |= ff_runs_at(r->runs, i)->end == FF_RUN_STOPPED;
	return take_error(r);
}

const struct ff_events *ff_reading_events(const struct ff_reading *r)
{
	return r->events;
}

const struct ff_runs *ff_reading_runs(const struct ff_reading *r)
{
	return r->runs;
}

const struct ff_hits *ff_reading_hits(const struct ff_reading *r, size_t signature)
{
	return r->hits[signature];
}

bool ff_reading_spoke(const struct ff_reading *r)
{
	return r->spoke;
}
