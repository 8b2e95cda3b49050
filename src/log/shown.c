// Finds texts of several lines that a worker's log only shows: what a model answered, a file that was printed, a mail.
//
//	```                                                       a block of markdown, to the next ```
//	<|assistant|>                                             a turn of a chat template, to its end or the next turn
//	=== Response ===                                          a heading in a frame, to the next one
//	Response:                                                 a heading, to the next turn of who asks
//	commit 5f0c1d2                                            git's log: what is indented below
//	> RuntimeError: CUDA error                                a quotation
//
// How it lies: people send whole logs in such a block or quotation. In those nothing stands outside that a worker
// writes, so a block counts only where the log has spoken before it; one that was sent may hold blocks in turn. A model
// can stop in the middle of a block: one that is not closed counts as none, and so does one with a line of the log's
// own logger in it. A carrier can write each line as a logger does: then its prefix stands before the first line too.
#include "log/shown.h"

#include "base/regex.h"

#include <stdlib.h>

enum { LINES_MAX = 200 };

static const struct {
	const char *first; // what may stand first where it opens
	const char *open, *close;
	bool sure;  // each line within is shown, whether it ends or not; what ends it is the log's own
	bool again; // what ends one may begin the next
} rows[] = {
	{"` \t\n\v\f\r", "\\s{0,3}```\\w*\\s*$", "\\s{0,3}```\\s*$"},
	{"<", "<\\|(?:im_start\\|>)?(?:assistant|user|system)\\b",
		"<\\|(?:end|im_end|im_start|eot_id|endoftext|assistant|user|system)\\b", .again = true},
	{"=#*-", "[=#*-]{3,} ?(?:model |generated )?(?:response|answer|completion|output|prompt|text) ?[=#*-]{3,}$",
		"[=#*-]{3,}(?: ?[\\w ]+ ?[=#*-]{3,})?$", .again = true},
	// A heading alone; the next turn, or how fast it was said, shows that the program went on
	{"RrAaGgMmCcOo#[",
		"(?:#{1,4} ?|\\[)?(?:(?:model|generated) )?(?:response|assistant|answer|completion|generated(?: "
		"text)?|output|text)\\]?:?\\s*$",
		"(?:#{1,4} ?|\\[)?(?:prompt|input|user|human|question|instruction|reference|expected|ground truth)(?: "
		"\\d+)?\\]?(?::|$)|.*\\b(?:tokens?/s|tokens? per second|generated \\d+ (?:new )?tokens)\\b"},
	{"Cc", "commit [0-9a-f]{7,40}(?: \\([^)]*\\))?$", "(?!\\s|Author:|Date:|Merge:|AuthorDate:|Commit)\\S",
		.sure = true},
};

enum { ROWS = sizeof(rows) / sizeof(*rows), OUTSIDE = 0, WITHIN = 1 };

// A block that is open.
struct block {
	size_t row;
	unsigned lines; // 0 for none
	uint64_t heads; // what stood before its first line
};

// How the log itself speaks. A level alone does not tell: a carrier may give each line one.
struct voice {
	bool works;	 // it said what only a worker's log says, ...
	unsigned quotes; // ... behind so many marks of a quotation
	uint64_t levels; // what stood before lines with a level
	uint64_t heads;	 // what stood before any line
};

struct ff_shown {
	struct ff_regex *open[ROWS], *close[ROWS];
	struct block sent;     // opened before the log spoke: it may have been sent in it
	struct block block;    // what it shows
	struct voice voice[2]; // outside of what was sent in a block, and in it
};

void ff_shown_destroy(struct ff_shown *shown)
{
	for (size_t i = 0; shown && i < ROWS; i++) {
		ff_regex_destroy(shown->open[i]);
		ff_regex_destroy(shown->close[i]);
	}
	free(shown);
}

struct ff_error *ff_shown_create(struct ff_shown **ret)
{
	struct ff_shown *shown = calloc(1, sizeof(*shown));
	struct ff_error *err = shown ? NULL : &ff_enomem;
	for (size_t i = 0; i < ROWS && !err; i++) {
		err = ff_regex_create_late(rows[i].open, true, true, &shown->open[i]);
		if (!err)
			err = ff_regex_create_late(rows[i].close, true, true, &shown->close[i]);
	}
	if (err)
		ff_shown_destroy(shown);
	else
		*ret = shown;
	return err;
}

static struct voice *voice_of(struct ff_shown *shown)
{
	return &shown->voice[shown->sent.lines ? WITHIN : OUTSIDE];
}

static bool ends(const struct ff_shown *shown, const struct block *block, const struct ff_line *line)
{
	struct ff_match m;
	return block->lines && ff_regex_match(shown->close[block->row], line->text, 0, &m);
}

// True where a block begins.
static bool begins(const struct ff_shown *shown, const struct ff_line *line, struct block *ret)
{
	struct ff_match m;
	for (size_t i = 0; i < ROWS; i++) {
		if (line->text.n && strchr(rows[i].first, line->text.p[0]) &&
			ff_regex_match(shown->open[i], line->text, 0, &m)) {
			*ret = (struct block){.row = i, .lines = 1, .heads = line->heads};
			return true;
		}
	}
	return false;
}

static enum ff_shown_step within(struct ff_shown *shown, const struct ff_line *line)
{
	struct block *block = &shown->block;
	bool sure = rows[block->row].sure, closed = ends(shown, block, line);
	uint64_t own = line->heads & ~block->heads & voice_of(shown)->heads;
	bool lost = !closed && ((line->level != FF_LEVEL_NONE && own) || ++block->lines > LINES_MAX);
	if (lost || (closed && (!rows[block->row].again || !begins(shown, line, block))))
		block->lines = 0;
	if (lost || (closed && sure))
		return FF_SHOWN_NOT;
	return closed ? FF_SHOWN_CLOSED : sure ? FF_SHOWN_LINE : FF_SHOWN_WITHIN;
}

static void hear(struct voice *voice, const struct ff_line *line)
{
	bool first = !voice->works && !voice->levels;
	if (first || line->quotes < voice->quotes)
		voice->quotes = line->quotes;
}

enum ff_shown_step ff_shown_line(struct ff_shown *shown, const struct ff_line *line)
{
	struct block begun;
	if (shown->block.lines)
		return within(shown, line);
	if (ends(shown, &shown->sent, line)) {
		shown->sent.lines = 0;
		shown->voice[WITHIN] = (struct voice){0};
		return FF_SHOWN_NOT;
	}
	struct voice *voice = voice_of(shown);
	bool speaks = voice->works || (voice->levels & ~line->heads);
	if (speaks && line->quotes > voice->quotes && !ff_span_starts(line->text, "File \"")) // loguru marks a frame
		return FF_SHOWN_LINE;
	if (begins(shown, line, &begun) && (speaks || !shown->sent.lines)) {
		*(speaks ? &shown->block : &shown->sent) = begun;
		return speaks ? FF_SHOWN_OPENED : FF_SHOWN_NOT;
	}
	voice->heads |= line->heads;
	if (line->level != FF_LEVEL_NONE) {
		hear(voice, line);
		voice->levels |= line->heads;
	}
	return FF_SHOWN_NOT;
}

void ff_shown_works(struct ff_shown *shown, const struct ff_line *line)
{
	if (shown->block.lines)
		return;
	hear(voice_of(shown), line);
	voice_of(shown)->works = true;
}

bool ff_shown_open(const struct ff_shown *shown)
{
	return shown->block.lines;
}
