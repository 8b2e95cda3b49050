// Logs say the same again and again, but for their clocks and counters. A line's digits become zeros, and what is left
// is looked up by its hash: most lines of a long log are of a kind in which nothing matters and cost no more than that.
// Lines of unknown kinds are copied together and sifted at once; what the sieve says of a kind is true of all its
// lines, because patterns that tell digits apart are marked in it, and for those that need certain digits the raw lines
// of a kind that may have them are looked at one by one: at the stretch where the zeros of such digits stand, which is
// the same in all lines of a kind.
//
//	INFO 05-14 17:40:11 step 17 took 3.2 s        INFO 00-00 00:00:00 step 00 took 0.0 s: nothing matters
//	INFO 05-14 17:40:15 step 18 took 3.1 s        the same kind: not looked at
//	worker 7 exited with code 139                 digits matter
#include "diagnose/sieve.h"

#include "base/hash.h"
#include "diagnose/literal.h"
#include "log/chunk.h"

#include <stdlib.h>

enum { KINDS_BITS = 16, WAYS = 2, BATCH = 256, TEXT_MAX = 128 << 10, TOLD = 256 };

// What is known of a kind; the lowest bits of its entry, with what the matcher says of it.
enum { UNKNOWN = 0, KNOWN = 1 << FF_SIFTED_BITS, STATE_MASK = 2 * KNOWN - 1 };

struct fresh {
	size_t text_end; // of its copy
	size_t index;	 // into the list
};

// Of a line: where texts with certain digits may stand in it.
struct stretch {
	uint32_t from, to;
};

// What the matcher said of such a stretch: most have the digits that nobody asks for, again and again.
struct told {
	uint64_t hash;
	bool known, certain;
};

struct ff_sieve {
	struct ff_matcher *matcher;
	bool masks;
	uint64_t *kinds;	   // hashes, with a state in the lowest bits
	struct stretch *stretches; // of the kinds that have one
	struct told told[TOLD];	   // by hash
	struct ff_span chunk;
	size_t at;
	uint64_t number;
	uint32_t *marked; // where users' rules may match in the chunk, once a line
	size_t marked_n, marked_cap, marked_at, line_from, line_to;
	struct ff_sieve_place *work; // lines of the chunk that may be signs of work
	size_t work_n, work_cap, work_at;
	bool lost;
	// Of one batch:
	struct ff_sifted list[BATCH];
	unsigned char states[BATCH];
	struct stretch asked[BATCH];
	size_t n;
	struct fresh fresh[BATCH];
	size_t fresh_n, fresh_at;
	char *text; // of lines of unknown kinds
	size_t text_n;
};

void ff_sieve_destroy(struct ff_sieve *sieve)
{
	if (!sieve)
		return;
	free(sieve->kinds);
	free(sieve->stretches);
	free(sieve->marked);
	free(sieve->work);
	free(sieve->text);
	free(sieve);
}

struct ff_error *ff_sieve_create(struct ff_matcher *matcher, struct ff_sieve **ret)
{
	struct ff_sieve *sieve = calloc(1, sizeof(*sieve));
	if (!sieve)
		return &ff_enomem;
	sieve->matcher = matcher;
	sieve->masks = ff_matcher_masks(matcher);
	sieve->kinds = calloc(1 << KINDS_BITS, sizeof(*sieve->kinds));
	sieve->stretches = calloc(1 << KINDS_BITS, sizeof(*sieve->stretches));
	sieve->text = malloc(TEXT_MAX + FF_CHUNK_MAX + 1);
	if (!sieve->kinds || !sieve->stretches || !sieve->text) {
		ff_sieve_destroy(sieve);
		return &ff_enomem;
	}
	*ret = sieve;
	return NULL;
}

// ---- kinds ----

static uint64_t *slots_of(struct ff_sieve *sieve, uint64_t kind)
{
	return &sieve->kinds[kind >> (64 - KINDS_BITS) & ~(uint64_t)(WAYS - 1)];
}

// Its entry, NULL while it is unknown.
static uint64_t *entry_of(struct ff_sieve *sieve, uint64_t kind)
{
	uint64_t *slot = slots_of(sieve, kind);
	for (size_t i = 0; i < WAYS; i++) {
		if (!((slot[i] ^ kind) & ~(uint64_t)STATE_MASK))
			return &slot[i];
	}
	return NULL;
}

static void learn(struct ff_sieve *sieve, uint64_t kind, unsigned state, struct stretch asked)
{
	uint64_t *slot = slots_of(sieve, kind), entry = (kind & ~(uint64_t)STATE_MASK) | KNOWN | state;
	struct stretch *stretch = &sieve->stretches[slot - sieve->kinds];
	if ((slot[0] ^ kind) & ~(uint64_t)STATE_MASK) {
		if (slot[0] & FF_SIFTED_CERTAIN)
			stretch[1] = stretch[0];
		slot[1] = slot[0];
	}
	slot[0] = entry;
	if (state & FF_SIFTED_CERTAIN)
		stretch[0] = asked;
}

void ff_sieve_forget(struct ff_sieve *sieve, uint64_t kind)
{
	uint64_t *entry = entry_of(sieve, kind);
	if (entry)
		*entry &= ~(uint64_t)FF_SIFTED;
}

// ---- a batch ----

// A copy of the line, to be sifted with others.
static void copy_line(struct ff_sieve *sieve, struct ff_span line)
{
	char *to = sieve->text + sieve->text_n;
	size_t i = 0;
	for (; sieve->masks && i + 8 <= line.n; i += 8) {
		uint64_t word = ff_zero_digits(ff_load(line.p + i, 8));
		memcpy(to + i, &word, 8);
	}
	uint64_t last = ff_zero_digits(ff_load(line.p + i, sieve->masks ? line.n - i : 0));
	memcpy(to + i, sieve->masks ? (const char *)&last : line.p, line.n - i);
	to[line.n] = '\n';
	sieve->text_n += line.n + 1;
	sieve->fresh[sieve->fresh_n++] = (struct fresh){sieve->text_n, sieve->n};
}

static bool marked(struct ff_sieve *sieve, size_t start, size_t end)
{
	while (sieve->marked_at < sieve->marked_n && sieve->marked[sieve->marked_at] < start)
		sieve->marked_at++;
	return sieve->marked_at < sieve->marked_n && sieve->marked[sieve->marked_at] <= end;
}

static void take_line(struct ff_sieve *sieve, size_t start, size_t end)
{
	struct ff_span line = {sieve->chunk.p + start, end - start};
	uint64_t kind = ff_hash(line, sieve->masks);
	const uint64_t *entry = entry_of(sieve, kind);
	unsigned state = entry ? *entry & STATE_MASK : UNKNOWN;
	bool certain = !sieve->masks || marked(sieve, start, end);
	if (state == KNOWN && !certain)
		return;
	if (state == UNKNOWN)
		copy_line(sieve, line);
	sieve->states[sieve->n] = (unsigned char)state;
	sieve->asked[sieve->n] =
		state & FF_SIFTED_CERTAIN ? sieve->stretches[entry - sieve->kinds] : (struct stretch){UINT32_MAX, 0};
	sieve->list[sieve->n++] = (struct ff_sifted){start, end, sieve->number, kind, certain, false};
}

static void stretch_to(struct ff_sieve *sieve, const struct fresh *fresh, size_t end)
{
	const struct ff_sifted *line = &sieve->list[fresh->index];
	struct stretch *asked = &sieve->asked[fresh->index];
	size_t start = fresh->text_end - 1 - (line->end - line->start), to = end - start;
	uint32_t from = to > FF_LITERAL_MAX ? (uint32_t)(to - FF_LITERAL_MAX) : 0;
	asked->from = asked->from < from ? asked->from : from;
	asked->to = asked->to > to ? asked->to : (uint32_t)to;
}

static void on_sifted(int what, size_t end, void *context)
{
	struct ff_sieve *sieve = context;
	size_t offset = end ? end - 1 : 0;
	if (sieve->fresh_at && offset < sieve->fresh[sieve->fresh_at - 1].text_end)
		sieve->fresh_at = 0;
	while (sieve->fresh_at < sieve->fresh_n && offset >= sieve->fresh[sieve->fresh_at].text_end)
		sieve->fresh_at++;
	if (sieve->fresh_at == sieve->fresh_n)
		return;
	const struct fresh *fresh = &sieve->fresh[sieve->fresh_at];
	sieve->states[fresh->index] |= (unsigned char)what;
	if (what & FF_SIFTED_CERTAIN)
		stretch_to(sieve, fresh, end);
}

static void add_work(struct ff_sieve *sieve, const struct ff_sifted *line)
{
	if (sieve->work_n == sieve->work_cap) {
		size_t cap = sieve->work_cap ? 2 * sieve->work_cap : BATCH;
		struct ff_sieve_place *grown = reallocarray(sieve->work, cap, sizeof(*grown));
		sieve->lost |= !grown;
		if (!grown)
			return;
		sieve->work = grown;
		sieve->work_cap = cap;
	}
	sieve->work[sieve->work_n++] = (struct ff_sieve_place){(uint32_t)line->start, (uint32_t)line->number};
}

static struct ff_error *ask_certain(struct ff_sieve *sieve, struct ff_sifted *line, struct stretch asked)
{
	size_t n = line->end - line->start, to = asked.to < n ? asked.to : n, from = asked.from < to ? asked.from : to;
	struct ff_span part = {sieve->chunk.p + line->start + from, to - from};
	struct told now = {.hash = ff_hash(part, false), .known = true}, *told = &sieve->told[now.hash % TOLD];
	if (!told->known || told->hash != now.hash) {
		struct ff_error *err = ff_matcher_certain(sieve->matcher, part, &now.certain);
		if (err)
			return err;
		*told = now;
	}
	line->certain = told->certain;
	return NULL;
}

// What was learnt of a line's kind, and its own digits, decide whether it is handed out.
static struct ff_error *keep_line(
	struct ff_sieve *sieve, struct ff_sifted *line, unsigned state, struct stretch asked, bool *ret)
{
	struct ff_error *err = NULL;
	if (state & FF_SIFTED_WORK || !sieve->masks)
		add_work(sieve, line);
	if (state & FF_SIFTED_CERTAIN && !line->certain)
		err = ask_certain(sieve, line, asked);
	bool found = state & (FF_SIFTED | FF_SIFTED_DIGITS);
	line->digits = (state & FF_SIFTED_DIGITS) || (line->certain && sieve->masks);
	*ret = found || line->digits;
	return err;
}

static struct ff_error *sift(struct ff_sieve *sieve)
{
	sieve->fresh_at = 0;
	struct ff_error *err =
		ff_matcher_sift(sieve->matcher, (struct ff_span){sieve->text, sieve->text_n}, on_sifted, sieve);
	size_t kept = 0;
	for (size_t i = 0; i < sieve->fresh_n; i++) {
		size_t index = sieve->fresh[i].index;
		learn(sieve, sieve->list[index].kind, sieve->states[index], sieve->asked[index]);
	}
	for (size_t i = 0; i < sieve->n && !err; i++) {
		struct ff_sifted line = sieve->list[i];
		bool keeps;
		err = keep_line(sieve, &line, sieve->states[i], sieve->asked[i], &keeps);
		sieve->list[kept] = line;
		kept += keeps;
	}
	sieve->n = kept;
	sieve->fresh_n = sieve->text_n = 0;
	return err ? err : sieve->lost ? &ff_enomem : NULL;
}

struct ff_error *ff_sieve_next(struct ff_sieve *sieve, const struct ff_sifted **ret, size_t *ret_n)
{
	struct ff_error *err = NULL;
	sieve->n = 0;
	while (sieve->at < sieve->chunk.n && !sieve->n && !err) {
		while (sieve->at < sieve->chunk.n && sieve->n < BATCH && sieve->text_n < TEXT_MAX) {
			size_t end = ff_chunk_line_end(sieve->chunk, sieve->at);
			if (end > sieve->at)
				take_line(sieve, sieve->at, end);
			sieve->at = ff_chunk_line_next(sieve->chunk, end, &sieve->number);
		}
		err = sift(sieve);
	}
	*ret = sieve->list;
	*ret_n = err ? 0 : sieve->n;
	return err;
}

uint64_t ff_sieve_kind(const struct ff_sieve *sieve, struct ff_span line)
{
	return ff_hash(line, sieve->masks);
}

bool ff_sieve_work(struct ff_sieve *sieve, size_t from, struct ff_sieve_place *ret)
{
	while (sieve->work_at < sieve->work_n && sieve->work[sieve->work_at].at < from)
		sieve->work_at++;
	if (sieve->work_at == sieve->work_n)
		return false;
	*ret = sieve->work[sieve->work_at];
	return true;
}

uint64_t ff_sieve_newlines(const struct ff_sieve *sieve)
{
	return sieve->number;
}

// ---- users' rules ----

static void on_extra(int what, size_t end, void *context)
{
	struct ff_sieve *sieve = context;
	size_t offset = end ? end - 1 : 0;
	(void)what;
	if (sieve->marked_n && offset >= sieve->line_from && offset < sieve->line_to)
		return;
	if (sieve->marked_n == sieve->marked_cap) {
		size_t cap = sieve->marked_cap ? 2 * sieve->marked_cap : 256;
		uint32_t *grown = reallocarray(sieve->marked, cap, sizeof(*grown));
		sieve->lost |= !grown;
		if (!grown)
			return;
		sieve->marked = grown;
		sieve->marked_cap = cap;
	}
	sieve->line_from = offset;
	sieve->line_to = ff_chunk_line_end(sieve->chunk, offset);
	sieve->marked[sieve->marked_n++] = (uint32_t)offset;
}

static int by_offset(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

struct ff_error *ff_sieve_begin(struct ff_sieve *sieve, struct ff_span chunk)
{
	sieve->chunk = chunk;
	sieve->at = sieve->marked_at = sieve->marked_n = 0;
	sieve->work_at = sieve->work_n = 0;
	sieve->number = 0;
	struct ff_error *err = ff_matcher_extra(sieve->matcher, chunk, on_extra, sieve);
	for (size_t i = 1; i < sieve->marked_n; i++) {
		if (sieve->marked[i] >= sieve->marked[i - 1])
			continue;
		qsort(sieve->marked, sieve->marked_n, sizeof(*sieve->marked), by_offset);
		break;
	}
	return err ? err : sieve->lost ? &ff_enomem : NULL;
}
