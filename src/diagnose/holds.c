// Sizes are compared as bytes, within what their digits show: "15.81 GiB" is what the facts call 16979886080, and "16
// GB" is not.
#include "diagnose/holds.h"

#include <ctype.h>
#include <math.h>

bool ff_word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

// Not inside of a longer word or number: "12" does not stand in "12.4", "2.5.1" stands in "2.5.1+cu124".
static bool stands_alone(struct ff_span text, size_t at, struct ff_span token)
{
	size_t end = at + token.n;
	char before = at ? text.p[at - 1] : ' ', after = end < text.n ? text.p[end] : ' ';
	char last = token.p[token.n - 1];
	bool number = isdigit((unsigned char)last) && !memchr(token.p, '.', token.n);
	bool release = tolower((unsigned char)before) == 'v' && isdigit((unsigned char)token.p[0]) &&
		!(at > 1 && ff_word_byte(text.p[at - 2])); // "v5.0"
	if (ff_word_byte(before) && ff_word_byte(token.p[0]) && !release)
		return false;
	if (before == '.' && at > 1 && isdigit((unsigned char)text.p[at - 2]) && isdigit((unsigned char)token.p[0]))
		return false;
	if (ff_word_byte(after) && ff_word_byte(last))
		return false;
	return !(number && after == '.' && end + 1 < text.n && isdigit((unsigned char)text.p[end + 1]));
}

static bool same_bytes(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
			return false;
	}
	return true;
}

static bool holds_word(struct ff_span text, struct ff_span token)
{
	for (size_t at = 0; token.n && at + token.n <= text.n; at++) {
		if (same_bytes(text.p + at, token.p, token.n) && stands_alone(text, at, token))
			return true;
	}
	return false;
}

static const char *const version_prefixes[] = {"sm_", "compute_", "cuda", "cu", "cp", "py", NULL};

// One version in all its spellings: "9.0" is sm_90, "12.4" is cu124, cuda124 and 12040, "3.12" is cp312.
static bool holds_spelt(struct ff_span text, struct ff_span major, struct ff_span minor)
{
	char spelt[40];
	for (size_t i = 0; version_prefixes[i]; i++) {
		snprintf(spelt, sizeof(spelt), "%s%.*s%.*s", version_prefixes[i], (int)major.n, major.p, (int)minor.n,
			minor.p);
		if (memmem(text.p, text.n, spelt, strlen(spelt)))
			return true;
	}
	snprintf(spelt, sizeof(spelt), "%.*s0%.*s0", (int)major.n, major.p, (int)minor.n, minor.p);
	if (holds_word(text, ff_span_of(spelt)))
		return true;
	snprintf(spelt, sizeof(spelt), "%.*s.%.*s", (int)major.n, major.p, (int)minor.n, minor.p);
	return holds_word(text, ff_span_of(spelt));
}

static bool holds_as_version(struct ff_span text, struct ff_span token)
{
	enum { LONGEST = 5 /* 100.12 */ };
	for (size_t i = 0; version_prefixes[i]; i++) {
		size_t n = strlen(version_prefixes[i]), digits = token.n - n;
		if (!ff_span_starts(token, version_prefixes[i]) || digits < 2 || digits > LONGEST)
			continue;
		size_t major = version_prefixes[i][1] == 'p' || version_prefixes[i][1] == 'y' ? 1 : digits - 1;
		return holds_spelt(text, (struct ff_span){token.p + n, major},
			(struct ff_span){token.p + n + major, digits - major});
	}
	const char *point = token.n <= LONGEST + 1 ? memchr(token.p, '.', token.n) : NULL;
	size_t major = point ? (size_t)(point - token.p) : 0;
	if (!major || major + 1 >= token.n || memchr(point + 1, '.', token.n - major - 1))
		return false;
	return holds_spelt(text, (struct ff_span){token.p, major}, (struct ff_span){point + 1, token.n - major - 1});
}

bool ff_holds(struct ff_span text, struct ff_span token)
{
	return text.n && token.n && (holds_word(text, token) || holds_as_version(text, token));
}

static const struct {
	const char *name;
	double bytes;
} units[] = {{"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6},
	{"GB", 1e9}, {"TB", 1e12}, {"bytes", 1}, {"B", 1}, {"Gi", 0x1p30}, {"Mi", 0x1p20}, {"G", 0x1p30},
	{"M", 0x1p20}};

// A number at the front of *rest, with its unit; *rest goes on behind it.
bool ff_quantity_take(struct ff_span *rest, struct ff_quantity *ret)
{
	char digits[32];
	size_t n = 0, point = 0;
	while (n < rest->n && n < sizeof(digits) - 1 && (isdigit((unsigned char)rest->p[n]) || rest->p[n] == '.')) {
		if (rest->p[n] == '.') {
			if (point || n + 1 >= rest->n || !isdigit((unsigned char)rest->p[n + 1]))
				break;
			point = n;
		}
		digits[n] = rest->p[n];
		n++;
	}
	if (!n)
		return false;
	digits[n] = '\0';
	*ret = (struct ff_quantity){strtod(digits, NULL), 0.5 * pow(10, point ? -(double)(n - point - 1) : 0), false};
	struct ff_span behind = {rest->p + n, rest->n - n};
	struct ff_span word = behind.n && behind.p[0] == ' ' ? (struct ff_span){behind.p + 1, behind.n - 1} : behind;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && !ret->unit; i++) {
		size_t length = strlen(units[i].name);
		if (!ff_span_starts(word, units[i].name) || (word.n > length && ff_word_byte(word.p[length])))
			continue;
		ret->value *= units[i].bytes;
		ret->half *= units[i].bytes;
		ret->unit = true;
	}
	*rest = behind;
	return true;
}

static bool next_quantity(struct ff_span text, size_t *at, struct ff_quantity *ret)
{
	for (; *at < text.n; (*at)++) {
		struct ff_span rest = {text.p + *at, text.n - *at};
		if (!isdigit((unsigned char)rest.p[0]) || (*at && ff_word_byte(text.p[*at - 1])) ||
			!ff_quantity_take(&rest, ret))
			continue;
		*at = (size_t)(rest.p - text.p);
		return true;
	}
	return false;
}

static bool near(const struct ff_quantity *a, const struct ff_quantity *b)
{
	double room = a->half + (b->unit ? b->half : 0.5);
	return fabs(a->value - b->value) <= room * 1.0001;
}

bool ff_holds_quantity(struct ff_span text, const struct ff_quantity *said)
{
	struct ff_quantity held;
	for (size_t at = 0; next_quantity(text, &at, &held);) {
		if (near(said, &held))
			return true;
	}
	return false;
}
