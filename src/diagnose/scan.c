// Asks the signatures about a log, in chunks that end at line ends. The healthy bulk is only sieved (sieve.c): a line
// is read (reading.c) when the matcher found something in it, or while the event before it is still open. Signs of work
// are looked for while a run waits for one: from its beginning, and from an event on.
//
// What a log says over and over is read a few times only (repeat.c): of lines that differ from known ones in nothing
// but numbers, and of those where only context was found that has been found often enough, the last before the next new
// one, and the last of the chunk, are read. A line that opens something (a traceback) is known with what came of it,
// and so are the lines behind it, each by what was open before it: the scan walks over all of them in thought. Back
// from there it reads the last such passages, each from a line whose outcome does not depend on what was open before.
//
// Lines that begin like JSON are marked by the matcher, for their text is escaped.
#include "diagnose/scan.h"

#include "diagnose/look.h"
#include "diagnose/reading.h"
#include "diagnose/repeat.h"
#include "diagnose/sieve.h"
#include "log/chunk.h"
#include "log/said.h"

#include <stdlib.h>

enum { PUT_OFF = 4, AWAY_MAX = 1000, LAST_LINES = 3 };

struct place {
	size_t at; // start of the line
	uint64_t number;
};

struct ff_scan {
	struct ff_rules *rules;
	struct ff_chunks *chunks;
	struct ff_matcher *matcher, *own_matcher;
	struct ff_sieve *sieve;
	struct ff_looks *looks;
	struct ff_reading *reading;
	struct ff_said *said;
	struct ff_repeats *repeats;
	uint64_t line;	 // lines before the chunk
	bool unfinished; // the last line of the chunk lacks its newline
	struct ff_error *err;
	// While a chunk is scanned:
	struct ff_span bytes;
	struct place now;
	bool read;		       // that line has been read already
	struct place put_off[PUT_OFF]; // where passages of the chunk begin that told nothing new: the last ones
	size_t put_off_n;
	// While it walks over them:
	bool away;
	struct place next; // not yet walked over
	uint64_t state;	   // what is open there
	unsigned walked;   // lines behind the last of those places
	bool midway;	   // it began while something was open, ...
	struct place upto; // ... and these are the lines that may belong to it
};

// What only the bytes of a log need: rules, which are asked when all were read, need as much again.
static void read_no_more(struct ff_scan *scan)
{
	ff_chunks_destroy(scan->chunks);
	ff_sieve_destroy(scan->sieve);
	ff_looks_destroy(scan->looks);
	ff_matcher_destroy(scan->own_matcher);
	ff_repeats_destroy(scan->repeats);
	scan->chunks = NULL;
	scan->sieve = NULL;
	scan->looks = NULL;
	scan->own_matcher = NULL;
	scan->repeats = NULL;
}

void ff_scan_destroy(struct ff_scan *scan)
{
	if (!scan)
		return;
	read_no_more(scan);
	ff_reading_destroy(scan->reading);
	ff_said_destroy(scan->said);
	ff_error_destroy(scan->err);
	free(scan);
}

static ff_chunk_fn read_chunk;

struct ff_error *ff_scan_create(struct ff_rules *rules, struct ff_matcher *matcher, struct ff_scan **ret)
{
	_cleanup_scan_ struct ff_scan *scan = calloc(1, sizeof(*scan));
	if (!scan)
		return &ff_enomem;
	scan->rules = rules;
	scan->repeats = ff_repeats_create();
	struct ff_error *err = scan->repeats ? ff_said_create(&scan->said) : &ff_enomem;
	if (!err)
		err = ff_chunks_create(read_chunk, scan, &scan->chunks);
	if (!err && !matcher)
		err = ff_matcher_create(rules, &scan->own_matcher);
	scan->matcher = matcher ? matcher : scan->own_matcher;
	if (!err)
		err = ff_sieve_create(scan->matcher, &scan->sieve);
	if (!err)
		err = ff_reading_create(rules, scan->matcher, &scan->reading);
	if (!err)
		err = ff_looks_create(rules, scan->matcher, scan->reading, &scan->looks);
	if (!err)
		*ret = ff_take(&scan);
	return err;
}

// ---- the present line ----

static struct ff_span line_at(const struct ff_scan *scan, size_t at)
{
	return (struct ff_span){scan->bytes.p + at, ff_chunk_line_end(scan->bytes, at) - at};
}

// Read it, and remember what came of it.
static void read_as(struct ff_scan *scan, const struct ff_shape *shape)
{
	struct ff_outcome outcome;
	uint64_t number = scan->now.number, before = ff_reading_state(scan->reading, number, &outcome.begun);
	scan->read = true;
	scan->err = ff_reading_line(scan->reading, line_at(scan, scan->now.at), number);
	outcome.state = ff_reading_state(scan->reading, number + 1, &outcome.begun);
	outcome.begun |= !before;
	outcome.landmark = ff_reading_landed(scan->reading);
	if (before != FF_READING_WATCHED && outcome.state != FF_READING_WATCHED)
		ff_repeats_read(scan->repeats, before, shape, outcome);
}

// The shape of a line in which nothing was found: it matters for what is open.
static struct ff_shape plain_shape(const struct ff_scan *scan, struct ff_span line)
{
	uint64_t kind = ff_sieve_kind(scan->sieve, line);
	return (struct ff_shape){kind, kind};
}

static void read_line(struct ff_scan *scan)
{
	struct ff_shape shape = plain_shape(scan, line_at(scan, scan->now.at));
	read_as(scan, &shape);
}

static void skip(struct ff_scan *scan, struct place to)
{
	scan->now = to;
	scan->read = false;
}

static void next_line(struct ff_scan *scan)
{
	struct place next = scan->now;
	next.at = ff_chunk_line_next(scan->bytes, ff_chunk_line_end(scan->bytes, next.at), &next.number);
	skip(scan, next);
}

// ---- work ----

// Go to the next line that may be a sign of work, and read it if it is one; false when there is none before `to`.
static bool read_work(struct ff_scan *scan, struct place to)
{
	struct ff_sieve_place next;
	bool works = false;
	if (!ff_sieve_work(scan->sieve, scan->now.at, &next) || next.at >= to.at)
		return false;
	skip(scan, (struct place){next.at, scan->line + next.number + 1});
	struct ff_span line = line_at(scan, next.at);
	scan->err = ff_matcher_works(scan->matcher, line, &works);
	if (works && !scan->err && ff_reading_works(scan->reading, line))
		read_line(scan);
	else
		next_line(scan);
	return true;
}

// Go to the line that begins at `to`: what open events still need is read on the way, and the rest skipped.
static void go_to(struct ff_scan *scan, struct place to)
{
	while (scan->now.at < to.at && !scan->err) {
		if (scan->read) {
			next_line(scan);
		} else if (ff_reading_busy(scan->reading, scan->now.number)) {
			read_line(scan);
		} else if (!ff_reading_waits(scan->reading) || !read_work(scan, to)) {
			skip(scan, to);
		}
	}
}

// ---- what is said over and over ----

static void put_off(struct ff_scan *scan, struct place place)
{
	if (scan->put_off_n == PUT_OFF)
		memmove(scan->put_off, scan->put_off + 1, --scan->put_off_n * sizeof(*scan->put_off));
	scan->put_off[scan->put_off_n++] = place;
	scan->walked = 0;
}

// Back from lines that were only walked over: with `read` the last passages are read.
static void come_back(struct ff_scan *scan, bool read)
{
	if (!scan->away)
		return;
	scan->away = false;
	if (scan->midway)
		go_to(scan, scan->upto);
	if (scan->put_off_n || !read)
		ff_reading_break(scan->reading);
	for (size_t i = 0; i < scan->put_off_n && read && !scan->err; i++) {
		go_to(scan, scan->put_off[i]);
		if (!scan->read && !scan->err)
			read_line(scan);
	}
	scan->put_off_n = 0;
	go_to(scan, scan->next);
}

// Over the line that begins at that place and ends at `end`.
static void step(struct ff_scan *scan, struct place place, size_t end, struct ff_outcome outcome, bool told)
{
	if (!scan->away)
		scan->midway = !outcome.begun;
	if (outcome.begun && told)
		put_off(scan, place);
	scan->away = true;
	scan->state = outcome.state;
	scan->walked++;
	scan->next = place;
	scan->next.at = ff_chunk_line_next(scan->bytes, end, &scan->next.number);
	if (scan->midway && !scan->put_off_n)
		scan->upto = scan->next;
}

// The same if it is known; false when it is not. `told`: something was found in it.
static bool walk_over(struct ff_scan *scan, struct place place, size_t end, const struct ff_shape *shape, bool told)
{
	struct ff_outcome outcome;
	if (scan->walked > AWAY_MAX || !ff_repeats_known(scan->repeats, scan->state, shape, &outcome) ||
		outcome.landmark)
		return false;
	step(scan, place, end, outcome, told);
	return true;
}

// Over the lines before `to` as long as something is open in them.
static void walk_to(struct ff_scan *scan, struct place to)
{
	while (scan->away && scan->state && scan->next.at < to.at) {
		struct ff_span line = line_at(scan, scan->next.at);
		struct ff_shape shape = plain_shape(scan, line);
		if (!walk_over(scan, scan->next, scan->next.at + line.n, &shape, false))
			come_back(scan, true);
	}
}

// ---- lines that may matter ----

// What is open at a line, in thought or in truth.
static void arrive(struct ff_scan *scan, struct place place)
{
	bool begun;
	walk_to(scan, place);
	if (scan->away)
		return;
	if (ff_reading_busy(scan->reading, scan->now.number))
		go_to(scan, place);
	scan->state = ff_reading_state(scan->reading, place.number, &begun);
	scan->walked = 0;
}

static void read_sifted(struct ff_scan *scan, const struct ff_sifted *sifted)
{
	struct place place = {sifted->start, scan->line + sifted->number + 1};
	struct ff_look look;
	scan->err = ff_look(scan->looks, scan->bytes, sifted, &look);
	if (scan->err)
		return;
	if (look.settings)
		ff_said_settings(scan->said, scan->bytes, sifted->start, sifted->end);
	if (!look.any) {
		if (!sifted->digits && !look.settings)
			ff_sieve_forget(scan->sieve, sifted->kind);
		return;
	}
	arrive(scan, place);
	if (!look.unlike && !look.fresh && !scan->state) {
		step(scan, place, sifted->end, (struct ff_outcome){.begun = true}, true);
		return;
	}
	if (walk_over(scan, place, sifted->end, &look.shape, true))
		return;
	come_back(scan, scan->state || !ff_repeats_often(scan->repeats, scan->state, &look.shape));
	go_to(scan, place);
	if (!scan->read && !scan->err)
		read_as(scan, &look.shape);
}

// ---- the last lines ----

// Where the last lines begin that are not blank.
static struct place last_lines(const struct ff_scan *scan)
{
	struct ff_span text = scan->bytes;
	struct place place = {text.n, scan->line + 1};
	for (const char *p = text.p; (p = memchr(p, '\n', (size_t)(text.p + text.n - p))); p++)
		place.number++;
	for (int found = 0; place.at > 0 && found < LAST_LINES;) {
		const char *newline = memrchr(text.p, '\n', place.at - 1);
		size_t start = newline ? (size_t)(newline - text.p) + 1 : 0;
		place.number -= text.p[place.at - 1] == '\n';
		found += ff_span_trim((struct ff_span){text.p + start, place.at - start}).n > 0;
		place.at = start;
	}
	return place;
}

// They are read whatever stands in them: a program may say in any words why it ended.
static void read_last(struct ff_scan *scan, struct place from)
{
	go_to(scan, from);
	while (scan->now.at < scan->bytes.n && !scan->err) {
		if (!scan->read)
			read_line(scan);
		next_line(scan);
	}
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
	const struct ff_sifted *sifted = NULL;
	size_t n = 0;
	ff_said_read(scan->said, lines);
	scan->bytes = lines;
	skip(scan, (struct place){0, scan->line + 1});
	scan->away = false;
	scan->err = ff_sieve_begin(scan->sieve, lines);
	bool ends = ff_chunks_last(scan->chunks);
	struct place last = ends ? last_lines(scan) : (struct place){0};
	ff_reading_last(scan->reading, last.number);
	do {
		if (!scan->err)
			scan->err = ff_sieve_next(scan->sieve, &sifted, &n);
		for (size_t i = 0; i < n && !scan->err; i++)
			read_sifted(scan, &sifted[i]);
	} while (n && !scan->err);
	walk_to(scan, (struct place){lines.n, 0});
	come_back(scan, true);
	if (ends)
		read_last(scan, last);
	go_to(scan, (struct place){lines.n, scan->line + ff_sieve_newlines(scan->sieve) + 1});
	scan->line = scan->now.number - 1;
	scan->unfinished = lines.n && lines.p[lines.n - 1] != '\n';
	return take_error(scan);
}

struct ff_error *ff_scan_feed(struct ff_scan *scan, const char *bytes, size_t n)
{
	return ff_chunks_feed(scan->chunks, bytes, n);
}

char *ff_scan_room(struct ff_scan *scan, size_t *ret_n)
{
	return ff_chunks_room(scan->chunks, ret_n);
}

struct ff_error *ff_scan_filled(struct ff_scan *scan, size_t n)
{
	return ff_chunks_filled(scan->chunks, n);
}

struct ff_error *ff_scan_end(struct ff_scan *scan)
{
	struct ff_error *err = ff_chunks_end(scan->chunks);
	if (err)
		return err;
	scan->line += scan->unfinished;
	err = ff_reading_end(scan->reading, scan->line);
	if (ff_chunks_docker(scan->chunks))
		ff_said_docker(scan->said);
	read_no_more(scan);
	return err;
}

// ---- what was found ----

const struct ff_events *ff_scan_events(const struct ff_scan *scan)
{
	return ff_reading_events(scan->reading);
}

const struct ff_runs *ff_scan_runs(const struct ff_scan *scan)
{
	return ff_reading_runs(scan->reading);
}

const struct ff_hit *ff_scan_hits(const struct ff_scan *scan, size_t signature, size_t *ret_n, uint64_t *ret_total)
{
	const struct ff_hits *hits = ff_reading_hits(scan->reading, signature);
	*ret_n = hits ? hits->n : 0;
	if (ret_total)
		*ret_total = hits ? hits->total : 0;
	return hits ? hits->list : NULL;
}

struct ff_error *ff_scan_said(struct ff_scan *scan, json_t **ret)
{
	return ff_said_finish(scan->said, ff_scan_events(scan), ret);
}

bool ff_scan_spoke(const struct ff_scan *scan)
{
	return ff_reading_spoke(scan->reading);
}

uint64_t ff_scan_lines(const struct ff_scan *scan)
{
	return scan->line;
}
