// Asks the signatures about a log, in chunks that end at line ends. The healthy bulk is only scanned: a line is taken apart when the
// matcher found something in it, or while the event before it is still open. Signs of work are looked for while a run waits for
// one: from its beginning, and from an event on.
//
// What a log says over and over is read a few times only: of lines that differ from known ones in nothing but numbers, and of those where
// only context was found that has been found often enough, the last before the next new one, and the last of the chunk, are read.
//
// Lines that begin like JSON are marked by the matcher, for their text is escaped.
#include "diagnose/scan.h"

#include "diagnose/repeat.h"
#include "log/chunk.h"
#include "log/said.h"

enum { TEXT_MAX = 2000, FOUND_MAX = 512, TOLD = 256, PUT_OFF = 4 };

struct ff_scan {
	struct ff_rules *rules;
	struct ff_chunks *chunks;
	struct ff_matcher *matcher;
	struct ff_liner *liner;
	struct ff_events *events;
	struct ff_landmarks *landmarks;
	struct ff_runs *runs;
	struct ff_hits **hits; // by signature, made when needed
	uint32_t *candidates;  // offsets into the chunk, one a line
	uint64_t line;	       // lines before the chunk
	bool unfinished;       // the last line of the chunk lacks its newline
	struct ff_error *err;
	// While a chunk is scanned:
	struct ff_span bytes;
	size_t at;	 // start of the line `number`
	uint64_t number; // of the line at `at`
	bool reading;	 // that line has been read already
	size_t work;	 // offset of the next sign of work, as far as it was looked for; the chunk's length for none
	// While a line is matched:
	const struct ff_line *meant;
	struct ff_span subject;
	size_t message_of; // event whose message is matched, FF_EVENT_NO_INNER for a line
	unsigned matched;
	int *found; // what may stand in the subject: signatures and landmarks, each once
	size_t found_n;
	unsigned *landmark_seen; // the subject that a landmark was last found in
	bool spoke;		 // a signature that is no context has a hit
	uint32_t told[TOLD];	 // hashes of lines that call themselves errors, as far as they are remembered
	struct ff_said *said;
	struct ff_repeats *repeats;
	uint32_t put_off[PUT_OFF]; // starts of lines of the chunk that told nothing new: the last ones
	size_t put_off_n;
};

void ff_scan_destroy(struct ff_scan *scan)
{
	if (!scan)
		return;
	for (size_t i = 0; scan->hits && i < ff_rules_signature_count(scan->rules); i++)
		ff_hits_destroy(scan->hits[i]);
	free(scan->hits);
	ff_chunks_destroy(scan->chunks);
	free(scan->candidates);
	ff_matcher_destroy(scan->matcher);
	ff_said_destroy(scan->said);
	ff_repeats_destroy(scan->repeats);
	ff_liner_destroy(scan->liner);
	ff_events_destroy(scan->events);
	ff_runs_destroy(scan->runs);
	ff_landmarks_destroy(scan->landmarks);
	free(scan->found);
	free(scan->landmark_seen);
	ff_error_destroy(scan->err);
	free(scan);
}

static ff_chunk_fn read_chunk;

struct ff_error *ff_scan_create(struct ff_rules *rules, struct ff_scan **ret)
{
	_cleanup_scan_ struct ff_scan *scan = calloc(1, sizeof(*scan));
	if (!scan)
		return &ff_enomem;
	scan->rules = rules;
	scan->hits = calloc(ff_rules_signature_count(rules) + 1, sizeof(*scan->hits));
	// A line has at least two bytes with its newline, and a shorter one matches nothing.
	scan->candidates = calloc(FF_CHUNK_MAX / 2 + 1, sizeof(*scan->candidates));
	scan->repeats = ff_repeats_create();
	struct ff_error *err =
		scan->hits && scan->candidates && scan->repeats ? ff_said_create(&scan->said) : &ff_enomem;
	if (!err)
		err = ff_chunks_create(read_chunk, scan, &scan->chunks);
	if (!err)
		err = ff_matcher_create(rules, &scan->matcher);
	if (!err)
		err = ff_liner_create(&scan->liner);
	if (!err)
		err = ff_events_create(&scan->events);
	if (!err)
		err = ff_landmarks_create(&scan->landmarks);
	if (!err)
		err = ff_runs_create(scan->landmarks, &scan->runs);
	scan->found = calloc(FOUND_MAX, sizeof(*scan->found));
	if (!err)
		scan->landmark_seen = calloc(ff_landmarks_count(scan->landmarks) + 1, sizeof(*scan->landmark_seen));
	if (!err && (!scan->found || !scan->landmark_seen))
		err = &ff_enomem;
	if (!err)
		*ret = ff_take(&scan);
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

static void add_hit(struct ff_scan *scan, size_t signature, const struct ff_regex *regex, const struct ff_match *m)
{
	bool message = scan->message_of != FF_EVENT_NO_INNER;
	// Context is common in healthy logs ("Loading checkpoint shards: 100%"): it alone must not have line after line read.
	bool context = ff_rules_signature_at(scan->rules, signature)->context;
	if (!message && ff_events_source_code(scan->events) && !context)
		return;
	bool read_on = !context && !message && ff_hits_read_on(scan->hits[signature], scan->meant->number);
	size_t event = message ? scan->message_of : ff_events_place(scan->events, scan->meant, read_on);
	if (event == FF_EVENT_NO_INNER || (message && ff_hits_of_event(scan->hits[signature], event)))
		return;
	struct ff_hit *hit = ff_hits_add(&scan->hits[signature]);
	if (!hit)
		return;
	scan->spoke |= !context;
	struct ff_span text = scan->subject;
	if (text.n > TEXT_MAX)
		text.n = TEXT_MAX;
	const struct ff_event *e = ff_events_at(scan->events, event);
	*hit = (struct ff_hit){.signature = signature,
		.event = event,
		.line = message && e ? e->first : scan->meant->number,
		.text = ff_span_dup(text),
		.captures = captures_of(regex, m)};
}

// A candidate of the matcher in a line or message; it may report one more than once.
static void on_candidate(int what, size_t end, void *context)
{
	struct ff_scan *scan = context;
	(void)end;
	if (what == FF_MATCH_STRUCTURE || scan->found_n == FOUND_MAX)
		return;
	unsigned *seen = what <= FF_MATCH_LANDMARK ? &scan->landmark_seen[FF_MATCH_LANDMARK - what]
						   : &ff_rules_signature_at(scan->rules, (size_t)what)->seen;
	if (*seen != scan->matched)
		scan->found[scan->found_n++] = what;
	*seen = scan->matched;
}

static void find(struct ff_scan *scan, struct ff_span subject)
{
	scan->subject = subject;
	scan->matched++;
	scan->found_n = 0;
	struct ff_error *err = ff_matcher_scan(scan->matcher, subject, on_candidate, scan);
	if (scan->err)
		ff_error_destroy(err);
	else
		scan->err = err;
}

// PCRE2 decides.
static void confirm_signatures(struct ff_scan *scan)
{
	for (size_t i = 0; i < scan->found_n && !scan->err; i++) {
		if (scan->found[i] < 0)
			continue;
		size_t index = (size_t)scan->found[i];
		struct ff_signature *s = ff_rules_signature_at(scan->rules, index);
		if (!ff_rules_at(scan->rules, s->rule)->id)
			continue; // replaced by a user's rule
		if (!s->regex)
			scan->err = ff_regex_create(s->pattern, true, false, &s->regex);
		struct ff_match m;
		if (s->regex && ff_regex_match(s->regex, scan->subject, 0, &m))
			add_hit(scan, index, s->regex, &m);
	}
}

// ---- runs ----

// What a landmark does besides being seen by its run.
static void on_landmark(
	struct ff_scan *scan, struct ff_run *run, const struct ff_line *line, enum ff_landmark_kind kind)
{
	switch (kind) {
	case FF_LANDMARK_READY:
	case FF_LANDMARK_WORK:
	case FF_LANDMARK_FINISHED:
		ff_events_progress(scan->events, run->id, line->number);
		run->ailing = run->hurt = false;
		break;
	case FF_LANDMARK_DIED:
		ff_events_raise(scan->events, ff_events_place(scan->events, line, false), FF_LEVEL_ERROR);
		break;
	case FF_LANDMARK_STOPPED:
		ff_runs_stopped(run, line->number, ff_events_place(scan->events, line, false));
		break;
	case FF_LANDMARK_IGNORED:
		ff_events_ignore_next(scan->events, line);
		break;
	default:
		break;
	}
}

// A landmark that stands in the line of an exception, or in source code, tells of something else; an end can be one. What follows
// an exception without a blank line may be read as more of its message, and is none.
static bool believed(const struct ff_scan *scan, enum ff_landmark_kind kind)
{
	bool end = kind == FF_LANDMARK_STOPPED || kind == FF_LANDMARK_DIED || kind == FF_LANDMARK_IGNORED;
	bool own = ff_events_current(scan->events) == FF_EVENT_NO_INNER || ff_events_in_message(scan->events);
	return !ff_events_source_code(scan->events) && (end || own);
}

// Returns the run that goes on. *ret_harmless: the line says itself that it does not matter.
static struct ff_run *read_landmarks(
	struct ff_scan *scan, struct ff_run *run, const struct ff_line *line, bool *ret_harmless)
{
	*ret_harmless = false;
	for (size_t i = 0; i < scan->found_n; i++) {
		if (scan->found[i] > FF_MATCH_LANDMARK)
			continue;
		size_t index = (size_t)(FF_MATCH_LANDMARK - scan->found[i]);
		enum ff_landmark_kind kind = ff_landmarks_at(scan->landmarks, index)->kind;
		if (!ff_landmarks_stands(scan->landmarks, index, line->text))
			continue;
		*ret_harmless |= kind == FF_LANDMARK_HARMLESS || kind == FF_LANDMARK_NOTE;
		if (!believed(scan, kind))
			continue;
		run = ff_runs_landmark(scan->runs, run, line, index);
		on_landmark(scan, run, line, kind);
	}
	return run;
}

// Letters only: what differs in its numbers was told already.
static bool told(struct ff_scan *scan, struct ff_span text)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < text.n && i < 80; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			hash = (hash ^ (unsigned char)text.p[i]) * 16777619u;
	}
	uint32_t *slot = &scan->told[hash % TOLD];
	bool before = *slot == hash;
	*slot = hash;
	return before;
}

// ---- lines ----

static void on_line(const struct ff_line *read, void *context)
{
	struct ff_scan *scan = context;
	struct ff_line line = *read;
	struct ff_run *run = ff_runs_enter(scan->runs, &line);
	size_t before = ff_events_count(scan->events);
	bool harmless;
	line.run = run->id;
	ff_events_line(scan->events, &line);
	scan->meant = &line;
	scan->message_of = FF_EVENT_NO_INNER;
	find(scan, line.text);
	run = read_landmarks(scan, run, &line, &harmless);
	line.run = run->id;
	confirm_signatures(scan);
	bool loud = line.level >= FF_LEVEL_ERROR && ff_events_current(scan->events) == FF_EVENT_NO_INNER &&
		!ff_events_source_code(scan->events);
	if (loud && !harmless && !told(scan, line.text))
		ff_events_place(scan->events, &line, false);
	size_t after = ff_events_count(scan->events);
	const struct ff_event *e = after > before ? ff_events_at(scan->events, after - 1) : NULL;
	if (e && harmless && e->first == line.number)
		ff_events_outlive(scan->events, after - 1, line.number);
	else if (e) {
		run->ailing = true;
		run->hurt |= e->level >= FF_LEVEL_ERROR;
	}
}

static size_t line_end(const struct ff_scan *scan, size_t from)
{
	const char *newline = memchr(scan->bytes.p + from, '\n', scan->bytes.n - from);
	return newline ? (size_t)(newline - scan->bytes.p) : scan->bytes.n;
}

static void read_line(struct ff_scan *scan)
{
	scan->reading = true;
	ff_liner_read(scan->liner, (struct ff_span){scan->bytes.p + scan->at, line_end(scan, scan->at) - scan->at},
		scan->number, on_line, scan);
}

static uint64_t count_lines(struct ff_span s)
{
	uint64_t n = 0;
	const char *p = s.p, *end = s.p + s.n;
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		n++;
		p++;
	}
	return n;
}

// To the line that begins at `to`.
static void skip(struct ff_scan *scan, size_t to)
{
	scan->number += count_lines((struct ff_span){scan->bytes.p + scan->at, to - scan->at});
	scan->at = to;
	scan->reading = false;
}

static void next_line(struct ff_scan *scan)
{
	size_t end = line_end(scan, scan->at);
	skip(scan, end < scan->bytes.n ? end + 1 : end);
}

static size_t line_start(const struct ff_scan *scan, size_t offset)
{
	const char *newline = memrchr(scan->bytes.p + scan->at, '\n', offset - scan->at);
	return newline ? (size_t)(newline - scan->bytes.p) + 1 : scan->at;
}

// The first sign of work that does not stand before the present line.
static size_t next_work(struct ff_scan *scan)
{
	if (scan->at < scan->work)
		return scan->work;
	size_t found = 0;
	struct ff_span rest = {scan->bytes.p + scan->at, scan->bytes.n - scan->at};
	scan->err = ff_matcher_work(scan->matcher, rest, &found);
	scan->work = scan->at + found;
	return scan->work;
}

// Go to that sign's line and read it, if it is one.
static void read_work(struct ff_scan *scan)
{
	skip(scan, line_start(scan, scan->work));
	struct ff_span line = {scan->bytes.p + scan->at, line_end(scan, scan->at) - scan->at};
	if (ff_landmarks_any(scan->landmarks, FF_LANDMARK_WORK, line))
		read_line(scan);
	else
		next_line(scan);
}

// The next line is needed, whatever stands in it.
static bool busy(const struct ff_scan *scan)
{
	return ff_events_busy(scan->events, scan->number) || ff_liner_goes_on(scan->liner);
}

// Go to the line that begins at `to`: what open events still need is read on the way, and the rest skipped.
static void go_to(struct ff_scan *scan, size_t to)
{
	while (scan->at < to && !scan->err) {
		if (scan->reading) {
			next_line(scan);
		} else if (busy(scan)) {
			read_line(scan);
		} else if (ff_runs_wait(scan->runs) && next_work(scan) < to) {
			read_work(scan);
		} else {
			skip(scan, to);
		}
	}
}

struct candidates {
	struct ff_scan *scan;
	size_t n, line_to; // where the last line known ends
};

// Matches come in order of their ends; several in one line are one candidate.
static void on_raw(int what, size_t end, void *context)
{
	struct candidates *c = context;
	(void)what;
	size_t offset = end ? end - 1 : 0;
	if ((c->n && offset < c->line_to) || c->n > FF_CHUNK_MAX / 2)
		return;
	c->line_to = line_end(c->scan, offset);
	c->scan->candidates[c->n++] = (uint32_t)offset;
}

struct found {
	const struct ff_scan *scan;
	bool any;      // something to be read
	bool fresh;    // more than context that has been found often enough
	bool unlike;   // a landmark that each line stands for itself with
	bool marked;   // what its numbers say may matter
	uint64_t what; // of all that was found
};

static void on_landmark_found(enum ff_landmark_kind kind, struct found *found)
{
	bool quiet = kind == FF_LANDMARK_WORK || kind == FF_LANDMARK_HARMLESS;
	found->any |= !quiet;
	found->unlike |= !quiet && kind != FF_LANDMARK_LOAD && kind != FF_LANDMARK_NOTE;
}

static void on_match(int what, size_t end, void *context)
{
	struct found *found = context;
	const struct ff_scan *scan = found->scan;
	(void)end;
	found->what |= 1ull << ((unsigned)what * 2654435769u >> 26);
	if (what <= FF_MATCH_LANDMARK) {
		on_landmark_found(ff_landmarks_at(scan->landmarks, (size_t)(FF_MATCH_LANDMARK - what))->kind, found);
		return;
	}
	found->any = true;
	found->marked |= what == FF_MATCH_STRUCTURE;
	found->fresh |= what == FF_MATCH_STRUCTURE || !ff_rules_signature_at(scan->rules, (size_t)what)->context ||
		!ff_hits_sated(scan->hits[what]);
}

// A candidate came through the filter only.
static struct found look(struct ff_scan *scan, size_t start, struct ff_span *ret_line)
{
	size_t end = line_end(scan, start);
	struct found found = {.scan = scan};
	*ret_line = (struct ff_span){
		scan->bytes.p + start, (end < scan->bytes.n ? end + 1 : end) - start}; // a pattern may want the newline
	scan->err = ff_matcher_scan(scan->matcher, *ret_line, on_match, &found);
	return found;
}

static void read_at(struct ff_scan *scan, size_t start)
{
	go_to(scan, start);
	if (!scan->reading && !scan->err)
		read_line(scan);
}

static void put_off(struct ff_scan *scan, size_t start)
{
	if (scan->put_off_n == PUT_OFF)
		memmove(scan->put_off, scan->put_off + 1, (size_t)(--scan->put_off_n) * sizeof(*scan->put_off));
	scan->put_off[scan->put_off_n++] = (uint32_t)start;
}

static void read_put_off(struct ff_scan *scan)
{
	for (size_t i = 0; i < scan->put_off_n; i++)
		read_at(scan, scan->put_off[i]);
	scan->put_off_n = 0;
}

static void read_candidate(struct ff_scan *scan, size_t start)
{
	struct ff_span line;
	struct found found = look(scan, start, &line);
	if (!found.any || scan->err)
		return;
	uint64_t shape = ff_repeats_shape(line, found.what, found.marked);
	if (!found.unlike && (!found.fresh || ff_repeats_known(scan->repeats, shape))) {
		put_off(scan, start);
		return;
	}
	if (!ff_repeats_often(scan->repeats, shape))
		read_put_off(scan);
	scan->put_off_n = 0;
	read_at(scan, start);
	ff_repeats_read(scan->repeats, shape, !ff_events_unfinished(scan->events) && !ff_liner_goes_on(scan->liner));
}

static struct ff_error *take_error(struct ff_scan *scan)
{
	struct ff_error *err = scan->err;
	scan->err = NULL;
	return err;
}

static struct ff_error *read_chunk(struct ff_span lines, void *context)
{
	struct ff_scan *scan = context;
	ff_said_read(scan->said, lines);
	scan->bytes = lines;
	scan->at = scan->work = 0;
	scan->number = scan->line + 1;
	scan->reading = false;
	struct candidates c = {.scan = scan};
	scan->err = ff_matcher_sift(scan->matcher, scan->bytes, on_raw, &c);
	for (size_t i = 0; i < c.n && !scan->err; i++)
		read_candidate(scan, line_start(scan, scan->candidates[i]));
	read_put_off(scan);
	go_to(scan, scan->bytes.n);
	scan->line = scan->number - 1;
	scan->unfinished = lines.n && lines.p[lines.n - 1] != '\n';
	return take_error(scan);
}

struct ff_error *ff_scan_feed(struct ff_scan *scan, const char *bytes, size_t n)
{
	return ff_chunks_feed(scan->chunks, bytes, n);
}

// A pattern may reach over the lines of one message.
static void match_message(struct ff_scan *scan, size_t index)
{
	const struct ff_event *e = ff_events_at(scan->events, index);
	if (!e || e->kind != FF_EVENT_EXCEPTION || (!e->rejoined && !strchr(e->message, '\n')))
		return;
	_cleanup_buf_ struct ff_buf text = {0};
	ff_buf_printf(&text, "%s: %s", e->qualified, e->message);
	scan->message_of = index;
	if (text.failed)
		return;
	find(scan, (struct ff_span){text.p, text.n});
	confirm_signatures(scan);
}

struct ff_error *ff_scan_end(struct ff_scan *scan)
{
	struct ff_error *err = ff_chunks_end(scan->chunks);
	if (err)
		return err;
	scan->line += scan->unfinished;
	err = ff_liner_end(scan->liner, scan->line, on_line, scan);
	if (!err)
		err = ff_events_end(scan->events);
	if (err)
		return err;
	for (size_t i = 0; i < ff_events_count(scan->events) && !scan->err; i++)
		match_message(scan, i);
	ff_runs_end(scan->runs, scan->events, scan->line);
	for (size_t i = 0; i < ff_runs_count(scan->runs); i++)
		scan->spoke |= ff_runs_at(scan->runs, i)->end == FF_RUN_STOPPED;
	return take_error(scan);
}

const struct ff_events *ff_scan_events(const struct ff_scan *scan)
{
	return scan->events;
}

const struct ff_runs *ff_scan_runs(const struct ff_scan *scan)
{
	return scan->runs;
}

const struct ff_hit *ff_scan_hits(const struct ff_scan *scan, size_t signature, size_t *ret_n, uint64_t *ret_total)
{
	const struct ff_hits *hits = scan->hits[signature];
	*ret_n = hits ? hits->n : 0;
	if (ret_total)
		*ret_total = hits ? hits->total : 0;
	return hits ? hits->list : NULL;
}

struct ff_error *ff_scan_said(struct ff_scan *scan, json_t **ret)
{
	return ff_said_finish(scan->said, scan->events, ret);
}

bool ff_scan_spoke(const struct ff_scan *scan)
{
	return scan->spoke;
}

uint64_t ff_scan_lines(const struct ff_scan *scan)
{
	return scan->line;
}
