// Words of safe text in lines of so many columns:
//
//	at 20 columns, indent 2, "libc10 has that symbol in torch 2.6.0"
//	libc10 has that
//	  symbol in torch
//	  2.6.0
#include "base/wrap.h"

#include "base/clean.h"

// The mark in the last row; before it as much of `word` as there is room for, which may be all that tells.
static size_t cut(const struct ff_wrap *how, struct ff_span word, size_t at, struct ff_buf *out)
{
	enum { WORTH_IT = 8 };
	size_t mark = strlen(how->more), room = how->columns > at + 1 + mark ? how->columns - at - 1 - mark : 0;
	if (at + 1 + mark <= how->columns) {
		ff_buf_char(out, ' ');
		at++;
	}
	if (room >= WORTH_IT) {
		struct ff_span part = {word.p, ff_clean_fit(word, room)};
		ff_buf_span(out, part);
		at += ff_clean_width(part);
	}
	ff_buf_str(out, how->more);
	return at + mark;
}

// Of a list of folders that is wider than a line ("/opt/a/bin:/opt/b/bin") as many as there is room for behind column
// `at`, else one; of any other word all.
static struct ff_span take_piece(const struct ff_wrap *how, size_t at, struct ff_span *word)
{
	struct ff_span piece = *word;
	size_t end = 0, room = how->columns > at ? how->columns - at : 0;
	bool wide = how->columns && how->lists && !how->rows && ff_clean_fit(*word, room) < word->n;
	for (size_t i = 1; wide && i + 1 < word->n; i++) {
		if (word->p[i - 1] != ':' || word->p[i] != '/' || word->p[i + 1] == '/') // but "https://"
			continue;
		if (end && ff_clean_fit((struct ff_span){word->p, i}, room) < i)
			break;
		end = i;
	}
	piece.n = end ? end : word->n;
	*word = (struct ff_span){word->p + piece.n, word->n - piece.n};
	return piece;
}

// The further pieces of a word, each in a row of its own.
static size_t wrap_pieces(const struct ff_wrap *how, struct ff_span left, size_t at, struct ff_buf *out)
{
	while (left.n) {
		struct ff_span piece = take_piece(how, how->indent, &left);
		ff_buf_printf(out, "\n%*s", (int)how->indent, "");
		ff_buf_span(out, piece);
		at = how->indent + ff_clean_width(piece);
	}
	return at;
}

size_t ff_wrap(const struct ff_wrap *how, struct ff_span text, size_t at, struct ff_buf *out)
{
	struct ff_span rest = text, word;
	size_t row = 1;
	for (bool first = true; ff_span_next(&rest, ' ', &word); first = false) {
		size_t width = ff_clean_width(word);
		bool last_row = how->rows && row >= how->rows;
		size_t edge = how->columns;
		if (last_row && rest.n) // room for the mark
			edge = edge > strlen(how->more) + 1 ? edge - strlen(how->more) - 1 : 0;
		if (how->columns && !first && at + 1 + width > edge) {
			if (last_row)
				return cut(how, word, at, out);
			while (out->n && out->p[out->n - 1] == ' ') // of two spaces the first stands before the edge
				out->n--;
			ff_buf_printf(out, "\n%*s", (int)how->indent, "");
			at = how->indent;
			row++;
		} else if (!first) {
			ff_buf_char(out, ' ');
			at++;
		}
		struct ff_span left = word, piece = take_piece(how, at, &left);
		ff_buf_span(out, piece);
		at = wrap_pieces(how, left, at + ff_clean_width(piece), out);
	}
	return at;
}
