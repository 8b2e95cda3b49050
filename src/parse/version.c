// Python versions: PEP 440 as Python's `packaging` reads it, from METADATA, pyvenv.cfg, torch/version.py and log lines.
//
// The written form varies ("v1.0", "1.0-RC.1", "1.0-1" for a post release, "2.3.1+cu121"), so parts are read in the
// fixed order epoch, release, pre, post, dev, local, each with its optional separator. Real machines also hold versions
// that are none ("0.13-dev-unknown", "2.2.0a0+git1234.nv-internal!"): they sort before every version, never crash a
// comparison.
#include "parse/version.h"

#include "parse/chars.h"

struct word {
	const char *written, *means;
};

// The longer word first where one begins another.
static const struct word pre_words[] = {
	{"alpha", "a"},
	{"a", "a"},
	{"beta", "b"},
	{"b", "b"},
	{"preview", "rc"},
	{"pre", "rc"},
	{"c", "rc"},
	{"rc", "rc"},
	{NULL, NULL},
};
static const struct word post_words[] = {{"post", "post"}, {"rev", "post"}, {"r", "post"}, {NULL, NULL}};
static const struct word dev_words[] = {{"dev", "dev"}, {NULL, NULL}};

static bool is_separator(char c)
{
	return c == '.' || c == '-' || c == '_';
}

static struct ff_span take_digits(struct ff_span *rest)
{
	size_t n = 0;
	while (n < rest->n && ff_is_digit(rest->p[n]))
		n++;
	struct ff_span digits = {rest->p, n};
	*rest = ff_span_skip(*rest, n);
	return digits;
}

static bool starts_word(struct ff_span s, const char *word)
{
	size_t n = strlen(word);
	return s.n >= n && strncasecmp(s.p, word, n) == 0;
}

// [separator] word [separator] [digits], the form of pre, post and dev parts.
static const char *take_part(struct ff_span *rest, const struct word *words, struct ff_span *ret_number)
{
	struct ff_span s = *rest;
	if (s.n && is_separator(s.p[0]))
		s = ff_span_skip(s, 1);
	for (; words->written; words++) {
		if (!starts_word(s, words->written))
			continue;
		s = ff_span_skip(s, strlen(words->written));
		if (s.n && is_separator(s.p[0]))
			s = ff_span_skip(s, 1);
		*ret_number = take_digits(&s);
		*rest = s;
		return words->means;
	}
	return NULL;
}

static bool take_release(struct ff_span *rest, struct ff_version *v)
{
	struct ff_span s = *rest;
	for (;;) {
		struct ff_span digits = take_digits(&s);
		if (!digits.n)
			return false;
		if (v->n_release == 0 && v->epoch.p == NULL && s.n && s.p[0] == '!') {
			v->epoch = digits;
			s = ff_span_skip(s, 1);
			continue;
		}
		if (v->n_release == FF_VERSION_RELEASE_MAX)
			return false;
		v->release[v->n_release++] = digits;
		if (s.n < 2 || s.p[0] != '.' || !ff_is_digit(s.p[1]))
			break;
		s = ff_span_skip(s, 1);
	}
	*rest = s;
	return true;
}

static void take_post(struct ff_span *rest, struct ff_version *v)
{
	if (rest->n >= 2 && rest->p[0] == '-' && ff_is_digit(rest->p[1])) {
		*rest = ff_span_skip(*rest, 1);
		v->post_n = take_digits(rest);
		v->has_post = true;
		return;
	}
	v->has_post = take_part(rest, post_words, &v->post_n) != NULL;
}

static bool local_is_valid(struct ff_span local)
{
	bool in_piece = false;
	for (size_t i = 0; i < local.n; i++) {
		if (is_separator(local.p[i]) && !in_piece)
			return false;
		if (!is_separator(local.p[i]) && !ff_is_digit(local.p[i]) && !ff_is_letter(local.p[i]))
			return false;
		in_piece = !is_separator(local.p[i]);
	}
	return in_piece;
}

bool ff_version_parse(struct ff_span text, struct ff_version *ret)
{
	struct ff_version v = {0};
	struct ff_span rest = ff_span_trim(text);
	if (rest.n && ff_lower(rest.p[0]) == 'v')
		rest = ff_span_skip(rest, 1);
	if (!take_release(&rest, &v))
		return false;
	v.pre = take_part(&rest, pre_words, &v.pre_n);
	take_post(&rest, &v);
	v.has_dev = take_part(&rest, dev_words, &v.dev_n) != NULL;
	if (rest.n && rest.p[0] == '+') {
		v.local = ff_span_skip(rest, 1);
		if (!local_is_valid(v.local))
			return false;
		rest.n = 0;
	}
	if (rest.n)
		return false;
	*ret = v;
	return true;
}

static struct ff_span strip_zeros(struct ff_span digits)
{
	while (digits.n && digits.p[0] == '0')
		digits = ff_span_skip(digits, 1);
	return digits;
}

static int sign(long difference)
{
	return (difference > 0) - (difference < 0);
}

static int order_numbers(struct ff_span a, struct ff_span b)
{
	a = strip_zeros(a);
	b = strip_zeros(b);
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? sign(memcmp(a.p, b.p, a.n)) : 0;
}

static struct ff_span release_at(const struct ff_version *v, size_t i)
{
	return i < v->n_release ? v->release[i] : (struct ff_span){NULL, 0};
}

int ff_version_order_release(const struct ff_version *a, const struct ff_version *b)
{
	int order = order_numbers(a->epoch, b->epoch);
	for (size_t i = 0; !order && (i < a->n_release || i < b->n_release); i++)
		order = order_numbers(release_at(a, i), release_at(b, i));
	return order;
}

// 1.0.dev1 < 1.0a1 < 1.0b1 < 1.0rc1 < 1.0: a version without a pre part comes last, unless it is only a dev release.
static int pre_rank(const struct ff_version *v)
{
	if (v->pre)
		return v->pre[0];
	return !v->has_post && v->has_dev ? 0 : 'z';
}

static bool is_number(struct ff_span piece)
{
	for (size_t i = 0; i < piece.n; i++)
		if (!ff_is_digit(piece.p[i]))
			return false;
	return true;
}

static int order_words(struct ff_span a, struct ff_span b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (ff_lower(a.p[i]) != ff_lower(b.p[i]))
			return sign(ff_lower(a.p[i]) - ff_lower(b.p[i]));
	return sign((long)a.n - (long)b.n);
}

static bool next_local_piece(struct ff_span *rest, struct ff_span *ret)
{
	if (!rest->n)
		return false;
	size_t n = 0;
	while (n < rest->n && !is_separator(rest->p[n]))
		n++;
	*ret = (struct ff_span){rest->p, n};
	*rest = n < rest->n ? ff_span_skip(*rest, n + 1) : ff_span_skip(*rest, n);
	return true;
}

// No local part comes first; a number comes after a word; of two equal beginnings the longer comes last.
static int order_locals(struct ff_span a, struct ff_span b)
{
	for (;;) {
		struct ff_span piece_a = {0}, piece_b = {0};
		bool more_a = next_local_piece(&a, &piece_a), more_b = next_local_piece(&b, &piece_b);
		if (!more_a || !more_b)
			return more_a - more_b;
		bool number_a = is_number(piece_a), number_b = is_number(piece_b);
		if (number_a != number_b)
			return number_a ? 1 : -1;
		int order = number_a ? order_numbers(piece_a, piece_b) : order_words(piece_a, piece_b);
		if (order)
			return order;
	}
}

int ff_version_order_public(const struct ff_version *a, const struct ff_version *b)
{
	int order = ff_version_order_release(a, b);
	if (!order)
		order = sign(pre_rank(a) - pre_rank(b));
	if (!order && a->pre)
		order = order_numbers(a->pre_n, b->pre_n);
	if (!order)
		order = a->has_post - b->has_post;
	if (!order)
		order = order_numbers(a->post_n, b->post_n);
	if (!order)
		order = b->has_dev - a->has_dev;
	return order ? order : order_numbers(a->dev_n, b->dev_n);
}

int ff_version_order(const struct ff_version *a, const struct ff_version *b)
{
	int order = ff_version_order_public(a, b);
	return order ? order : order_locals(a->local, b->local);
}

bool ff_version_is_prerelease(const struct ff_version *v)
{
	return v->pre || v->has_dev;
}

static void format_number(struct ff_buf *b, struct ff_span digits)
{
	digits = strip_zeros(digits);
	ff_buf_span(b, digits.n ? digits : FF_SPAN("0"));
}

void ff_version_format(const struct ff_version *v, struct ff_buf *b)
{
	if (strip_zeros(v->epoch).n) {
		format_number(b, v->epoch);
		ff_buf_char(b, '!');
	}
	for (size_t i = 0; i < v->n_release; i++) {
		if (i)
			ff_buf_char(b, '.');
		format_number(b, v->release[i]);
	}
	if (v->pre) {
		ff_buf_str(b, v->pre);
		format_number(b, v->pre_n);
	}
	if (v->has_post) {
		ff_buf_str(b, ".post");
		format_number(b, v->post_n);
	}
	if (v->has_dev) {
		ff_buf_str(b, ".dev");
		format_number(b, v->dev_n);
	}
	struct ff_span rest = v->local, piece;
	for (char separator = '+'; next_local_piece(&rest, &piece); separator = '.') {
		ff_buf_char(b, separator);
		if (is_number(piece))
			format_number(b, piece);
		for (size_t i = 0; i < piece.n && !is_number(piece); i++)
			ff_buf_char(b, ff_lower(piece.p[i]));
	}
}

// The next run of digits or of letters; everything else only separates.
static struct ff_span next_run(struct ff_span *rest)
{
	while (rest->n && !ff_is_digit(rest->p[0]) && !ff_is_letter(rest->p[0]))
		*rest = ff_span_skip(*rest, 1);
	struct ff_span digits = take_digits(rest);
	if (digits.n)
		return digits;
	size_t n = 0;
	while (n < rest->n && ff_is_letter(rest->p[n]))
		n++;
	struct ff_span run = {rest->p, n};
	*rest = ff_span_skip(*rest, n);
	return run;
}

static int order_texts(struct ff_span a, struct ff_span b)
{
	for (;;) {
		struct ff_span run_a = next_run(&a), run_b = next_run(&b);
		if (!run_a.n || !run_b.n)
			return (run_a.n > 0) - (run_b.n > 0);
		bool number_a = is_number(run_a), number_b = is_number(run_b);
		if (number_a != number_b)
			return number_a ? 1 : -1;
		int order = number_a ? order_numbers(run_a, run_b) : order_words(run_a, run_b);
		if (order)
			return order;
	}
}

int ff_version_compare_spans(struct ff_span a, struct ff_span b)
{
	struct ff_version va, vb;
	bool is_a = ff_version_parse(a, &va), is_b = ff_version_parse(b, &vb);
	if (is_a && is_b)
		return ff_version_order(&va, &vb);
	return is_a != is_b ? is_a - is_b : order_texts(a, b);
}

int ff_version_compare(const char *a, const char *b)
{
	return ff_version_compare_spans(ff_span_of(a), ff_span_of(b));
}
