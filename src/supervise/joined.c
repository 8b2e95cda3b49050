// Two rings to one text. A turn may lie within a line: the line belongs to the turn in which it began.
#include "supervise/joined.h"

#include <string.h>

enum { MOST = 4096, PIECES = TAIL_TURNS + 1 };

struct piece {
	const char *p;
	size_t n;
	uint64_t when;
};

struct part {
	char text[MOST];
	size_t n, n_pieces, next;
	struct piece pieces[PIECES];
};

// The first line that begins at `at` or behind it.
static size_t line_from(const struct part *part, size_t at)
{
	if (at == 0 || at >= part->n)
		return at < part->n ? at : part->n;
	const char *end = memchr(part->text + at - 1, '\n', part->n - at + 1);
	return end ? (size_t)(end + 1 - part->text) : part->n;
}

static void add_turn(struct part *part, size_t from, uint64_t when)
{
	struct piece *last = &part->pieces[part->n_pieces - 1];
	const char *p = part->text + from;
	if (from >= part->n || p < last->p)
		return;
	if (p == last->p) { // no line began in it
		last->when = when;
		return;
	}
	last->n = (size_t)(p - last->p);
	part->pieces[part->n_pieces++] = (struct piece){p, part->n - from, when};
}

// What came before the oldest turn that is known was before all.
static void take(struct part *part, const struct tail *t, size_t most)
{
	part->n = t && t->head ? tail_last(t, most < MOST ? most : MOST, part->text) : 0;
	part->n_pieces = part->n ? 1 : 0;
	part->next = 0;
	part->pieces[0] = (struct piece){part->text, part->n, 0};
	if (!part->n)
		return;
	uint64_t first = t->total - part->n, n = t->head->n_turns;
	for (uint64_t i = n > TAIL_TURNS ? n - TAIL_TURNS : 0; i < n; i++) {
		const struct tail_turn *turn = &t->head->turns[i % TAIL_TURNS];
		uint64_t at = turn->at > first ? turn->at - first : 0;
		if (at < part->n && part->n_pieces < PIECES)
			add_turn(part, line_from(part, (size_t)at), turn->monotonic_ns);
	}
}

void tails_joined(struct ff_buf *out, const struct tail *a, const struct tail *b, size_t most)
{
	static struct part parts[2];
	take(&parts[0], a, most);
	take(&parts[1], b, most);
	for (;;) {
		const struct piece *next[2];
		for (int i = 0; i < 2; i++)
			next[i] = parts[i].next < parts[i].n_pieces ? &parts[i].pieces[parts[i].next] : NULL;
		if (!next[0] && !next[1])
			return;
		int i = !next[0] || (next[1] && next[1]->when < next[0]->when);
		parts[i].next++;
		ff_buf_add(out, next[i]->p, next[i]->n);
		if (next[i]->p[next[i]->n - 1] != '\n')
			ff_buf_char(out, '\n');
	}
}
