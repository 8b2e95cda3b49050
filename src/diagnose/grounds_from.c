// Gathers what a rule saw before it spoke: the lines its signatures matched and the events they stand in, the exception
// that ended it, the facts it asked for, what tables answered, and its own text.
//
//	answer  {"why": "...", "read": {"facts": ["driver.version", "python.packages.torch.version"], "tables": {"driver_runs": ["525.60.13"]}}}
#include "diagnose/book.h"
#include "diagnose/grounds.h"
#include "parse/requirement.h"

enum { TEXT_MAX = 256 << 10, DEPTH_MAX = 16 };

// ---- texts ----

// Names and values of a fact, one a line; a list is also its length.
static void flatten(const json_t *value, int depth, struct ff_buf *out)
{
	const char *key;
	json_t *item;
	size_t i;
	if (depth > DEPTH_MAX || out->n > TEXT_MAX)
		return;
	json_object_foreach ((json_t *)value, key, item) {
		ff_buf_printf(out, "%s\n", key);
		flatten(item, depth + 1, out);
	}
	json_array_foreach (value, i, item)
		flatten(item, depth + 1, out);
	if (json_is_array(value))
		ff_buf_printf(out, "%zu\n", json_array_size(value));
	else if (json_is_string(value))
		ff_buf_printf(out, "%s\n", json_string_value(value));
	else if (json_is_integer(value))
		ff_buf_printf(out, "%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
	else if (json_is_real(value))
		ff_buf_printf(out, "%.17g\n", json_real_value(value));
}

static struct ff_error *add(json_t *sources, json_t *on, struct ff_buf *text, bool literal)
{
	_cleanup_json_ json_t *what = on;
	if (text->failed || !what)
		return &ff_enomem;
	json_t *source = json_pack("{s:O, s:o}", "on", what, "text", ff_json_string(text->p ? text->p : "", text->n));
	if (source && literal)
		json_object_set_new(source, "literal", json_true());
	return json_array_append_new(sources, source) < 0 ? &ff_enomem : NULL;
}

// ---- the log ----

static void add_event_text(const struct ff_event *e, struct ff_buf *out)
{
	ff_buf_printf(out, "%s: %s\n%s\n", e->qualified, e->message, e->source);
	for (size_t i = 0; i < e->frame_count; i++)
		ff_buf_printf(out, "%s:%u %s\n", e->frames[i].file, e->frames[i].line, e->frames[i].func);
}

static struct ff_error *add_events(const struct ff_events *events, size_t from, json_t *sources)
{
	struct ff_error *err = NULL;
	for (size_t i = from, steps = 0; i != FF_EVENT_NO_INNER && steps < 64 && !err; steps++) {
		const struct ff_event *e = ff_events_at(events, i);
		_cleanup_buf_ struct ff_buf text = {0};
		if (!e)
			break;
		add_event_text(e, &text);
		err = add(sources, json_pack("{s:I}", "log", (json_int_t)e->last), &text, false);
		i = e->inner;
	}
	return err;
}

static struct ff_error *add_hits(const struct ff_rules *rules, const struct ff_scan *scan, size_t rule, json_t *sources)
{
	const struct ff_rule *r = ff_rules_at(rules, rule);
	struct ff_error *err = NULL;
	for (size_t s = r->first_signature; s < r->first_signature + r->signature_count && !err; s++) {
		uint64_t total;
		size_t n;
		const struct ff_hit *hits = ff_scan_hits(scan, s, &n, &total);
		for (size_t i = 0; i < n && !err; i++) {
			_cleanup_buf_ struct ff_buf text = {0};
			ff_buf_printf(&text, "%s\n%zu %llu\n", hits[i].text ? hits[i].text : "", n,
				(unsigned long long)total);
			err = add(sources, json_pack("{s:I}", "log", (json_int_t)hits[i].line), &text, false);
			if (!err)
				err = add_events(ff_scan_events(scan), hits[i].event, sources);
		}
	}
	return err;
}

// ---- facts and tables ----

// As f.pkg() finds them: by any spelling of the name, else in the package's own block.
static const json_t *package_at(const json_t *facts, struct ff_span name)
{
	const char *key;
	json_t *entry;
	json_object_foreach (ff_json_at(facts, "python.packages"), key, entry) {
		if (ff_package_name_equal(ff_span_of(key), name))
			return json_object_get(entry, "version");
	}
	_cleanup_free_ char *block = ff_span_dup(name);
	for (char *c = block; c && *c; c++)
		*c = (char)(*c == '-' ? '_' : *c);
	return block ? json_object_get(json_object_get(facts, block), "version") : NULL;
}

static const json_t *fact_at(const json_t *facts, const char *path)
{
	static const char packages[] = "python.packages.", version[] = ".version";
	if (!ff_starts(path, packages) || !ff_ends(path, version))
		return ff_json_at(facts, path);
	return package_at(
		facts, (struct ff_span){path + strlen(packages), strlen(path) - strlen(packages) - strlen(version)});
}

static struct ff_error *add_facts(const json_t *facts, const json_t *paths, json_t *sources)
{
	size_t i;
	json_t *path;
	struct ff_error *err = NULL;
	json_array_foreach (paths, i, path) {
		const char *name = json_string_value(path);
		_cleanup_buf_ struct ff_buf text = {0};
		if (!name || err)
			continue;
		ff_buf_printf(&text, "%s\n", name);
		flatten(fact_at(facts, name), 0, &text);
		err = add(sources, json_pack("{s:s}", "fact", name), &text, false);
	}
	return err;
}

static struct ff_error *add_tables(const json_t *tables, json_t *sources)
{
	const char *name;
	json_t *answers;
	struct ff_error *err = NULL;
	json_object_foreach ((json_t *)tables, name, answers) {
		_cleanup_buf_ struct ff_buf text = {0};
		flatten(answers, 0, &text);
		if (!err)
			err = add(sources, json_pack("{s:s}", "table", name), &text, false);
	}
	return err;
}

// ---- the rule ----

// The file without what breaks a sentence over lines (`one " ..` and `"two`).
static void add_rule_text(const char *file, struct ff_buf *out)
{
	struct ff_span rest = ff_book_text(file);
	for (size_t i = 0; i < rest.n; i++) {
		size_t end = i;
		if (rest.p[i] == '"') {
			for (end = i + 1; end < rest.n && strchr(" .\n\t", rest.p[end]); end++)
				;
		}
		if (end > i + 3 && end < rest.n && rest.p[end] == '"' && memmem(rest.p + i, end - i, "..", 2))
			i = end;
		else
			ff_buf_char(out, rest.p[i] == '\n' ? ' ' : rest.p[i]);
	}
}

static struct ff_error *add_rule(const struct ff_rules *rules, size_t index, json_t *sources)
{
	const struct ff_rule *rule = ff_rules_at(rules, index);
	_cleanup_buf_ struct ff_buf text = {0};
	add_rule_text(rule->file, &text);
	ff_buf_printf(&text, "\n%s\n", rule->title);
	return add(sources, json_pack("{s:s}", "rule", rule->id), &text, true);
}

struct ff_error *ff_finding_grounds(const struct ff_rules *rules, const struct ff_scan *scan, const json_t *facts,
	const struct ff_finding *f, json_t **ret)
{
	_cleanup_json_ json_t *sources = json_array();
	struct ff_error *err = sources ? NULL : &ff_enomem;
	if (!err && scan)
		err = add_events(ff_scan_events(scan), f->event, sources);
	if (!err && scan)
		err = add_hits(rules, scan, f->rule, sources);
	if (!err && scan)
		err = add_events(ff_scan_events(scan), ff_events_fatal(ff_scan_events(scan)), sources);
	if (!err)
		err = add_facts(facts, ff_json_at(f->answer, "read.facts"), sources);
	if (!err)
		err = add_tables(ff_json_at(f->answer, "read.tables"), sources);
	if (!err)
		err = add_rule(rules, f->rule, sources);
	if (!err && f->confirmed)
		err = add_rule(rules, f->by, sources);
	const char *why = ff_json_text(f->answer, "why");
	if (!err)
		err = ff_grounds(why ? why : "", sources, json_object_get(f->answer, "computed"), ret);
	if (err || ff_rules_at(rules, f->rule)->built_in)
		return err;
	size_t i;
	json_t *entry;
	json_array_foreach (
		*ret, i, entry) // the text of a user's rule is not kept: what it says by itself cannot be told apart
		json_object_del(entry, "unsupported");
	return NULL;
}
