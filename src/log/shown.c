// Finds texts of several lines that a worker's log only shows: what a model answered, a file that was printed, a mail.
//
//	```                                                       a block of markdown, to the next ```
//	<|assistant|>                                             a turn of a chat template, to its end or the next turn
//	=== Response ===                                          a heading in a frame, to the next one
//	commit 5f0c1d2                                            git's log: what is indented below
//	> RuntimeError: CUDA error                                a quotation
//
// How it lies: people send whole logs in such a block or quotation. In those nothing stands outside that a worker
// writes, so a block counts only where the log has spoken before it. A model can stop in the middle of a block: one
// that is not closed counts as none, and so does one with a line of a logger in it.
#include "log/shown.h"

#include "base/regex.h"

#include <stdlib.h>

enum { LINES_MAX = 200 };

static const struct {
	const char *open, *close;
	bool sure; // each line within is shown, whether it ends or not; what ends it is the log's own
} rows[] = {
	{"\\s{0,3}```\\w*\\s*$", "\\s{0,3}```\\s*$"},
	{"<\\|(?:im_start\\|>)?(?:assistant|user|system)\\b",
		"<\\|(?:end|im_end|eot_id|endoftext|assistant|user|system)\\b"},
	{"[=#*-]{3,} ?(?:model |generated )?(?:response|answer|completion|output|prompt|text) ?[=#*-]{3,}$",
		"[=#*-]{3,}(?: ?[\\w ]+ ?[=#*-]{3,})?$"},
	{"commit [0-9a-f]{7,40}(?: \\([^)]*\\))?$", "(?!\\s|Author:|Date:|Merge:|AuthorDate:|Commit)\\S", true},
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

struct ff_shown {
	struct ff_regex *open[ROWS], *close[ROWS];
	size_t row;	// of the block that is open
	unsigned lines; // of it; 0 for none
	bool counts;	// it is no log that somebody sent in a block
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
		err = ff_regex_create(rows[i].open, true, true, &shown->open[i]);
		if (!err)
			err = ff_regex_create(rows[i].close, true, true, &shown->close[i]);
	}
	if (err)
		ff_shown_destroy(shown);
	else
		*ret = shown;
	return err;
}

static enum ff_shown_step within(struct ff_shown *shown, const struct ff_line *line)
{
	struct ff_match m;
	bool sure = rows[shown->row].sure;
	bool closed = ff_regex_match(shown->close[shown->row], line->text, 0, &m);
	bool lost = !closed && shown->counts && (line->level != FF_LEVEL_NONE || ++shown->lines > LINES_MAX);
	if (closed || lost)
		shown->lines = 0;
	if (lost || !shown->counts || (closed && sure))
		return FF_SHOWN_NOT;
	return closed ? FF_SHOWN_CLOSED : sure ? FF_SHOWN_LINE : FF_SHOWN_WITHIN;
}

enum ff_shown_step ff_shown_line(struct ff_shown *shown, const struct ff_line *line, bool speaks)
{
	struct ff_match m;
	if (shown->lines)
		return within(shown, line);
	if (line->quoted && !ff_span_starts(line->text, "File \"")) // loguru marks the frame that caught
		return speaks ? FF_SHOWN_LINE : FF_SHOWN_NOT;
	for (size_t i = 0; i < ROWS && line->level == FF_LEVEL_NONE; i++) {
		if (ff_regex_match(shown->open[i], line->text, 0, &m)) {
			shown->row = i;
			shown->lines = 1;
			shown->counts = speaks;
			return speaks ? FF_SHOWN_OPENED : FF_SHOWN_NOT;
		}
	}
	return FF_SHOWN_NOT;
}

bool ff_shown_open(const struct ff_shown *shown)
{
	return shown->lines && shown->counts;
}

bool ff_shown_inside(const struct ff_shown *shown)
{
	return shown->lines;
}
