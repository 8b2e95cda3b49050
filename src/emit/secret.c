// Secrets by pattern. Only where a hint of a form stands (know/secret_forms.h) does its pattern run (PCRE2, JIT,
// compiled at first use: a report without secrets compiles none), line by line so that the work is bounded.
//
//	"https://u:pw@host/x" -> hint "://" -> row url -> "https://u:[masked:url:2]@host/x"
#include "emit/secret.h"

#include "know/secret_forms.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdatomic.h>

enum { MATCH_LIMIT = 200000, MAX_PEM_LINES = 200, MASK_HEAD_MAX = 32 };
enum { USED_BEFORE_JIT = 16384 }; // bytes; a start masks a few short texts, for which the JIT costs more than it saves

static _Atomic(pcre2_code *) codes[FF_SECRET_FORMS_MAX][2]; // without the JIT and with it, kept until the process ends
static atomic_size_t used[FF_SECRET_FORMS_MAX];

static struct ff_error *code_of(size_t form, size_t bytes, pcre2_code **ret)
{
	const struct ff_secret_form *row = ff_secret_form(form);
	bool jit = atomic_fetch_add(&used[form], bytes) + bytes >= USED_BEFORE_JIT;
	*ret = atomic_load(&codes[form][jit]);
	if (*ret)
		return NULL;
	int number;
	PCRE2_SIZE at;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)row->pattern.p, row->pattern.n, 0, &number, &at, NULL);
	if (!code)
		return ff_error_create(FF_EFORMAT, "secrets.tsv: %.*s: pattern error %d at %zu", (int)row->kind.n,
			row->kind.p, number, at);
	if (jit)
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); // where there is no JIT the interpreter does
	if (atomic_compare_exchange_strong(&codes[form][jit], ret, code))
		*ret = code;
	else
		pcre2_code_free(code); // another thread was first; *ret is now its code
	return NULL;
}

bool ff_secret_suspect(struct ff_span text)
{
	struct ff_secret_set found = ff_secret_suspects(text);
	return !ff_secret_set_is_empty(&found);
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

// True when the place lies within a "[masked:...]" that an earlier row left.
static bool is_masked_already(struct ff_span text, size_t at)
{
	size_t window = at < MASK_HEAD_MAX ? at : MASK_HEAD_MAX;
	const char *open = memrchr(text.p + at - window, '[', window);
	if (!open || !ff_span_starts((struct ff_span){open, text.n - (size_t)(open - text.p)}, "[masked:"))
		return false;
	return !memchr(open, ']', at - (size_t)(open - text.p));
}

// Append `text` to `out` with what one row matches masked. `rc` of PCRE2 is one more than the highest group that
// matched.
static struct ff_error *mask_row(struct scan *scan, size_t form, struct ff_span text, struct ff_buf *out)
{
	const struct ff_secret_form *row = ff_secret_form(form);
	pcre2_code *code;
	struct ff_error *err = code_of(form, text.n, &code);
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
			ff_secret_passes(row->check, name, (struct ff_span){text.p + start, end - start},
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
	struct ff_secret_set found = ff_secret_suspects(text);
	_cleanup_buf_ struct ff_buf now = {0};
	for (size_t i = 0; i < ff_secret_forms(); i++) {
		if (!ff_secret_set_has(&found, i))
			continue;
		_cleanup_buf_ struct ff_buf next = {0};
		struct ff_error *err = mask_row(scan, i, text, &next);
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
	if (!ff_secret_forms())
		return ff_error_create(
			FF_EFORMAT, "secrets.tsv: too many rows or hints, or a hint shorter than 3 bytes");
	for (size_t i = 0; i < ff_secret_forms(); i++) {
		pcre2_code *code;
		struct ff_error *err = code_of(i, 0, &code);
		if (err)
			return err;
	}
	return NULL;
}
