// Gathers the bytes of a log into chunks that end at line ends. A colour can stand in the middle of a message, so
// escape sequences are taken off here, before anything is looked for; newlines stay where they are counted. So are the
// objects of docker's json-file, the commonest wrapper of whole logs; others are opened when a line is read. What all
// lines of a log are indented by is a paste's.
//
//	"Runt" "imeError: \x1b[31mno kernel\x1b[0m\nnext"   ->   "RuntimeError: no kernel\n" "next"
#include "log/chunk.h"

#include "log/docker.h"
#include "log/encoding.h"
#include "log/line.h"
#include "log/notebook.h"

#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { KEPT = 4096 }; // bytes that are left for the next chunk, so that the last one has several lines

struct ff_chunks {
	ff_chunk_fn *fn;
	void *context;
	struct ff_decoder decoder;
	bool looked;		// whether it may be a notebook
	bool waits;		// it may: nothing was handed out yet
	bool docker;		// lines came in docker's objects
	bool begun;		// something was handed out
	size_t indent;		// what all its lines began with: blanks or tabs
	bool last;		// nothing is left behind what is handed out
	struct ff_buf notebook; // its beginning
	char *held;
	char *text; // of a container, out of what is held
	size_t n;
};

void ff_chunks_destroy(struct ff_chunks *chunks)
{
	if (!chunks)
		return;
	free(chunks->held);
	free(chunks->text);
	ff_buf_deinit(&chunks->notebook);
	free(chunks);
}

struct ff_error *ff_chunks_create(ff_chunk_fn *fn, void *context, struct ff_chunks **ret)
{
	struct ff_chunks *chunks = calloc(1, sizeof(*chunks));
	if (!chunks)
		return &ff_enomem;
	chunks->fn = fn;
	chunks->context = context;
	chunks->held = malloc(FF_CHUNK_MAX);
	chunks->text = malloc(FF_CHUNK_MAX);
	if (!chunks->held || !chunks->text) {
		ff_chunks_destroy(chunks);
		return &ff_enomem;
	}
	*ret = chunks;
	return NULL;
}

bool ff_chunks_docker(const struct ff_chunks *chunks)
{
	return chunks->docker;
}

bool ff_chunks_last(const struct ff_chunks *chunks)
{
	return chunks->last;
}

// Takes them off where the text lies; returns its length without them.
static size_t strip_escapes(char *text, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n;) {
		const char *escape = memchr(text + i, 0x1b, n - i);
		size_t plain = escape ? (size_t)(escape - text) - i : n - i;
		if (kept != i)
			memmove(text + kept, text + i, plain);
		kept += plain;
		i += plain;
		if (!escape)
			break;
		i += ff_escape_length(text + i, n - i);
	}
	return kept;
}

static size_t blanks(struct ff_span line)
{
	size_t n = 0;
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t') && line.p[n] == line.p[0])
		n++;
	return n;
}

// The indentation that all lines have: of a paste. 0 for none, or for so little that a logger may have written it.
static size_t common_indent(struct ff_span text)
{
	enum { BLANKS_MIN = 2, LINES_MIN = 2 };
	size_t least = SIZE_MAX, lines = 0, min = BLANKS_MIN;
	struct ff_span line;
	while (least >= min && ff_span_next(&text, '\n', &line)) {
		size_t n = blanks(line);
		if (!ff_span_trim(line).n)
			continue;
		min = line.p[0] == '\t' ? 1 : BLANKS_MIN;
		least = n < least ? n : least;
		lines++;
	}
	return lines >= LINES_MIN && least >= min ? least : 0;
}

// Takes it off where the text lies; returns its length without it.
static size_t strip_indent(char *text, size_t n, size_t indent)
{
	struct ff_span rest = {text, n}, line;
	size_t kept = 0;
	while (rest.n && ff_span_next(&rest, '\n', &line)) {
		size_t off = blanks(line), all = line.n + (line.p + line.n < text + n);
		off = off < indent ? off : indent;
		memmove(text + kept, line.p + off, all - off);
		kept += all - off;
	}
	return kept;
}

static struct ff_error *hand_out(struct ff_chunks *chunks, size_t n)
{
	char *text = chunks->held;
	if (ff_docker_may((struct ff_span){text, n})) {
		chunks->docker = true;
		text = chunks->text;
		n = ff_docker_read((struct ff_span){chunks->held, n}, text);
	}
	n = strip_escapes(text, n);
	if (!chunks->begun)
		chunks->indent = common_indent((struct ff_span){text, n});
	chunks->begun = true;
	if (chunks->indent)
		n = strip_indent(text, n, chunks->indent);
	return chunks->fn((struct ff_span){text, n}, chunks->context);
}

// So many more bytes stand behind those that are held.
static struct ff_error *hold(struct ff_chunks *chunks, size_t n)
{
	chunks->n += n;
	if (chunks->n < FF_CHUNK_MAX)
		return NULL;
	const char *newline = memrchr(chunks->held, '\n', chunks->n - KEPT);
	newline = newline ? newline : memrchr(chunks->held, '\n', chunks->n);
	size_t whole = newline ? (size_t)(newline - chunks->held) + 1 : chunks->n;
	struct ff_error *err = hand_out(chunks, whole);
	if (err)
		return err;
	memmove(chunks->held, chunks->held + whole, chunks->n - whole);
	chunks->n -= whole;
	return NULL;
}

static struct ff_error *feed(struct ff_chunks *chunks, const char *bytes, size_t n)
{
	struct ff_error *err = NULL;
	for (size_t take; n && !err; bytes += take, n -= take) {
		take = n < FF_CHUNK_MAX - chunks->n ? n : FF_CHUNK_MAX - chunks->n;
		memcpy(chunks->held + chunks->n, bytes, take);
		err = hold(chunks, take);
	}
	return err;
}

// It was no notebook, or it is all there.
static struct ff_error *let_go(struct ff_chunks *chunks, bool end)
{
	_cleanup_buf_ struct ff_buf held = chunks->notebook, text = {0};
	chunks->notebook = (struct ff_buf){0};
	chunks->waits = false;
	struct ff_span bytes = {held.p, held.n};
	if (held.failed)
		return &ff_enomem;
	if (end && ff_notebook_text(bytes, &text))
		bytes = (struct ff_span){text.p, text.n};
	return text.failed ? &ff_enomem : feed(chunks, bytes.p, bytes.n);
}

static struct ff_error *feed_text(struct ff_chunks *chunks, const char *bytes, size_t n)
{
	if (n && !chunks->looked) {
		chunks->looked = true;
		chunks->waits = ff_notebook_may((struct ff_span){bytes, n});
	}
	if (!chunks->waits)
		return feed(chunks, bytes, n);
	ff_buf_add(&chunks->notebook, bytes, n);
	bool on = !chunks->notebook.failed &&
		ff_notebook_goes_on((struct ff_span){chunks->notebook.p, chunks->notebook.n});
	return on ? NULL : let_go(chunks, false);
}

static struct ff_error *feed_decoded(struct ff_chunks *chunks, struct ff_span bytes, bool end)
{
	_cleanup_buf_ struct ff_buf text = {0};
	ff_decode(&chunks->decoder, bytes, end, &text);
	return text.failed ? &ff_enomem : feed_text(chunks, text.p, text.n);
}

struct ff_error *ff_chunks_feed(struct ff_chunks *chunks, const char *bytes, size_t n)
{
	if (chunks->decoder.encoding == FF_ENCODING_BYTES)
		return feed_text(chunks, bytes, n);
	return feed_decoded(chunks, (struct ff_span){bytes, n}, false);
}

char *ff_chunks_room(struct ff_chunks *chunks, size_t *ret_n)
{
	*ret_n = FF_CHUNK_MAX - chunks->n;
	return chunks->held + chunks->n;
}

struct ff_error *ff_chunks_filled(struct ff_chunks *chunks, size_t n)
{
	if (chunks->decoder.encoding == FF_ENCODING_BYTES && chunks->looked && !chunks->waits)
		return hold(chunks, n);
	_cleanup_buf_ struct ff_buf bytes = {0};
	ff_buf_add(&bytes, chunks->held + chunks->n, n);
	return bytes.failed ? &ff_enomem : ff_chunks_feed(chunks, bytes.p, bytes.n);
}

struct ff_error *ff_chunks_end(struct ff_chunks *chunks)
{
	struct ff_error *err = feed_decoded(chunks, (struct ff_span){NULL, 0}, true);
	if (!err && chunks->waits)
		err = let_go(chunks, true);
	chunks->last = true;
	if (!err && chunks->n)
		err = hand_out(chunks, chunks->n);
	chunks->n = 0;
	return err;
}

static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

enum { STEP = 16 };

// A bit for each of so many bytes that ends a line. Most calls of a scan are for this.
#if defined(__SSE2__)
static unsigned ends_in(const char *p)
{
	__m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i newlines = _mm_cmpeq_epi8(text, _mm_set1_epi8('\n')),
		returns = _mm_cmpeq_epi8(text, _mm_set1_epi8('\r'));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(newlines, returns));
}
#else
static unsigned ends_in(const char *p)
{
	typedef char bytes16 __attribute__((vector_size(STEP)));
	typedef uint64_t words2 __attribute__((vector_size(STEP)));
	bytes16 text;
	memcpy(&text, p, sizeof(text));
	words2 any = (words2)((text == '\n') | (text == '\r'));
	unsigned ends = 0;
	for (unsigned i = 0; i < STEP && (any[0] | any[1]); i++)
		ends |= (unsigned)ends_line(p[i]) << i;
	return ends;
}
#endif

// Its steps do not wait for each other: where to go on does not depend on what was found.
size_t ff_chunk_line_end(struct ff_span chunk, size_t from)
{
	for (; from + STEP <= chunk.n; from += STEP) {
		unsigned ends = ends_in(chunk.p + from);
		if (ends)
			return from + (size_t)__builtin_ctz(ends);
	}
	while (from < chunk.n && !ends_line(chunk.p[from]))
		from++;
	return from;
}

size_t ff_chunk_line_next(struct ff_span chunk, size_t end, uint64_t *newlines)
{
	size_t last = end;
	while (last < chunk.n && chunk.p[last] == '\r')
		last++;
	if (last == chunk.n)
		return chunk.n;
	if (chunk.p[last] != '\n') // carriage returns within a line
		return end + 1;
	++*newlines;
	return last + 1;
}
