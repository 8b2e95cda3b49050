// In which order a worker's two streams were printed, as far as reading them tells: src/supervise/tail.h describes the
// file of turns.
//
//	from 0                                           what the tail's plain file begins with
//	0 52113000000123 1732500000000000000             stream position, monotonic nanoseconds, nanoseconds since the epoch
//
// A read says when something arrived, which is not always when it was printed: a C program or Python writes a stdout
// that is a pipe in blocks, and the last block, printed long before, comes behind the traceback. For people the order
// of arrival is shown; a log that is diagnosed has such a stdout first, and its last piece before the last words on
// stderr.
#include "incident/assemble.h"

#include "base/clock.h"
#include "emit/tail.h"

enum { MOST_TURNS = 256, BLOCK = 4096, TURNS_MAX = 64 << 10, LAST_MS = 500 };

struct piece {
	const char *stream;
	size_t from, to;
	uint64_t monotonic_ns, epoch_ns;
};

struct pieces {
	struct piece at[2 * MOST_TURNS];
	size_t n;
	bool blocks; // stdout came in whole blocks only
};

// The next line's beginning at or behind `at`.
static size_t line_at(const char *text, size_t n, size_t at)
{
	if (at == 0 || at >= n)
		return at < n ? at : n;
	const char *end = memchr(text + at - 1, '\n', n - at + 1);
	return end ? (size_t)(end + 1 - text) : n;
}

static void add_turn(struct pieces *all, size_t first, const struct piece *turn)
{
	struct piece *last = all->n > first ? &all->at[all->n - 1] : NULL;
	if (last && last->from == turn->from) // no line began in it
		*last = *turn;
	else if (all->n < 2 * MOST_TURNS)
		all->at[all->n++] = *turn;
}

// The pieces of one stream, in order; what came before the oldest turn that is known was before all.
static void read_pieces(struct pieces *all, const char *stream, const char *text, const struct ff_buf *turns)
{
	size_t first = all->n, n = strlen(text);
	unsigned long long from = 0, at = 0, mono = 0, epoch = 0;
	struct ff_span rest = {turns->p, turns->n}, line;
	add_turn(all, first, &(struct piece){.stream = stream});
	for (int i = 0; i < MOST_TURNS && ff_span_next(&rest, '\n', &line); i++) {
		char row[96];
		snprintf(row, sizeof(row), "%.*s", (int)(line.n < 95 ? line.n : 95), line.p);
		if (i == 0 && sscanf(row, "from %llu", &from) != 1)
			break;
		if (i == 0 || sscanf(row, "%llu %llu %llu", &at, &mono, &epoch) != 3)
			continue;
		all->blocks &= strcmp(stream, "stdout") != 0 || at % BLOCK == 0;
		size_t begin = line_at(text, n, at > from ? at - from < n ? (size_t)(at - from) : n : 0);
		bool grows = all->n == first || begin >= all->at[all->n - 1].from;
		if (begin < n && grows)
			add_turn(all, first, &(struct piece){stream, begin, 0, mono, epoch});
	}
	for (size_t i = first; i < all->n; i++)
		all->at[i].to = i + 1 < all->n ? all->at[i + 1].from : n;
}

static int compare(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	if (x->monotonic_ns != y->monotonic_ns)
		return x->monotonic_ns < y->monotonic_ns ? -1 : 1;
	int by_stream = strcmp(y->stream, x->stream); // stdout first
	return by_stream ? by_stream : x->from < y->from ? -1 : x->from > y->from;
}

static int64_t lines_of(const char *text, const struct piece *piece)
{
	int64_t lines = 0;
	for (size_t i = piece->from; i < piece->to; i++)
		lines += text[i] == '\n' || i + 1 == piece->to;
	return lines;
}

static bool read_both(const json_t *death, const json_t *incident, struct pieces *all)
{
	size_t i;
	json_t *tail;
	*all = (struct pieces){.blocks = true};
	json_array_foreach (json_object_get(death, "tails"), i, tail) {
		const char *stream = ff_json_text(tail, "stream"), *path = ff_json_text(tail, "turns");
		char key[64];
		_cleanup_buf_ struct ff_buf turns = {0};
		snprintf(key, sizeof(key), "tail.%.40s", stream ? stream : "");
		const char *text = ff_json_text(incident, key);
		if (!text || !*text)
			continue;
		if (!path || !stream || (strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0))
			return false;
		_cleanup_error_ struct ff_error *err = ff_incident_read_file(path, TURNS_MAX, &turns);
		if (err)
			return false;
		read_pieces(all, stream, text, &turns);
	}
	if (all->n)
		qsort(all->at, all->n, sizeof(all->at[0]), compare);
	return all->n > 1;
}

static json_t *order_of(const struct pieces *all, const json_t *tail)
{
	_cleanup_json_ json_t *order = json_array();
	for (size_t i = 0; i < all->n; i++) {
		const struct piece *piece = &all->at[i];
		char at[FF_TIME_LEN];
		ff_clock_format(piece->epoch_ns, at);
		int64_t lines = lines_of(ff_json_text(tail, piece->stream), piece);
		json_t *row = json_pack("{s:s, s:I, s:s*}", "stream", piece->stream, "lines", (json_int_t)lines, "at",
			piece->epoch_ns ? at : NULL);
		if (!lines)
			json_decref(row);
		else if (json_array_append_new(order, row) < 0)
			return NULL;
	}
	return ff_take(&order);
}

void ff_incident_put_order(const json_t *death, json_t *incident)
{
	struct pieces *all = calloc(1, sizeof(*all));
	json_t *order =
		all && read_both(death, incident, all) ? order_of(all, json_object_get(incident, "tail")) : NULL;
	free(all);
	if (json_array_size(order) > 1)
		ff_incident_optional(ff_json_put(incident, "tail.order", order));
	else
		json_decref(order);
}

// The block that the end of the process pushed out stands before what the process had said last.
static void settle_last(struct pieces *all)
{
	struct piece *last = all->n > 1 ? &all->at[all->n - 1] : NULL, *before = last ? last - 1 : NULL;
	bool late = last && strcmp(last->stream, "stdout") == 0 && strcmp(before->stream, "stderr") == 0 &&
		last->monotonic_ns - before->monotonic_ns < LAST_MS * UINT64_C(1000000);
	if (!late)
		return;
	struct piece moved = *last;
	*last = *before;
	*before = moved;
}

json_t *ff_incident_tail_as_printed(const json_t *death, const json_t *incident)
{
	const json_t *tail = json_object_get(incident, "tail");
	_cleanup_json_ json_t *copy = tail ? json_copy((json_t *)tail) : NULL;
	struct pieces *all = calloc(1, sizeof(*all));
	if (copy)
		json_object_del(copy, "order");
	if (copy && all && read_both(death, incident, all) && !all->blocks) {
		settle_last(all);
		json_object_set_new(copy, "order", order_of(all, tail));
	}
	free(all);
	return ff_take(&copy);
}
