// Takes a line of a log apart: colours and control characters (escapes.c), carriage returns, wrappers of loggers and
// collectors (unwrap.c), the prefixes of prefix.c and the log's own (prefix_learned.c), and the bars that trees and
// boxes are drawn with. A prefix can stand before, inside and behind a wrapper, so the steps repeat a bounded number of
// times. What a container runtime wrote in parts is put together first. Where several files were printed one below the
// other (tail -n +1 slurm-*.out), each is a service of its own.
//
//	2026-01-02T03:04:05Z stdout F \e[36m(EngineCore_DP0 pid=164)\e[0m ERROR 01-02 03:04:05 [core.py:1] KeyError: 'x'
//	-> source "EngineCore_DP0 pid=164", level error, text "KeyError: 'x'"
#include "log/line.h"

#include "log/prefix.h"
#include "log/prefix_learned.h"
#include "log/unwrap.h"

#include <ctype.h>

enum { NESTING_MAX = 3, PIECES_MAX = 512, PARTS_MAX = 256 << 10 };

struct ff_liner {
	struct ff_prefixes *prefixes;
	struct ff_learner learner;
	enum ff_pretty pretty;
	// One a level of wrapping:
	struct ff_buf clean[NESTING_MAX + 1];
	struct ff_unwrapped unwrapped[NESTING_MAX + 1];
	// A line that arrives in parts:
	struct ff_buf parts, joined;
	bool goes_on;
	bool lost;
	// A log that was pasted indented:
	size_t indent;	   // of the lines so far, the least
	unsigned indented; // lines, as far as it matters
	char file[64];	   // the name in the head that tail put above these lines
};

struct reading {
	struct ff_liner *liner;
	uint64_t number;
	ff_line_fn *fn;
	void *context;
	unsigned pieces;
	bool drawn;		  // another piece is drawn over this one
	struct ff_prefix carried; // what the wrapper around said
};

struct ff_error *ff_liner_create(struct ff_liner **ret)
{
	struct ff_liner *liner = calloc(1, sizeof(*liner));
	if (!liner)
		return &ff_enomem;
	struct ff_error *err = ff_prefixes_create(&liner->prefixes);
	if (err) {
		free(liner);
		return err;
	}
	liner->indent = SIZE_MAX;
	*ret = liner;
	return NULL;
}

void ff_liner_destroy(struct ff_liner *liner)
{
	if (!liner)
		return;
	for (size_t i = 0; i <= NESTING_MAX; i++) {
		ff_buf_deinit(&liner->clean[i]);
		ff_buf_deinit(&liner->unwrapped[i].text);
	}
	ff_buf_deinit(&liner->parts);
	ff_buf_deinit(&liner->joined);
	ff_prefixes_destroy(liner->prefixes);
	free(liner);
}

bool ff_liner_goes_on(const struct ff_liner *liner)
{
	return liner->goes_on;
}

static void read_raw(struct reading *r, struct ff_span raw, unsigned depth);

// The lines of a wrapper, one level deeper.
static void read_lines(struct reading *r, struct ff_span rest, const struct ff_prefix *carried, unsigned depth)
{
	struct ff_span line;
	const struct ff_prefix before = r->carried;
	r->carried = *carried;
	if (!rest.p)
		rest.p = "";
	while (r->pieces < PIECES_MAX && ff_span_next(&rest, '\n', &line))
		read_raw(r, line, depth + 1);
	r->carried = before;
}

static void hold(struct ff_liner *liner, struct ff_span part)
{
	if (liner->parts.n + part.n <= PARTS_MAX)
		ff_buf_span(&liner->parts, part);
	liner->goes_on = true;
}

// True when the text is the last part of a line: then all of it has been read.
static bool read_parts(struct reading *r, struct ff_span last, const struct ff_prefix *carried, unsigned depth)
{
	struct ff_liner *liner = r->liner;
	if (!liner->parts.n || depth >= NESTING_MAX)
		return false;
	struct ff_buf swapped = liner->joined;
	ff_buf_span(&liner->parts, last);
	liner->joined = liner->parts;
	liner->parts = swapped;
	liner->parts.n = 0;
	liner->goes_on = false;
	read_lines(r, (struct ff_span){liner->joined.p, liner->joined.n}, carried, depth);
	return true;
}

static bool read_wrapped(struct reading *r, struct ff_span text, const struct ff_prefix *prefix, unsigned depth)
{
	struct ff_unwrapped *in = &r->liner->unwrapped[depth];
	enum ff_pretty inside = FF_PRETTY_NONE, *pretty = depth ? &inside : &r->liner->pretty;
	if (depth >= NESTING_MAX || !ff_unwrap(text, pretty, in))
		return false;
	struct ff_span inner = {in->text.p, in->text.n};
	struct ff_prefix carried = *prefix;
	carried.heads |= FF_HEAD_WRAPPED;
	if (in->level != FF_LEVEL_NONE)
		carried.level = in->level;
	if (in->part)
		hold(r->liner, inner);
	else if (!*pretty || inner.n)
		if (!read_parts(r, inner, &carried, depth))
			read_lines(r, inner, &carried, depth);
	return true;
}

// rich draws tracebacks in a box; what is in the box is the text.
static struct ff_span unbox(struct ff_span text)
{
	static const char bar[] = "\xe2\x94\x82"; // │
	if (!ff_span_starts(text, bar))
		return text;
	text.p += 3;
	text.n -= 3;
	while (text.n && isspace((unsigned char)text.p[text.n - 1]))
		text.n--;
	if (ff_span_ends(text, bar))
		text.n -= 3;
	while (text.n && isspace((unsigned char)text.p[text.n - 1]))
		text.n--;
	if (text.n && text.p[0] == ' ') {
		text.p++;
		text.n--;
	}
	return text;
}

// An ExceptionGroup draws its members behind bars: "  | Traceback ..."; above each stands "  +-+---- 1 ----", and below
// the last "    +--------", which is no more of its message.
static struct ff_span behind_bars(struct ff_span text)
{
	size_t i = 0, rule;
	while (i < text.n && text.p[i] == ' ')
		i++;
	for (rule = i; rule < text.n && text.p[rule] && strchr("+- 0123456789.", text.p[rule]);)
		rule++;
	if (i >= 2 && i + 1 < text.n && rule == text.n && text.p[i] == '+' && text.p[i + 1] == '-')
		return (struct ff_span){text.p + text.n, 0};
	if (i < 2 || i >= text.n || (text.p[i] != '|' && text.p[i] != '+') || (i + 1 < text.n && text.p[i + 1] != ' '))
		return text;
	size_t bars = i + 2 < text.n ? i + 2 : text.n;
	return (struct ff_span){text.p + bars, text.n - bars};
}

// "%|" of a progress bar, which hardly any line has.
static bool has_bar(struct ff_span text)
{
	const char *end = text.p + text.n, *p = text.p;
	while (p < end && (p = memchr(p, '%', (size_t)(end - p)))) {
		if (++p < end && *p == '|')
			return true;
	}
	return false;
}

// "==> slurm-12_3.out <==": what follows is of that file. Paths differ at their ends.
static void enter_file(struct ff_liner *liner, struct ff_span text)
{
	static const char opens[] = "==> ", closes[] = " <==";
	size_t n = sizeof(opens) - 1 + sizeof(closes) - 1;
	if (text.n <= n || !ff_span_starts(text, opens) || !ff_span_ends(text, closes))
		return;
	struct ff_span name = {text.p + sizeof(opens) - 1, text.n - n};
	size_t over = name.n < sizeof(liner->file) ? 0 : name.n - sizeof(liner->file) + 1;
	memcpy(liner->file, name.p + over, name.n - over);
	liner->file[name.n - over] = 0;
}

static void hand_out(struct reading *r, struct ff_span text, const struct ff_prefix *prefix, unsigned depth)
{
	static const struct ff_prefix nothing;
	read_parts(r, FF_SPAN(""), &nothing, depth); // the last part never came
	enter_file(r->liner, text);
	struct ff_line line = {
		.number = r->number,
		.source = {prefix->source, prefix->source_n},
		.service = prefix->service_n ? (struct ff_span){prefix->service, prefix->service_n}
					     : ff_span_of(r->liner->file),
		.level = prefix->level,
		.heads = prefix->heads,
		.quotes = prefix->quotes,
		.drawn = r->drawn && has_bar(text),
	};
	do {
		line.text = (struct ff_span){text.p, text.n < FF_LINE_MAX ? text.n : FF_LINE_MAX};
		text.p += line.text.n;
		text.n -= line.text.n;
		r->fn(&line, r->context);
	} while (text.n);
}

// How far the first such end of a bar goes, 0 when there is none. Each ends with the only bracket in it.
static size_t end_of_bar(struct ff_span text, const char *end)
{
	size_t n = strlen(end);
	for (const char *p = text.p; (p = memchr(p, ']', (size_t)(text.p + text.n - p))); p++) {
		if ((size_t)(p - text.p) + 1 >= n && memcmp(p + 1 - n, end, n) == 0)
			return (size_t)(p - text.p) + 1;
	}
	return 0;
}

// Length of a progress bar that something else was printed behind, 0 when there is none.
static size_t bar_length(struct ff_span text)
{
	static const char *const ends[] = {"it/s]", "s/it]", "B/s]"};
	if (!has_bar(text))
		return 0;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = end_of_bar(text, ends[i]);
		if (n && n < text.n && isalpha((unsigned char)text.p[n]) && has_bar((struct ff_span){text.p, n}))
			return n;
	}
	return 0;
}

// Without the indentation that all lines so far have. One line alone may be the source code below a frame.
static struct ff_span dedent(struct ff_liner *liner, struct ff_span text)
{
	enum { BLANKS_MIN = 4, LINES_MIN = 2 };
	size_t n = 0;
	while (n < text.n && (text.p[n] == ' ' || text.p[n] == '\t') && text.p[n] == text.p[0])
		n++;
	if (n == text.n)
		return text;
	liner->indent = n < liner->indent ? n : liner->indent;
	liner->indented += liner->indented < LINES_MIN;
	bool pasted = liner->indented == LINES_MIN && liner->indent >= (text.p[0] == '\t' ? 1 : BLANKS_MIN);
	size_t off = pasted ? liner->indent : 0;
	return (struct ff_span){text.p + off, text.n - off};
}

static void read_piece(struct reading *r, struct ff_span text, unsigned depth)
{
	r->pieces++;
	if (read_wrapped(r, text, &r->carried, depth))
		return;
	struct ff_prefix prefix = r->carried;
	prefix.part = 0;
	if (r->liner->unwrapped[depth].level != FF_LEVEL_NONE)
		prefix.level = r->liner->unwrapped[depth].level;
	struct ff_span rest = ff_prefixes_strip(r->liner->prefixes, text, &prefix);
	struct ff_span pasted = depth ? text : dedent(r->liner, text);
	if (rest.p == text.p && pasted.p != text.p)
		rest = ff_prefixes_strip(r->liner->prefixes, pasted, &prefix);
	if (prefix.part == 'P')
		hold(r->liner, rest);
	if (prefix.part == 'P' || (prefix.part == 'F' && read_parts(r, rest, &prefix, depth)))
		return;
	if (prefix.part)
		rest = ff_prefixes_strip(r->liner->prefixes, rest, &prefix);
	if (rest.p != text.p && read_wrapped(r, rest, &prefix, depth))
		return;
	char source[FF_LEARNED_MAX];
	size_t n;
	struct ff_span learned = ff_learner_strip(&r->liner->learner, rest, source, &n);
	ff_prefix_add_source(&prefix, (struct ff_span){source, n});
	if (learned.p != rest.p)
		rest = ff_prefixes_strip(r->liner->prefixes, learned, &prefix);
	size_t bar = bar_length(rest);
	if (bar)
		hand_out(r, (struct ff_span){rest.p, bar}, &prefix, depth);
	rest = (struct ff_span){rest.p + bar, rest.n - bar};
	hand_out(r, behind_bars(unbox(rest)), &prefix, depth);
}

static void read_raw(struct reading *r, struct ff_span raw, unsigned depth)
{
	struct ff_span piece;
	if (!raw.n)
		raw.p = "";
	while (raw.n && raw.p[raw.n - 1] == '\r')
		raw.n--;
	while (r->pieces < PIECES_MAX && ff_span_next(&raw, '\r', &piece)) {
		struct ff_buf *to = &r->liner->clean[depth];
		ff_line_clean(piece, to);
		r->liner->lost |= to->failed;
		r->drawn = raw.n > 0;
		read_piece(r, (struct ff_span){to->p ? to->p : "", to->n}, depth);
	}
}

void ff_liner_read(struct ff_liner *liner, struct ff_span raw, uint64_t number, ff_line_fn *fn, void *context)
{
	struct reading r = {.liner = liner, .number = number, .fn = fn, .context = context};
	read_raw(&r, raw, 0);
}

struct ff_error *ff_liner_end(struct ff_liner *liner, uint64_t number, ff_line_fn *fn, void *context)
{
	struct reading r = {.liner = liner, .number = number, .fn = fn, .context = context};
	read_parts(&r, FF_SPAN(""), &r.carried, 0);
	return liner->lost ? &ff_enomem : NULL;
}

enum ff_level ff_level_of(struct ff_span word)
{
	static const struct {
		const char *word;
		enum ff_level level;
	} levels[] = {
		{"D", FF_LEVEL_DEBUG},
		{"DEBUG", FF_LEVEL_DEBUG},
		{"TRACE", FF_LEVEL_DEBUG},
		{"7", FF_LEVEL_DEBUG},
		{"I", FF_LEVEL_INFO},
		{"INFO", FF_LEVEL_INFO},
		{"NOTICE", FF_LEVEL_INFO},
		{"6", FF_LEVEL_INFO},
		{"5", FF_LEVEL_INFO},
		{"W", FF_LEVEL_WARNING},
		{"WARN", FF_LEVEL_WARNING},
		{"WARNING", FF_LEVEL_WARNING},
		{"4", FF_LEVEL_WARNING},
		{"E", FF_LEVEL_ERROR},
		{"ERR", FF_LEVEL_ERROR},
		{"ERROR", FF_LEVEL_ERROR},
		{"3", FF_LEVEL_ERROR},
		{"EXCEPTION", FF_LEVEL_ERROR},
		{"F", FF_LEVEL_FATAL},
		{"C", FF_LEVEL_FATAL},
		{"FATAL", FF_LEVEL_FATAL},
		{"SEVERE", FF_LEVEL_ERROR},
		{"CRIT", FF_LEVEL_FATAL},
		{"CRITICAL", FF_LEVEL_FATAL},
		{"2", FF_LEVEL_FATAL},
		{"1", FF_LEVEL_FATAL},
		{"0", FF_LEVEL_FATAL},
		{"PANIC", FF_LEVEL_FATAL},
		{"DBG", FF_LEVEL_DEBUG},
		{"DEBU", FF_LEVEL_DEBUG},
		{"INF", FF_LEVEL_INFO},
		{"WRN", FF_LEVEL_WARNING},
		{"ERRO", FF_LEVEL_ERROR},
		{"FTL", FF_LEVEL_FATAL},
		{"FATA", FF_LEVEL_FATAL},
		{"PNC", FF_LEVEL_FATAL},
		{"PANI", FF_LEVEL_FATAL},
		{"ALERT", FF_LEVEL_FATAL},
		{"EMERG", FF_LEVEL_FATAL},
	};
	for (size_t i = 0; word.n && i < sizeof(levels) / sizeof(*levels); i++) {
		if (word.n == strlen(levels[i].word) && strncasecmp(word.p, levels[i].word, word.n) == 0)
			return levels[i].level;
	}
	return FF_LEVEL_NONE;
}
