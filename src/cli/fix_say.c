// The answer of `firstfix fix` as text.
//
//	It would change:
//	    numpy       2.1.3 -> 1.26.4
//	    tokenizers  0.19.1 (installed again)
#include "cli/fix_request.h"

#include "base/clean.h"
#include "base/str.h"
#include "base/wrap.h"

#include <stdarg.h>
#include <stdio.h>

enum { INDENT = 4 };

struct writer {
	struct ff_buf text;
	const struct ff_style *style;
};

// A sentence, safe and within the terminal's width.
__attribute__((format(printf, 3, 4))) static void sentence(struct writer *w, size_t indent, const char *format, ...)
{
	_cleanup_free_ char *given = NULL;
	_cleanup_buf_ struct ff_buf safe = {0};
	const struct ff_wrap how = {.columns = (size_t)w->style->columns, .indent = INDENT};
	va_list ap;
	va_start(ap, format);
	if (vasprintf(&given, format, ap) < 0)
		given = NULL;
	va_end(ap);
	ff_clean(&safe, ff_span_of(given), w->style->utf8);
	w->text.failed |= safe.failed || !given;
	if (w->text.failed)
		return;
	ff_buf_printf(&w->text, "%*s", (int)indent, "");
	ff_wrap(&how, (struct ff_span){safe.p, safe.n}, indent, &w->text);
	ff_buf_char(&w->text, '\n');
}

// A text of several lines: what is indented is a command, to be copied as it is.
static void sentences_of(struct writer *w, const char *text)
{
	struct ff_span rest = ff_span_of(text), line;
	while (ff_span_next(&rest, '\n', &line)) {
		if (ff_span_starts(line, "    "))
			ff_buf_printf(&w->text, "%.*s\n", (int)line.n, line.p);
		else
			sentence(w, 0, "%.*s", (int)line.n, line.p);
	}
}

static const char *what_becomes(const json_t *change)
{
	const char *to = ff_json_text(change, "to");
	return to ? to : "(removed)";
}

static void say_changes(struct writer *w, const json_t *changes)
{
	const char *name;
	json_t *change;
	size_t width = 0;
	json_object_foreach ((json_t *)changes, name, change)
		width = strlen(name) > width ? strlen(name) : width;
	json_object_foreach ((json_t *)changes, name, change) {
		const char *from = ff_json_text(change, "from"), *to = ff_json_text(change, "to");
		if (from && to && strcmp(from, to) == 0)
			sentence(w, INDENT, "%-*s  %s (installed again)", (int)width, name, to);
		else
			sentence(w, INDENT, "%-*s  %s -> %s", (int)width, name, from ? from : "(not installed)",
				what_becomes(change));
	}
}

static void say_fix(struct writer *w, const json_t *answer, const json_t *fix)
{
	const char *command = ff_json_text(fix, "command");
	int64_t which = 1;
	size_t i;
	json_t *effect;
	if (ff_json_int(answer, "which", &which) && which > 1)
		sentence(w, 0, "Fix %d: %s", (int)which, ff_json_text(fix, "say"));
	else
		sentence(w, 0, "Fix to try first: %s", ff_json_text(fix, "say"));
	if (command) // to be copied: as it is
		ff_buf_printf(&w->text, "%*s%s\n", INDENT, "", command);
	json_array_foreach (json_object_get(fix, "side_effects"), i, effect)
		sentence(w, INDENT, "Beware: %s", json_string_value(effect));
}

static struct ff_error *say(const struct ff_fix_request *r, char **ret)
{
	const struct ff_style style = ff_output_style(&r->output);
	struct writer w = {.style = &style};
	const json_t *a = r->answer, *changes = json_object_get(a, "changes"), *fix = json_object_get(a, "fix");
	static const char *const sentences[] = {"how", "error", "said", "warning"};
	size_t i;
	json_t *tried;
	if (ff_json_text(a, "cause"))
		sentence(&w, 0, "%s: %s", ff_json_text(a, "cause"), ff_json_text(a, "title"));
	if (fix)
		say_fix(&w, a, fix);
	if (json_object_size(changes))
		ff_buf_str(&w.text,
			json_object_get(a, "undone")			      ? "Put back:\n"
				: json_is_true(json_object_get(a, "applied")) ? "Changed:\n"
									      : "It would change:\n");
	say_changes(&w, changes);
	json_array_foreach (json_object_get(a, "tried"), i, tried) {
		sentence(&w, 0, "Tried on a copy: %s", ff_json_text(tried, "say"));
		sentence(&w, INDENT, "%s", ff_json_text(tried, "text"));
	}
	for (i = 0; i < sizeof(sentences) / sizeof(*sentences); i++) {
		const char *text = ff_json_text(a, sentences[i]);
		if (text)
			sentences_of(&w, text);
	}
	return ff_buf_finish(&w.text, ret);
}

int ff_fix_leave(struct ff_fix_request *r, struct ff_error *err, int code)
{
	char *text = NULL;
	if (!err && r->output.json)
		text = json_dumps(r->answer, JSON_INDENT(1));
	else if (!err)
		err = say(r, &text);
	if (!err && (!text || !ff_output_write("fix", &r->output, text)))
		code = 2;
	free(text);
	json_decref(r->diagnosis);
	json_decref(r->facts);
	json_decref(r->answer);
	return err ? ff_fail("fix", err) : code;
}

void ff_fix_note(struct ff_fix_request *r, const char *key, const char *text)
{
	json_object_set_new(r->answer, key, ff_json_string(text, strlen(text)));
}

void ff_fix_note_by_hand(struct ff_fix_request *r, const struct ff_fix_plan *plan)
{
	const char *why = plan->by_hand ? plan->by_hand : "it changes nothing here";
	const char *because = plan->foreign ? ff_json_text(r->diagnosis, "facts_of.because") : NULL;
	json_object_set_new(r->answer, "said",
		because ? json_sprintf("Nothing was changed: this one is for a person. Facts of: %s (%s).",
				  ff_json_text(r->diagnosis, "facts_of.what"), because)
			: json_sprintf("Nothing was changed: this one is for a person (%s).", why));
}
