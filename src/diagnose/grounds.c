// Every number, version, path, identifier and quotation of a sentence is looked for in what its rule saw. Sizes are
// compared as bytes, within what their digits show. What the rule says by itself counts only as it is written there:
// with the word before or behind it, or as a text of its own (a row of the rule's table).
//
//	sentence  "The driver is 470.82.01, and torch was built for CUDA 12.1."
//	rests on  {"fact": "driver.version"}, {"fact": "torch.cuda"}
#include "diagnose/grounds.h"

#include "diagnose/holds.h"

#include <ctype.h>
#include <math.h>

enum { OPERANDS_MAX = 8 };

// ---- what a rule computed ----

static bool some_source_holds(const json_t *sources, double operand)
{
	size_t i;
	json_t *source;
	char text[40];
	snprintf(text, sizeof(text), "%.17g", operand);
	struct ff_quantity said = {operand, fmax(0.5, fabs(operand) * 0.001), true};
	json_array_foreach (sources, i, source) {
		const char *held = ff_json_text(source, "text");
		if (held && !json_is_true(json_object_get(source, "literal")) &&
			ff_holds_quantity(ff_span_of(held), &said))
			return true;
	}
	return false;
}

// A sum or difference of its operands, a ratio of two (as it is or in percent), a product, or the rule of three.
static bool adds_up(double value, const double *of, size_t n)
{
	size_t ways = 1;
	double room = fmax(1.0, fabs(value) * 0.005);
	for (size_t i = 0; i < n; i++)
		ways *= 3;
	for (size_t way = 1; way < ways; way++) {
		double sum = 0;
		size_t rest = way;
		for (size_t i = 0; i < n; i++, rest /= 3)
			sum += (double)(rest % 3 == 2 ? -1 : (int)(rest % 3)) * of[i];
		if (fabs(sum - value) <= room)
			return true;
	}
	if (n == 3 && of[2] != 0 && fabs(of[0] * of[1] / of[2] - value) <= room)
		return true;
	if (n != 2 || of[1] == 0)
		return false;
	return fabs(of[0] * of[1] - value) <= room || fabs(of[0] / of[1] - value) <= 0.05 ||
		fabs(100 * of[0] / of[1] - value) <= room;
}

static bool is_true_sum(const json_t *sources, const json_t *computed)
{
	double of[OPERANDS_MAX];
	const json_t *operands = json_object_get(computed, "of");
	size_t n = json_array_size(operands);
	if (!n || n > OPERANDS_MAX || !json_is_number(json_object_get(computed, "value")))
		return false;
	for (size_t i = 0; i < n; i++) {
		of[i] = json_number_value(json_array_get(operands, i));
		if (!some_source_holds(sources, of[i]))
			return false;
	}
	return adds_up(json_number_value(json_object_get(computed, "value")), of, n);
}

// What the rule computed is a source like others where it is so.
static struct ff_error *add_computed(json_t *sources, const json_t *computed)
{
	size_t i;
	json_t *one;
	json_array_foreach (computed, i, one) {
		if (!is_true_sum(sources, one))
			continue;
		char text[40];
		snprintf(text, sizeof(text), "%.17g", json_number_value(json_object_get(one, "value")));
		json_t *source =
			json_pack("{s:{s:O}, s:s}", "on", "computed", json_object_get(one, "of"), "text", text);
		if (json_array_append_new(sources, source) < 0)
			return &ff_enomem;
	}
	return NULL;
}

// ---- sentences ----

// The end of the sentence at the front of the text: a full stop with a space behind it.
static size_t sentence_length(struct ff_span text)
{
	for (size_t i = 0; i + 2 < text.n; i++) {
		bool stop = strchr(".!?", text.p[i]) && text.p[i] && text.p[i + 1] == ' ';
		bool short_word = i >= 2 && text.p[i] == '.' && text.p[i - 2] == '.'; // e.g., i.e.
		if (stop && !short_word)
			return i + 1;
	}
	return text.n;
}

static bool is_quote(char c)
{
	return c == '\'' || c == '"' || c == '`';
}

// What stands between quotes at `at`, spaces and all; 0 when no quotation begins there.
static size_t quotation(struct ff_span text, size_t at)
{
	char quote = text.p[at];
	if (!is_quote(quote) || (at && ff_word_byte(text.p[at - 1])))
		return 0;
	for (size_t i = at + 1; i < text.n; i++) {
		if (text.p[i] == quote && i > at + 1 && (i + 1 == text.n || !ff_word_byte(text.p[i + 1])))
			return i - at + 1;
	}
	return 0;
}

static struct ff_span bare(struct ff_span word)
{
	while (word.n && strchr("([{<'\"`,;~", word.p[0])) {
		word.p++;
		word.n--;
	}
	while (word.n && strchr(")]}>'\"`,;:.!?%", word.p[word.n - 1]))
		word.n--;
	return word;
}

// Numbers, versions, paths, settings, dotted and camel-case names: not the words of a language.
static bool is_claim(struct ff_span word)
{
	bool claim = false;
	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];
		claim |= isdigit((unsigned char)c) || strchr("/_=\\@", c) || (c == '.' && i && i + 1 < word.n);
		claim |= i && isupper((unsigned char)c) && islower((unsigned char)word.p[i - 1]);
	}
	return claim;
}

struct claim {
	struct ff_span token, around_before, around_behind; // with the word before it, with the word behind it
	bool quoted;
};

// The rule's own words: as it wrote them, not a value that happens to look like another one of its texts.
static bool is_written(struct ff_span rule, const struct claim *c)
{
	_cleanup_buf_ struct ff_buf alone = {0};
	bool number = false;
	for (size_t i = 0; i < c->token.n; i++)
		number |= isdigit((unsigned char)c->token.p[i]);
	if (!number)
		return ff_holds(rule, c->token);
	ff_buf_printf(&alone, "\"%.*s\"", (int)c->token.n, c->token.p);
	return ff_holds(rule, c->around_before) || ff_holds(rule, c->around_behind) ||
		(alone.p && memmem(rule.p, rule.n, alone.p, alone.n));
}

// "NAME=value" and "torch>=2.3,<3": every part of it, in one source.
static bool holds_parts(struct ff_span text, struct ff_span token)
{
	size_t at = 0, parts = 0;
	while (at < token.n) {
		size_t from = at;
		while (at < token.n && !strchr("=<>!~,", token.p[at]))
			at++;
		if (at > from && !ff_holds(text, (struct ff_span){token.p + from, at - from}))
			return false;
		parts += at > from && at - from < token.n;
		at++;
	}
	return parts > 0;
}

static bool supports(const json_t *source, const struct claim *c)
{
	struct ff_span text = ff_span_of(ff_json_text(source, "text")), rest = c->token;
	struct ff_quantity said;
	if (!text.n)
		return false;
	if (json_is_true(json_object_get(source, "literal")))
		return is_written(text, c);
	if (ff_holds(text, c->token) || holds_parts(text, c->token))
		return true;
	rest.n += c->around_behind.n > c->token.n ? c->around_behind.n - c->token.n : 0; // the unit stands behind
	if (!ff_quantity_take(
		    &rest, &said)) // a number without a unit must stand there as it is, unless it was computed
		return false;
	return (said.unit || ff_json_at(source, "on.computed")) && ff_holds_quantity(text, &said);
}

// ---- one sentence ----

static struct ff_error *rest_on(json_t *on, const json_t *source)
{
	size_t i;
	json_t *there, *what = json_object_get(source, "on");
	json_array_foreach (on, i, there) {
		if (json_equal(there, what))
			return NULL;
	}
	return json_array_append(on, what) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *weigh_claim(const struct claim *c, const json_t *sources, json_t *on, json_t *unsupported)
{
	size_t i;
	json_t *source;
	json_array_foreach (sources, i, source) {
		if (supports(source, c))
			return rest_on(on, source);
	}
	return json_array_append_new(unsupported, ff_json_string(c->token.p, c->token.n)) < 0 ? &ff_enomem : NULL;
}

static size_t word_end(struct ff_span text, size_t at)
{
	while (at < text.n && text.p[at] != ' ')
		at++;
	return at;
}

// The claim that begins at *at, and where the next word begins.
static bool next_claim(struct ff_span text, size_t *at, size_t *before, struct claim *ret)
{
	while (*at < text.n) {
		size_t from = *at, quoted = quotation(text, from), end = quoted ? from + quoted : word_end(text, from);
		struct ff_span word = bare((struct ff_span){text.p + from, end - from});
		size_t behind = word_end(text, end + 1 < text.n ? end + 1 : text.n);
		struct ff_span ahead = bare((struct ff_span){text.p + from, behind - from});
		size_t past = word.n ? (size_t)(word.p + word.n - text.p) : end;
		*ret = (struct claim){.token = word,
			.around_before = {text.p + *before, past - *before},
			.around_behind = {word.p, (size_t)(ahead.p + ahead.n - word.p)},
			.quoted = quoted != 0};
		if (*before == from)
			ret->around_before = (struct ff_span){NULL, 0};
		*before = from;
		*at = word_end(text, end) + 1;
		if (word.n && (quoted || is_claim(word)))
			return true;
	}
	return false;
}

static struct ff_error *ground_sentence(struct ff_span sentence, const json_t *sources, json_t *list)
{
	_cleanup_json_ json_t *on = json_array(), *unsupported = json_array();
	struct ff_error *err = NULL;
	size_t at = 0, before = 0;
	struct claim c;
	while (!err && next_claim(sentence, &at, &before, &c))
		err = weigh_claim(&c, sources, on, unsupported);
	if (!err && !json_array_size(on) && json_array_size(sources)) // only words: what made the rule speak
		err = rest_on(on, json_array_get(sources, 0));
	if (err)
		return err;
	json_t *entry = json_pack("{s:o, s:O}", "sentence", ff_json_string(sentence.p, sentence.n), "on", on);
	if (entry && json_array_size(unsupported))
		json_object_set(entry, "unsupported", unsupported);
	return json_array_append_new(list, entry) < 0 ? &ff_enomem : NULL;
}

struct ff_error *ff_grounds(const char *why, json_t *sources, const json_t *computed, json_t **ret)
{
	struct ff_span rest = ff_span_trim(ff_span_of(why));
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = list ? add_computed(sources, computed) : &ff_enomem;
	while (rest.n && !err) {
		size_t n = sentence_length(rest);
		err = ground_sentence((struct ff_span){rest.p, n}, sources, list);
		rest = ff_span_trim((struct ff_span){rest.p + n, rest.n - n});
	}
	if (!err)
		*ret = ff_take(&list);
	return err;
}
