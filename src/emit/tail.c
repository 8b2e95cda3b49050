// What a worker printed, its streams joined in the order of time.
//
// The document has each stream as one text, and how many lines of which came when. Lines, and not bytes: masking
// changes lengths, and where it took a line away (a key of several lines) the counts fit no longer, and the streams
// stand one behind the other.
//
//	{"stdout": "loading\nready\n", "stderr": "warning\n",
//	 "order": [{"stream": "stdout", "lines": 1}, {"stream": "stderr", "lines": 1}, {"stream": "stdout", "lines": 1}]}
#include "emit/tail.h"

static const char *const streams[] = {"stdout", "output", "stderr"};

enum { N_STREAMS = sizeof(streams) / sizeof(streams[0]) };

static struct ff_span take_lines(struct ff_span *rest, int64_t lines)
{
	struct ff_span taken = {rest->p, 0};
	while (lines-- > 0 && taken.n < rest->n) {
		const char *end = memchr(rest->p + taken.n, '\n', rest->n - taken.n);
		taken.n = end ? (size_t)(end + 1 - rest->p) : rest->n;
	}
	rest->p += taken.n;
	rest->n -= taken.n;
	return taken;
}

static void end_line(struct ff_buf *out, size_t before)
{
	if (out->n > before && out->p[out->n - 1] != '\n')
		ff_buf_char(out, '\n');
}

// False when the lines are others than those that were counted.
static bool join(const json_t *tail, struct ff_buf *ret)
{
	struct ff_span rest[N_STREAMS];
	const json_t *order = json_object_get(tail, "order");
	size_t i;
	json_t *piece;
	for (int k = 0; k < N_STREAMS; k++)
		rest[k] = ff_span_of(ff_json_text(tail, streams[k]));
	json_array_foreach (order, i, piece) {
		const char *stream = ff_json_text(piece, "stream");
		int64_t lines = 0;
		ff_json_int(piece, "lines", &lines);
		for (int k = 0; k < N_STREAMS && stream; k++) {
			struct ff_span taken = {0};
			size_t before = ret->n;
			if (strcmp(stream, streams[k]) == 0)
				taken = take_lines(&rest[k], lines);
			ff_buf_span(ret, taken);
			end_line(ret, before);
		}
	}
	return json_array_size(order) && !rest[0].n && !rest[1].n && !rest[2].n;
}

void ff_tail_in_order(const json_t *tail, struct ff_buf *ret)
{
	_cleanup_buf_ struct ff_buf joined = {0};
	if (join(tail, &joined)) {
		ret->failed |= joined.failed;
		ff_buf_add(ret, joined.p, joined.n);
		return;
	}
	for (int k = 0; k < N_STREAMS; k++) {
		size_t before = ret->n;
		ff_buf_span(ret, ff_span_of(ff_json_text(tail, streams[k])));
		end_line(ret, before);
	}
}
