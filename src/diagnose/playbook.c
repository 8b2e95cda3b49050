// Gathers what rules say of a cause. Fixes that a rule makes at run time are taken from its text where they stand there
// as literals; kinds of fix that causes.tsv allows and no rule spells out get a general sentence.
#include "diagnose/playbook.h"

#include "base/embed.h"
#include "diagnose/book.h"
#include "diagnose/pattern_text.h"
#include "fix/fix.h"

FF_EMBEDDED(ff_engine, causes);

enum { SIGNATURES_SHOWN = 12, LITERALS_MAX = 64 };

static const char literal_fix[] = "\\{[^{}]*?kind = \"(?<kind>[^\"]+)\",\\s*say = "
				  "\"(?<say>(?:[^\"{]|\"\\s*\\.\\.\\s*\")+)\"\\s*(?=[,}])";

// Kinds of fix and what they mean; %s is what stands after the colon.
static const struct {
	const char *kind, *say;
} general[] = {
	{"env:", "Set, correct or unset %s."},
	{"pip:", "Install or upgrade %s."},
	{"pip-downgrade:", "Install an older %s."},
	{"rebuild:", "Rebuild %s for this machine."},
	{"apt:", "Install the system package %s."},
	{"container-flag:", "Start the container with another --%s."},
	{"param:", "Change the parameter %s."},
	{"driver", "Upgrade or repair the NVIDIA driver."},
	{"toolkit", "Install the CUDA toolkit that is needed."},
	{"code", "Correct the program."},
	{"hardware", "Use other hardware, or have it repaired."},
	{"disk", "Make room on the disk, or use another."},
	{"auth", "Log in, or give the account the right it lacks."},
	{"restart", "Restart the process, the container or the host."},
	{"free-gpu", "Stop what else uses the GPU."},
	{"free-port", "Stop what else uses the port."},
	{"wait", "Wait and try again."},
	{"conda", "Take the package from conda."},
	{"os", "Change the operating system or its settings."},
	{"network", "Repair the network."},
};

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
			return true;
	}
	return false;
}

static bool has_kind(const json_t *fixes, const char *kind)
{
	size_t i;
	json_t *fix;
	json_array_foreach (fixes, i, fix) {
		const char *other = ff_json_text(fix, "kind");
		if (other && strcmp(other, kind) == 0)
			return true;
	}
	return false;
}

static void add_text(json_t *list, struct ff_span text)
{
	_cleanup_json_ json_t *item = text.n ? ff_json_string(text.p, text.n) : NULL;
	if (item && !has_text(list, json_string_value(item)))
		json_array_append(list, item);
}

static void add_fix(json_t *fixes, struct ff_span kind, struct ff_span say, struct ff_span command)
{
	_cleanup_free_ char *name = ff_span_dup(kind);
	_cleanup_free_ char *sentence = NULL;
	if (ff_span_starts(say, "Or ") && say.n > 3) { // one of several there, a sentence of its own here
		say = (struct ff_span){say.p + 3, say.n - 3};
		sentence = ff_span_dup(say);
		if (sentence && sentence[0] >= 'a' && sentence[0] <= 'z')
			sentence[0] = (char)(sentence[0] - 'a' + 'A');
		say.p = sentence ? sentence : say.p;
	}
	// names made at run time ("env:" .. name) are no kinds
	if (name && kind.n && kind.p[kind.n - 1] != ':' && !memchr(kind.p, '{', kind.n) && !has_kind(fixes, name))
		json_array_append_new(fixes,
			json_pack("{s:s, s:o, s:o*}", "kind", name, "say", ff_json_string(say.p, say.n), "command",
				command.n ? ff_json_string(command.p, command.n) : NULL));
}

static struct ff_span block_text(const struct ff_rules *rules, size_t index)
{
	const struct ff_rule *rule = ff_rules_at(rules, index);
	struct ff_span text = rule->built_in ? ff_book_text(rule->file) : FF_SPAN(""), line;
	for (int n = 1; n < rule->line && ff_span_next(&text, '\n', &line); n++)
		;
	struct ff_span rest = text;
	while (rest.n && ff_span_next(&rest, '\n', &line)) {
		if (ff_span_starts(line, "}"))
			return (struct ff_span){text.p, (size_t)(line.p + line.n - text.p)};
	}
	return text;
}

// A sentence that is broken over lines ("one" .. "two") as one.
static struct ff_error *join(struct ff_span say, char **ret)
{
	_cleanup_buf_ struct ff_buf b = {0};
	bool inside = true;
	for (size_t i = 0; i < say.n; i++) {
		if (say.p[i] == '"')
			inside = !inside;
		else if (inside)
			ff_buf_char(&b, say.p[i]);
	}
	return ff_buf_finish(&b, ret);
}

static struct ff_error *add_literal_fixes(struct ff_span text, struct ff_regex *regex, json_t *fixes)
{
	struct ff_match m;
	size_t from = 0;
	for (int i = 0; i < LITERALS_MAX && ff_regex_match(regex, text, from, &m); i++) {
		_cleanup_free_ char *say = NULL;
		struct ff_error *err = join(m.group[2], &say);
		if (err)
			return err;
		add_fix(fixes, m.group[1], ff_span_of(say), (struct ff_span){0});
		from = (size_t)(m.group[0].p + m.group[0].n - text.p);
	}
	return NULL;
}

// Those of the plain fields, as they are written with nothing known of the machine. What holds a {name} is no command
// yet.
static struct ff_error *add_plain_fixes(const json_t *intentions, json_t *fixes)
{
	_cleanup_fix_machine_ struct ff_fix_machine *machine = NULL;
	struct ff_error *err = ff_fix_machine_create(NULL, NULL, &machine);
	json_t *intention;
	size_t i;
	json_array_foreach (intentions, i, intention) {
		_cleanup_json_ json_t *fix = NULL;
		err = err ? err : ff_fix_write(machine, intention, &fix);
		if (err)
			return err;
		const char *command = ff_json_text(fix, "command");
		add_fix(fixes, ff_span_of(ff_json_text(fix, "kind")), ff_span_of(ff_json_text(intention, "say")),
			ff_span_of(command && !strchr(command, '{') ? command : NULL));
	}
	return err;
}

static struct ff_error *add_doc(struct ff_rules *rules, size_t index, json_t *doc)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	int top = lua_gettop(L);
	struct ff_error *err = ff_rules_push(rules, index);
	if (err)
		return err;
	lua_getfield(L, -1, "doc");
	_cleanup_json_ json_t *said = lua_istable(L, -1) ? ff_sandbox_json(L, -1) : NULL;
	lua_getfield(L, top + 1, "fixes");
	_cleanup_json_ json_t *fixes = lua_istable(L, -1) ? ff_sandbox_json(L, -1) : NULL;
	lua_getfield(L, top + 1, "facts");
	_cleanup_json_ json_t *facts = lua_istable(L, -1) ? ff_sandbox_json(L, -1) : NULL;
	lua_settop(L, top);
	add_text(json_object_get(doc, "looks"), ff_span_of(ff_json_text(said, "looks")));
	add_text(json_object_get(doc, "check"), ff_span_of(ff_json_text(said, "check")));
	size_t i;
	json_t *path;
	err = add_plain_fixes(fixes, json_object_get(doc, "fixes"));
	json_array_foreach (facts, i, path)
		add_text(json_object_get(doc, "facts"), ff_span_of(json_string_value(path)));
	add_text(json_object_get(doc, "rules"), ff_span_of(ff_rules_at(rules, index)->id));
	return err;
}

static void add_signatures(struct ff_rules *rules, size_t index, json_t *list)
{
	const struct ff_rule *rule = ff_rules_at(rules, index);
	for (size_t i = rule->first_signature; i < rule->first_signature + rule->signature_count; i++) {
		const struct ff_signature *s = ff_rules_signature_at(rules, i);
		_cleanup_buf_ struct ff_buf text = {0};
		if (s->context || json_array_size(list) >= SIGNATURES_SHOWN)
			continue;
		ff_pattern_text(s->pattern, &text);
		struct ff_span trimmed = ff_span_trim((struct ff_span){text.p, text.n});
		if (trimmed.n > 3 && !text.failed)
			add_text(list, trimmed);
	}
}

static void add_general_fix(struct ff_span kind, json_t *fixes)
{
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++) {
		size_t n = strlen(general[i].kind);
		bool named = general[i].kind[n - 1] == ':';
		if (named ? !ff_span_starts(kind, general[i].kind) : !ff_span_eq(kind, general[i].kind))
			continue;
		_cleanup_buf_ struct ff_buf say = {0};
		const char *at = strstr(general[i].say, "%s");
		ff_buf_add(&say, general[i].say, at ? (size_t)(at - general[i].say) : strlen(general[i].say));
		if (at)
			ff_buf_add(&say, kind.p + n, kind.n - n);
		if (at)
			ff_buf_str(&say, at + 2);
		if (!say.failed)
			add_fix(fixes, kind, (struct ff_span){say.p, say.n}, (struct ff_span){0});
		return;
	}
}

// In the order of causes.tsv, which names the likeliest first; what rules name besides comes behind.
static json_t *fixes_in_order(struct ff_span kinds, json_t *literals)
{
	json_t *fixes = json_array(), *fix;
	size_t i;
	for (struct ff_span kind; kinds.n && ff_span_next(&kinds, ' ', &kind);) {
		json_array_foreach (literals, i, fix) {
			if (ff_span_eq(kind, ff_json_text(fix, "kind")))
				json_array_append(fixes, fix);
		}
		add_general_fix(kind, fixes);
	}
	json_array_foreach (literals, i, fix) {
		if (!has_kind(fixes, ff_json_text(fix, "kind")))
			json_array_append(fixes, fix);
	}
	return fixes;
}

static struct ff_error *add_rule(struct ff_rules *rules, size_t index, struct ff_regex *regex, json_t *doc)
{
	struct ff_error *err = add_doc(rules, index, doc);
	if (err)
		return err;
	add_signatures(rules, index, json_object_get(doc, "signatures"));
	return add_literal_fixes(block_text(rules, index), regex, json_object_get(doc, "fixes"));
}

struct ff_error *ff_playbook(struct ff_rules *rules, const char *cause, json_t **ret)
{
	struct ff_cause known = {0};
	bool found = ff_cause_find(cause, &known);
	struct ff_regex *regex = NULL;
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:[], s:[], s:[], s:[], s:[], s:[]}", "cause", cause, "looks",
		"signatures", "check", "facts", "fixes", "rules");
	struct ff_error *err = doc ? ff_regex_create(literal_fix, false, false, &regex) : &ff_enomem;
	for (size_t i = 0; i < ff_rules_count(rules) && !err; i++) {
		const struct ff_rule *rule = ff_rules_at(rules, i);
		if (!rule->id || strcmp(rule->cause, cause) != 0)
			continue;
		found = true;
		if (!json_object_get(doc, "title"))
			json_object_set_new(doc, "title", json_string(rule->title));
		err = add_rule(rules, i, regex, doc);
	}
	ff_regex_destroy(regex);
	if (err || !found)
		return err;
	if (!json_object_get(doc, "title"))
		json_object_set_new(doc, "title", ff_json_string(known.title.p, known.title.n));
	if (known.counts_as.n)
		json_object_set_new(doc, "counts_as", ff_json_string(known.counts_as.p, known.counts_as.n));
	json_object_set_new(doc, "fixes", fixes_in_order(known.fix_kinds, json_object_get(doc, "fixes")));
	*ret = ff_take(&doc);
	return NULL;
}

json_t *ff_causes(const struct ff_rules *rules)
{
	struct ff_span rest = ff_engine_causes, line, cell;
	json_t *list = json_array();
	while (ff_span_next(&rest, '\n', &line)) {
		if (line.n && line.p[0] != '#' && ff_span_next(&line, '\t', &cell) && !ff_span_eq(cell, "none"))
			add_text(list, cell);
	}
	for (size_t i = 0; i < ff_rules_count(rules); i++) {
		if (ff_rules_at(rules, i)->id)
			add_text(list, ff_span_of(ff_rules_at(rules, i)->cause));
	}
	return list;
}

json_t *ff_rules_listed(struct ff_rules *rules)
{
	static const char *const roles[] = {
		[FF_ROLE_CAUSE] = "cause", [FF_ROLE_SYMPTOM] = "symptom", [FF_ROLE_WRAPPER] = "wrapper"};
	json_t *list = json_array();
	for (size_t i = 0; i < ff_rules_count(rules); i++) {
		const struct ff_rule *rule = ff_rules_at(rules, i);
		int signatures = 0;
		if (!rule->id)
			continue;
		for (size_t k = rule->first_signature; k < rule->first_signature + rule->signature_count; k++)
			signatures += !ff_rules_signature_at(rules, k)->context;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:b, s:b}", "id", rule->id, "cause",
				rule->cause, "title", rule->title, "file", rule->file, "line", rule->line, "role",
				roles[rule->role], "severity", rule->warning ? "warning" : "error", "signatures",
				signatures, "check", (int)rule->has_check, "built_in", (int)rule->built_in));
	}
	return list;
}
