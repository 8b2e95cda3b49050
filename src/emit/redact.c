// Copies a document and masks on the way. A value is masked whole when its key or the option before it tells that it is
// a secret, and in part when a pattern of rules/data/secrets.tsv matches in it. A private key that was cut into lines
// (a log's tail as an array) is followed from BEGIN to END. Strings without secrets are shared with the source,
// containers copied.
//
//	{"argv": ["serve", "--api-key", "abc123"]} -> {"argv": ["serve", "--api-key", "[masked:named:6]"]}
#include "emit/redact.h"

#include "base/shell.h"
#include "base/telling.h"
#include "emit/secret.h"
#include "know/env_vars.h"

#include <stdlib.h>

enum { MAX_DEPTH = 128, MAX_NAME = 100 };

struct ff_shareable {
	json_t *document;
	json_t *masked;
};

struct walk {
	json_t *masked;	     // array, or NULL
	struct ff_buf place; // dotted path of where we are
	bool in_key_block;   // lines of a private key follow
	bool out_of_memory;
};

static void note(void *arg, struct ff_span kind, size_t length)
{
	struct walk *w = arg;
	if (!w->masked)
		return;
	json_t *entry = json_pack("{s:s%, s:s%, s:I}", "place", w->place.p ? w->place.p : "", w->place.n, "kind",
		kind.p, kind.n, "length", (json_int_t)length);
	if (json_array_append_new(w->masked, entry) < 0)
		w->out_of_memory = true;
}

// "[masked:kind:N]"; in an environment the object of the contract.
static json_t *mask_whole(struct walk *w, struct ff_span kind, struct ff_span value, bool as_object)
{
	note(w, kind, value.n);
	if (as_object)
		return json_pack("{s:b, s:I}", "masked", 1, "length", (json_int_t)value.n);
	return json_sprintf("[masked:%.*s:%zu]", (int)kind.n, kind.p, value.n);
}

static bool is_key_line(struct ff_span line)
{
	line = ff_span_trim(line);
	for (size_t i = 0; i < line.n; i++) {
		if (!strchr("+/=", line.p[i]) && !((line.p[i] | 0x20) >= 'a' && (line.p[i] | 0x20) <= 'z') &&
			!(line.p[i] >= '0' && line.p[i] <= '9'))
			return false;
	}
	return line.n > 0;
}

static bool contains(struct ff_span text, const char *what)
{
	return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static void follow_key_block(struct walk *w, struct ff_span text)
{
	if (contains(text, "-----BEGIN ") && contains(text, "PRIVATE KEY"))
		w->in_key_block = true;
	if (contains(text, "-----END "))
		w->in_key_block = false;
}

static struct ff_error *copy_string(struct walk *w, json_t *string, json_t **ret)
{
	struct ff_span text = {json_string_value(string), json_string_length(string)};
	if (w->in_key_block && is_key_line(text)) {
		*ret = mask_whole(w, FF_SPAN("private-key"), text, false);
		return *ret ? NULL : &ff_enomem;
	}
	if (text.n < 5 || !ff_secret_suspect(text)) {
		if (w->in_key_block)
			follow_key_block(w, text);
		*ret = json_incref(string);
		return NULL;
	}
	follow_key_block(w, text);
	_cleanup_buf_ struct ff_buf out = {0};
	struct ff_error *err = ff_secret_mask(text, note, w, &out);
	if (err)
		return err;
	*ret = ff_json_string(out.p, out.n);
	return *ret && !w->out_of_memory ? NULL : &ff_enomem;
}

static struct ff_error *copy_value(struct walk *w, json_t *value, unsigned depth, bool is_env, json_t **ret);

static bool is_env_key(const char *key)
{
	return strcmp(key, "env") == 0 || strcmp(key, "environ") == 0 || strcmp(key, "environment") == 0;
}

// One member of an object on its way into the copy.
struct member {
	json_t *object;
	const char *key;
	bool in_env;
};

// Libraries have more variables than our table, and some begin as theirs do and are the user's own: one that no row
// names by its full name is shown where its value is plain words, numbers and paths.
static bool is_unknown_variable(struct ff_span name, struct ff_span value)
{
	struct ff_env_var var;
	bool known = ff_env_var_find(name, &var) && !var.prefix;
	return !known && !ff_telling_plain(value);
}

// {"name": "HF_TOKEN", "value": "..."}, as Kubernetes and Docker write an environment.
static struct ff_span name_of(const struct member *m)
{
	const char *name = ff_json_text(m->object, "name");
	return ff_span_of(name && strcmp(m->key, "value") == 0 ? name : m->key);
}

static bool is_argv_key(const char *key)
{
	return strcmp(key, "argv") == 0 || strcmp(key, "cmdline") == 0;
}

static struct ff_error *copy_argv(struct walk *w, json_t *argv, unsigned depth, json_t **ret);

static struct ff_error *copy_member(struct walk *w, const struct member *m, json_t *value, unsigned depth, json_t **ret)
{
	struct ff_span text = {json_string_value(value), json_string_length(value)}, name = name_of(m);
	bool secret = json_is_string(value) &&
		(ff_telling_secret(name, text) || (m->in_env && text.n && is_unknown_variable(name, text)));
	if (secret) {
		*ret = mask_whole(w, FF_SPAN("named"), text, m->in_env);
		return *ret ? NULL : &ff_enomem;
	}
	if (json_is_array(value) && is_argv_key(m->key))
		return copy_argv(w, value, depth + 1, ret);
	return copy_value(w, value, depth + 1, is_env_key(m->key), ret);
}

// A key is text like any other: a secret in it is masked, in the copy and in the place that notes name.
static struct ff_error *copy_entry(struct walk *w, json_t *copy, const struct member *m, json_t *value, unsigned depth)
{
	_cleanup_buf_ struct ff_buf masked = {0};
	struct ff_span name = ff_span_of(m->key);
	struct ff_error *err = NULL;
	if (ff_secret_suspect(name))
		err = ff_secret_mask(name, note, w, &masked);
	if (err)
		return err;
	if (masked.p)
		name = (struct ff_span){masked.p, masked.n};
	size_t at = w->place.n;
	ff_buf_str(&w->place, at ? "." : "");
	ff_buf_span(&w->place, name);
	json_t *mine;
	err = copy_member(w, m, value, depth, &mine);
	if (!err && json_object_set_new(copy, name.p, mine) < 0)
		err = &ff_enomem;
	w->place.n = at;
	return err;
}

static struct ff_error *quote_words(const json_t *argv, struct ff_buf *out)
{
	size_t i;
	const json_t *word;
	json_array_foreach (argv, i, word) {
		ff_buf_str(out, i ? " " : "");
		ff_shell_quote(out, (struct ff_span){json_string_value(word), json_string_length(word)});
	}
	return out->failed ? &ff_enomem : NULL;
}

// A command line is quoted for people, and what quotes do to a secret hides it from the patterns. So it is made anew
// from its words, which were masked one by one.
static struct ff_error *put_command(json_t *copy)
{
	const json_t *argv = json_object_get(copy, "argv");
	if (!json_is_array(argv) || !json_is_string(json_object_get(copy, "command")))
		return NULL;
	_cleanup_buf_ struct ff_buf line = {0};
	struct ff_error *err = quote_words(argv, &line);
	return err ? err : ff_json_put(copy, "command", ff_json_string(line.p ? line.p : "", line.n));
}

static struct ff_error *copy_object(struct walk *w, json_t *object, unsigned depth, bool is_env, json_t **ret)
{
	_cleanup_json_ json_t *copy = json_object();
	if (!copy)
		return &ff_enomem;
	const char *key;
	json_t *value;
	json_object_foreach (object, key, value) {
		struct member m = {object, key, is_env};
		struct ff_error *err = copy_entry(w, copy, &m, value, depth);
		if (err)
			return err;
	}
	struct ff_error *err = put_command(copy);
	if (!err)
		*ret = ff_take(&copy);
	return err;
}

// "--hf-token": the next element is its value.
static bool is_telling_option(const json_t *before)
{
	struct ff_span text = {json_string_value(before), json_string_length(before)};
	if (!ff_span_starts(text, "-") || ff_span_starts(text, "---") || (text.p && strpbrk(text.p, "= ")))
		return false;
	return ff_telling_name(text) == FF_TELLS || ff_span_eq(text, "--token") || ff_span_eq(text, "--key");
}

static struct ff_error *copy_element(struct walk *w, json_t *array, size_t i, unsigned depth, json_t **ret)
{
	json_t *value = json_array_get(array, i);
	struct ff_span text = {json_string_value(value), json_string_length(value)};
	bool secret = i && json_is_string(value) && !ff_span_starts(text, "-") && !ff_telling_placeholder(text) &&
		is_telling_option(json_array_get(array, i - 1));
	if (!secret)
		return copy_value(w, value, depth + 1, false, ret);
	*ret = mask_whole(w, FF_SPAN("named"), text, false);
	return *ret ? NULL : &ff_enomem;
}

static struct ff_error *copy_array(struct walk *w, json_t *array, unsigned depth, json_t **ret)
{
	_cleanup_json_ json_t *copy = json_array();
	if (!copy)
		return &ff_enomem;
	size_t at = w->place.n;
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *mine;
		ff_buf_printf(&w->place, "%s%zu", at ? "." : "", i);
		struct ff_error *err = copy_element(w, array, i, depth, &mine);
		if (err)
			return err;
		if (json_array_append_new(copy, mine) < 0)
			return &ff_enomem;
		w->place.n = at;
	}
	*ret = ff_take(&copy);
	return NULL;
}

// The words of a masked line, in the place of those that it was made of. Where the line no longer falls into as many, a
// mask took more than a word: then nothing of what follows the program is shown.
static struct ff_error *split_again(struct walk *w, struct ff_span line, json_t *words)
{
	_cleanup_json_ json_t *again = json_array();
	_cleanup_buf_ struct ff_buf word = {0};
	while (again && ff_shell_next(&line, &word))
		json_array_append_new(again, ff_json_string(word.p ? word.p : "", word.n));
	if (!again || word.failed)
		return &ff_enomem;
	bool fits = json_array_size(again) == json_array_size(words);
	for (size_t i = 0; i < json_array_size(words); i++) {
		size_t n = json_string_length(json_array_get(words, i));
		json_t *shown = fits ? json_incref(json_array_get(again, i))
			: i	     ? mask_whole(w, FF_SPAN("unchecked"), (struct ff_span){NULL, n}, false)
				     : json_incref(json_array_get(words, i));
		if (json_array_set_new(words, i, shown) < 0)
			return &ff_enomem;
	}
	return NULL;
}

static bool all_strings(const json_t *array)
{
	size_t i;
	const json_t *entry;
	json_array_foreach (array, i, entry) {
		if (!json_is_string(entry))
			return false;
	}
	return true;
}

// "--db-password=it's on": in an argument the value ends where the argument does. "DB_PASS=..." before a program is one
// too.
static struct ff_error *mask_assigned(struct walk *w, json_t *words, size_t i)
{
	const json_t *word = json_array_get(words, i);
	struct ff_span value = {json_string_value(word), json_string_length(word)}, name;
	bool assigns = json_is_string(word) && ff_span_next(&value, '=', &name) && value.n && name.n < MAX_NAME &&
		!memchr(name.p, ' ', name.n);
	if (!assigns || !ff_telling_secret(name, value))
		return NULL;
	note(w, FF_SPAN("named"), value.n);
	json_t *masked = json_sprintf("%.*s=[masked:named:%zu]", (int)name.n, name.p, value.n);
	return json_array_set_new(words, i, masked) < 0 ? &ff_enomem : NULL;
}

// Arguments of a process: each by itself, then as the line that they are, because what "-p" means the program's name
// tells.
static struct ff_error *copy_argv(struct walk *w, json_t *argv, unsigned depth, json_t **ret)
{
	_cleanup_json_ json_t *own = json_copy(argv), *words = NULL;
	struct ff_error *err = own ? NULL : &ff_enomem;
	for (size_t i = 0; !err && i < json_array_size(own); i++)
		err = mask_assigned(w, own, i);
	if (!err)
		err = copy_array(w, own, depth, &words);
	_cleanup_buf_ struct ff_buf line = {0}, masked = {0};
	if (!err && all_strings(words))
		err = quote_words(words, &line);
	struct ff_span text = {line.p, line.n};
	if (!err && text.n && ff_secret_suspect(text))
		err = ff_secret_mask(text, note, w, &masked);
	if (!err && masked.n && !ff_span_same(text, (struct ff_span){masked.p, masked.n}))
		err = split_again(w, (struct ff_span){masked.p, masked.n}, words);
	if (!err)
		*ret = ff_take(&words);
	return err;
}

static struct ff_error *copy_value(struct walk *w, json_t *value, unsigned depth, bool is_env, json_t **ret)
{
	if (depth > MAX_DEPTH)
		return ff_error_create(FF_ELIMIT, "a document is nested deeper than %d", MAX_DEPTH);
	if (json_is_object(value))
		return copy_object(w, value, depth, is_env, ret);
	if (json_is_array(value))
		return copy_array(w, value, depth, ret);
	if (json_is_string(value))
		return copy_string(w, value, ret);
	*ret = json_incref(value);
	return NULL;
}

struct ff_error *ff_share(const json_t *document, struct ff_shareable **ret)
{
	struct walk w = {.masked = json_array()};
	struct ff_shareable *s = calloc(1, sizeof(*s));
	struct ff_error *err = s && w.masked ? copy_value(&w, (json_t *)document, 0, false, &s->document) : &ff_enomem;
	if (!err && (w.out_of_memory || w.place.failed))
		err = &ff_enomem;
	ff_buf_deinit(&w.place);
	if (s)
		s->masked = w.masked;
	if (err) {
		ff_shareable_destroy(s);
		return err;
	}
	*ret = s;
	return NULL;
}

const json_t *ff_shareable_document(const struct ff_shareable *s)
{
	return s->document;
}

const json_t *ff_shareable_masked(const struct ff_shareable *s)
{
	return s->masked;
}

void ff_shareable_destroy(struct ff_shareable *s)
{
	if (!s)
		return;
	json_decref(s->document);
	json_decref(s->masked);
	free(s);
}

struct ff_error *ff_share_text(struct ff_span text, const char *place, json_t *masked, struct ff_buf *out)
{
	struct walk w = {.masked = masked};
	ff_buf_str(&w.place, place);
	struct ff_error *err = ff_secret_mask(text, note, &w, out);
	ff_buf_deinit(&w.place);
	return err ? err : w.out_of_memory ? &ff_enomem : NULL;
}
