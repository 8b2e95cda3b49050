// Secrets by pattern. Most text holds none, so a first look goes over the bytes once: three bytes at a time, folded to lower
// case, against a table of what the hints begin with. Only where a whole hint stands do its rows' patterns run (PCRE2, JIT,
// compiled at first use: a report without secrets compiles none), line by line so that the work is bounded.
//
//	"https://u:pw@host/x" -> hint "://" -> row url -> "https://u:[masked:url:2]@host/x"
#include "emit/secret.h"

#include "base/table.h"
#include "base/telling.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <ctype.h>
#include <stdatomic.h>
#include <threads.h>

FF_EMBEDDED(ff_table, secrets);

enum {
	SET_WORDS = 4,
	MAX_ROWS = 64 * SET_WORDS,
	MAX_HINTS = 500,
	MAX_HINT = 32,
	SLOTS = 1 << 13,
	MATCH_LIMIT = 200000,
	MAX_PEM_LINES = 200,
};

enum check { CHECK_NONE, CHECK_RANDOM, CHECK_OPAQUE, CHECK_NAMED };

struct row {
	struct ff_span kind, pattern;
	enum check check;
	_Atomic(pcre2_code *) code; // kept until the process ends
};

// Rows as bits.
struct set {
	uint64_t bits[SET_WORDS];
};

struct hint {
	char text[MAX_HINT]; // lower case
	size_t n;
	struct set rows;
	uint16_t next; // another hint of this slot, 0 for none (the first hint is 1)
};

static struct row rows[MAX_ROWS];
static size_t row_count;
static struct hint hints[MAX_HINTS + 1];
static size_t hint_count;
static uint16_t slots[SLOTS]; // by the first three bytes: a hint, 0 for none
static uint8_t fold[256];
static bool table_is_bad;
static once_flag loaded = ONCE_FLAG_INIT;

static unsigned slot_of(uint32_t three)
{
	return three * 2654435761u >> 19;
}

static void add(struct set *set, const struct set *more)
{
	for (unsigned i = 0; i < SET_WORDS; i++)
		set->bits[i] |= more->bits[i];
}

static bool has(const struct set *set, size_t row)
{
	return set->bits[row / 64] >> row % 64 & 1;
}

static bool is_empty(const struct set *set)
{
	uint64_t any = 0;
	for (unsigned i = 0; i < SET_WORDS; i++)
		any |= set->bits[i];
	return !any;
}

// The hint in its slot, new or as another row brought it.
static struct hint *hint_of(const struct hint *wanted)
{
	uint16_t *slot = &slots[slot_of(
		(uint32_t)wanted->text[0] | (uint32_t)wanted->text[1] << 8 | (uint32_t)wanted->text[2] << 16)];
	for (unsigned k = *slot; k; k = hints[k].next) {
		if (hints[k].n == wanted->n && memcmp(hints[k].text, wanted->text, wanted->n) == 0)
			return &hints[k];
	}
	if (hint_count == MAX_HINTS)
		return NULL;
	struct hint *h = &hints[++hint_count];
	*h = *wanted;
	h->next = *slot;
	*slot = (uint16_t)hint_count;
	return h;
}

static void add_hint(struct ff_span text, size_t row)
{
	struct hint wanted = {.n = text.n};
	for (size_t i = 0; i < text.n && i < MAX_HINT; i++)
		wanted.text[i] = (char)fold[(uint8_t)text.p[i]];
	struct hint *h = text.n < 3 || text.n > MAX_HINT ? NULL : hint_of(&wanted);
	if (h)
		h->rows.bits[row / 64] |= (uint64_t)1 << row % 64;
	else
		table_is_bad = true;
}

static void load(void)
{
	for (int c = 0; c < 256; c++)
		fold[c] = (uint8_t)(c < 128 ? tolower(c) : c);
	struct ff_table table = ff_table_of(ff_table_secrets);
	for (struct ff_table_row r; ff_table_next(&table, &r);) {
		if (row_count == MAX_ROWS) {
			table_is_bad = true;
			return;
		}
		struct row *row = &rows[row_count];
		row->kind = ff_table_cell(&table, &r, "kind");
		row->pattern = ff_table_cell(&table, &r, "pattern");
		struct ff_span check = ff_table_cell(&table, &r, "check"), all = ff_table_cell(&table, &r, "hints"),
			       hint;
		row->check = ff_span_eq(check, "named") ? CHECK_NAMED
			: ff_span_eq(check, "opaque")	? CHECK_OPAQUE
			: ff_span_eq(check, "random")	? CHECK_RANDOM
							: CHECK_NONE;
		while (ff_span_next(&all, ',', &hint))
			add_hint(hint, row_count);
		row_count++;
	}
}

static struct ff_error *code_of(struct row *row, pcre2_code **ret)
{
	*ret = atomic_load(&row->code);
	if (*ret)
		return NULL;
	int number;
	PCRE2_SIZE at;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)row->pattern.p, row->pattern.n, 0, &number, &at, NULL);
	if (!code)
		return ff_error_create(FF_EFORMAT, "secrets.tsv: %.*s: pattern error %d at %zu", (int)row->kind.n,
			row->kind.p, number, at);
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); // where there is no JIT the interpreter does
	if (atomic_compare_exchange_strong(&row->code, ret, code))
		*ret = code;
	else
		pcre2_code_free(code); // another thread was first; *ret is now its code
	return NULL;
}

// True when the hint stands at p, of which `left` bytes may be read.
static bool stands(const struct hint *h, const char *p, size_t left)
{
	if (h->n > left)
		return false;
	for (size_t i = 0; i < h->n; i++) {
		if (fold[(uint8_t)p[i]] != (uint8_t)h->text[i])
			return false;
	}
	return true;
}

// The rows that have a hint in the text.
static struct set suspects(struct ff_span text)
{
	struct set found = {0};
	uint32_t three = 0; // the last three bytes, folded
	call_once(&loaded, load);
	for (size_t i = 0; i < text.n; i++) {
		three = three >> 8 | (uint32_t)fold[(uint8_t)text.p[i]] << 16;
		unsigned k = i < 2 ? 0 : slots[slot_of(three)];
		for (; k; k = hints[k].next) {
			if (stands(&hints[k], text.p + i - 2, text.n - i + 2))
				add(&found, &hints[k].rows);
		}
	}
	return found;
}

bool ff_secret_suspect(struct ff_span text)
{
	struct set found = suspects(text);
	return !is_empty(&found);
}

struct scan {
	pcre2_match_data *match;
	pcre2_match_context *limits;
	ff_secret_fn *found;
	void *arg;
};

static void put_mask(struct scan *scan, struct ff_span kind, size_t length, struct ff_buf *out)
{
	ff_buf_printf(out, "[masked:%.*s:%zu]", (int)kind.n, kind.p, length);
	if (scan->found)
		scan->found(scan->arg, kind, length);
}

// "use_auth_token=self.token" in a traceback is code. A password, a shell variable or an option is never taken for that.
static bool is_code(struct ff_span name, struct ff_span value)
{
	bool may_be = ff_span_ends(name, "token") || ff_span_ends(name, "key");
	return may_be && !ff_span_starts(name, "-") && ff_telling_code(value);
}

static bool passes(const struct row *row, struct ff_span name, struct ff_span value, bool quoted)
{
	if (ff_telling_placeholder(value))
		return false;
	if (row->check == CHECK_RANDOM)
		return ff_telling_random(value);
	if (row->check == CHECK_OPAQUE)
		return ff_telling_random(value) && !ff_telling_digest(value);
	if (row->check == CHECK_NONE)
		return true;
	return (quoted || !is_code(name, value)) && ff_telling_secret(name, value);
}

// True when the place lies within a "[masked:...]" that an earlier row left.
static bool is_masked_already(struct ff_span text, size_t at)
{
	size_t window = at < MAX_HINT ? at : MAX_HINT;
	const char *open = memrchr(text.p + at - window, '[', window);
	if (!open || !ff_span_starts((struct ff_span){open, text.n - (size_t)(open - text.p)}, "[masked:"))
		return false;
	return !memchr(open, ']', at - (size_t)(open - text.p));
}

// Append `text` to `out` with what one row matches masked. `rc` of PCRE2 is one more than the highest group that matched.
static struct ff_error *mask_row(struct scan *scan, struct row *row, struct ff_span text, struct ff_buf *out)
{
	pcre2_code *code;
	struct ff_error *err = code_of(row, &code);
	if (err)
		return err;
	size_t done = 0, from = 0;
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(scan->match);
	while (from <= text.n) {
		int rc = pcre2_match(code, (PCRE2_SPTR)text.p, text.n, from, 0, scan->match, scan->limits);
		if (rc == PCRE2_ERROR_NOMATCH)
			break;
		if (rc <= 0) { // a limit was reached: what cannot be judged is not shown
			put_mask(scan, FF_SPAN("unchecked"), text.n - done, out);
			return NULL;
		}
		size_t group = (size_t)rc - 1, start = at[2 * group], end = at[2 * group + 1];
		struct ff_span name =
			rc > 1 ? (struct ff_span){text.p + at[2], at[3] - at[2]} : (struct ff_span){NULL, 0};
		if (end > start && !is_masked_already(text, start) &&
			passes(row, name, (struct ff_span){text.p + start, end - start},
				start && strchr("\"'", text.p[start - 1]))) {
			ff_buf_add(out, text.p + done, start - done);
			put_mask(scan, row->kind, end - start, out);
			done = end;
		}
		from = end > from ? end : from + 1;
	}
	ff_buf_add(out, text.p + done, text.n - done);
	return NULL;
}

static struct ff_error *mask_piece(struct scan *scan, struct ff_span text, struct ff_buf *out)
{
	struct set found = suspects(text);
	_cleanup_buf_ struct ff_buf now = {0};
	for (size_t i = 0; i < row_count; i++) {
		if (!has(&found, i))
			continue;
		_cleanup_buf_ struct ff_buf next = {0};
		struct ff_error *err = mask_row(scan, &rows[i], text, &next);
		if (err)
			return err;
		struct ff_buf old = now;
		now = next;
		next = old;
		if (now.failed)
			return &ff_enomem;
		text = (struct ff_span){now.p, now.n};
	}
	ff_buf_span(out, text);
	return out->failed ? &ff_enomem : NULL;
}

// One line with its newline, or a whole PEM block: a private key is the one secret that spans lines.
static struct ff_span next_piece(struct ff_span rest)
{
	size_t n = 0;
	bool inside = false;
	for (unsigned lines = 0; n < rest.n && lines < MAX_PEM_LINES; lines++) {
		const char *newline = memchr(rest.p + n, '\n', rest.n - n);
		size_t end = newline ? (size_t)(newline - rest.p) + 1 : rest.n;
		struct ff_span line = {rest.p + n, end - n};
		n = end;
		if (memmem(line.p, line.n, "-----END ", 9))
			break;
		inside |= memmem(line.p, line.n, "PRIVATE KEY", 11) && memmem(line.p, line.n, "-----BEGIN ", 11);
		if (!inside)
			break;
	}
	return (struct ff_span){rest.p, n};
}

static struct ff_error *mask_all(struct scan *scan, struct ff_span text, struct ff_buf *out)
{
	scan->match = pcre2_match_data_create(16, NULL);
	scan->limits = pcre2_match_context_create(NULL);
	if (!scan->match || !scan->limits)
		return &ff_enomem;
	pcre2_set_match_limit(scan->limits, MATCH_LIMIT);
	while (text.n) {
		struct ff_span piece = next_piece(text);
		struct ff_error *err = mask_piece(scan, piece, out);
		if (err)
			return err;
		text = (struct ff_span){text.p + piece.n, text.n - piece.n};
	}
	return NULL;
}

struct ff_error *ff_secret_mask(struct ff_span text, ff_secret_fn *found, void *arg, struct ff_buf *out)
{
	struct scan scan = {.found = found, .arg = arg};
	struct ff_error *err = mask_all(&scan, text, out);
	pcre2_match_data_free(scan.match);
	pcre2_match_context_free(scan.limits);
	return err;
}

struct ff_error *ff_secret_check(void)
{
	call_once(&loaded, load);
	if (table_is_bad || !row_count)
		return ff_error_create(
			FF_EFORMAT, "secrets.tsv: too many rows or hints, or a hint shorter than 3 bytes");
	for (size_t i = 0; i < row_count; i++) {
		pcre2_code *code;
		struct ff_error *err = code_of(&rows[i], &code);
		if (err)
			return err;
	}
	return NULL;
}
