// Loads rules. A file of rules is Lua; each `rule { ... }` block in it is checked field by field here and kept as a
// table that finding.c evaluates. A file is taken whole or not at all.
#include "diagnose/rule.h"

#include "base/embed.h"
#include "base/io.h"
#include "base/table.h"
#include "diagnose/book.h"
#include "diagnose/lua_codes.h"
#include "diagnose/lua_know.h"
#include "diagnose/lua_text.h"
#include "diagnose/rule_check.h"
#include "know/serving.h"

#include <dirent.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>

enum { RULES_MAX = 4096, SIGNATURES_MAX = 16384, FILE_MAX = 1 << 20 };

FF_EMBEDDED(ff_engine, causes);

struct ff_rules {
	struct ff_sandbox *sandbox;
	struct ff_rule *list;
	size_t count;
	struct ff_signature *signatures;
	size_t signature_count;
	const char *file; // being read
	bool built_in;
};

static void rule_deinit(struct ff_rule *rule)
{
	const char *const texts[] = {rule->id, rule->cause, rule->title, rule->file};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && !rule->in_book; i++)
		free((char *)texts[i]);
	*rule = (struct ff_rule){0};
}

static void signature_deinit(struct ff_signature *s)
{
	if (!s->in_book) {
		free((char *)s->name);
		free((char *)s->pattern);
	}
	ff_regex_destroy(s->regex);
	*s = (struct ff_signature){0};
}

void ff_rules_destroy(struct ff_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->count; i++)
		rule_deinit(&rules->list[i]);
	for (size_t i = 0; i < rules->signature_count; i++)
		signature_deinit(&rules->signatures[i]);
	free(rules->list);
	free(rules->signatures);
	ff_sandbox_destroy(rules->sandbox);
	free(rules);
}

bool ff_cause_find(const char *id, struct ff_cause *ret)
{
	struct ff_span rest = ff_engine_causes, line, cell;
	while (ff_span_next(&rest, '\n', &line)) {
		if (!line.n || line.p[0] == '#' || !ff_span_next(&line, '\t', &cell) || !ff_span_eq(cell, id))
			continue;
		*ret = (struct ff_cause){0};
		struct ff_span *cells[] = {&ret->title, &ret->fix_kinds, &ret->counts_as, &ret->passes};
		for (size_t i = 0; i < 4 && ff_span_next(&line, '\t', &cell); i++)
			*cells[i] = cell;
		return true;
	}
	return false;
}

// `rule` as the files see it: runs inside the sandbox, gathers the blocks of the file in a list.
static int lua_rule(lua_State *L)
{
	lua_Debug ar;
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	int line = 0;
	if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "l", &ar))
		line = ar.currentline;
	lua_pushinteger(L, line);
	lua_setfield(L, 1, "_line");
	lua_getfield(L, LUA_REGISTRYINDEX, "ff.blocks");
	lua_pushvalue(L, 1);
	lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
	return 0;
}

// `list` of rules: the table, or an empty one where a fact is none.
static int lua_list(lua_State *L)
{
	lua_settop(L, 1);
	if (lua_type(L, 1) != LUA_TTABLE)
		lua_newtable(L);
	return 1;
}

// `size` of rules: 15231271864 -> "14.2 GiB".
static int lua_size(lua_State *L)
{
	char text[32];
	lua_Integer bytes = (lua_Integer)luaL_checknumber(L, 1);
	if (bytes >= 1 << 30)
		snprintf(text, sizeof(text), "%.1f GiB", (double)bytes / 0x1p30);
	else
		snprintf(text, sizeof(text), "%lld MiB", bytes >> 20);
	lua_pushstring(L, text);
	return 1;
}

struct ff_error *ff_rules_create(struct ff_rules **ret)
{
	struct ff_rules *rules = calloc(1, sizeof(*rules));
	if (!rules)
		return &ff_enomem;
	struct ff_error *err = ff_sandbox_create(&rules->sandbox);
	if (err) {
		free(rules);
		return err;
	}
	lua_State *L = ff_sandbox_lua(rules->sandbox);
	lua_pushcfunction(L, lua_rule);
	ff_sandbox_set(rules->sandbox, "rule");
	lua_pushcfunction(L, ff_lua_any);
	ff_sandbox_set(rules->sandbox, "any");
	lua_pushcfunction(L, ff_lua_codes);
	ff_sandbox_set(rules->sandbox, "codes");
	lua_pushcfunction(L, lua_list);
	ff_sandbox_set(rules->sandbox, "list");
	lua_pushcfunction(L, lua_size);
	ff_sandbox_set(rules->sandbox, "size");
	ff_lua_version_open(L);
	ff_sandbox_set(rules->sandbox, "version");
	ff_lua_know_open(L); // patterns are made of tables, too
	ff_sandbox_set(rules->sandbox, "know");
	*ret = rules;
	return NULL;
}

static void forget_rule(struct ff_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->list[i].id && strcmp(rules->list[i].id, id) == 0) {
			luaL_unref(ff_sandbox_lua(rules->sandbox), LUA_REGISTRYINDEX, rules->list[i].ref);
			rule_deinit(&rules->list[i]); // its signatures stay and lead to a rule without an id
		}
	}
}

static int by_signature_name(const void *a, const void *b)
{
	return strcmp(((const struct ff_signature *)a)->name, ((const struct ff_signature *)b)->name);
}

static struct ff_error *add_signature(struct ff_rules *rules, const char *name, const char *pattern, bool context)
{
	struct ff_signature s = {.rule = rules->count,
		.built_in = rules->built_in,
		.context = context,
		.name = strdup(name),
		.pattern = strdup(pattern)};
	struct ff_error *err = !s.name || !s.pattern ? &ff_enomem
		: rules->signature_count >= SIGNATURES_MAX
		? ff_error_create(FF_ELIMIT, "more than %d signatures", SIGNATURES_MAX)
		: NULL;
	if (err)
		signature_deinit(&s);
	else
		rules->signatures[rules->signature_count++] = s;
	return err;
}

// Lua's order of keys differs from run to run; by name it is always the same, which the compiled database counts on.
static struct ff_error *add_signatures(struct ff_rules *rules, lua_State *L, const char *field, bool context)
{
	int top = lua_gettop(L);
	size_t first = rules->signature_count;
	struct ff_error *err = NULL;
	if (lua_getfield(L, top, field) == LUA_TTABLE) {
		for (lua_pushnil(L); !err && lua_next(L, top + 1) != 0; lua_pop(L, 1))
			err = add_signature(rules, lua_tostring(L, -2), lua_tostring(L, -1), context);
	}
	lua_settop(L, top);
	qsort(rules->signatures + first, rules->signature_count - first, sizeof(*rules->signatures), by_signature_name);
	return err;
}

static enum ff_role role_of(const char *text)
{
	return !text			       ? FF_ROLE_CAUSE
		: strcmp(text, "symptom") == 0 ? FF_ROLE_SYMPTOM
		: strcmp(text, "wrapper") == 0 ? FF_ROLE_WRAPPER
					       : FF_ROLE_CAUSE;
}

static const char *field_text(lua_State *L, const char *field)
{
	lua_getfield(L, -1, field);
	const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	lua_pop(L, 1); // the block keeps it alive
	return text;
}

static bool has_function(lua_State *L, const char *field)
{
	bool is = lua_getfield(L, -1, field) == LUA_TFUNCTION;
	lua_pop(L, 1);
	return is;
}

static bool has_true(lua_State *L, const char *field)
{
	lua_getfield(L, -1, field);
	bool is = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return is;
}

// The block is on top of the stack and has passed ff_rule_check().
static struct ff_error *add_rule(struct ff_rules *rules, lua_State *L)
{
	const char *id = field_text(L, "id"), *title = field_text(L, "title"), *severity = field_text(L, "severity");
	struct ff_cause known = {0};
	struct ff_rule rule = {
		.id = strdup(id),
		.cause = strndup(id, strcspn(id, "/")),
		.file = strdup(rules->file),
		.role = role_of(field_text(L, "role")),
		.warning = severity && strcmp(severity, "warning") == 0,
		.has_when = has_function(L, "when"),
		.has_check = has_function(L, "check"),
		.ended = has_true(L, "ended"),
		.built_in = rules->built_in,
	};
	lua_getfield(L, -1, "_line");
	rule.line = (int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (rule.cause)
		ff_cause_find(rule.cause, &known);
	rule.title = title ? strdup(title) : ff_span_dup(known.title);
	if (!rule.id || !rule.cause || !rule.file || !rule.title) {
		rule_deinit(&rule);
		return &ff_enomem;
	}
	forget_rule(rules, id);
	rule.first_signature = rules->signature_count;
	struct ff_error *err = add_signatures(rules, L, "signatures", false);
	if (!err)
		err = add_signatures(rules, L, "context", true);
	rule.signature_count = rules->signature_count - rule.first_signature;
	lua_pushvalue(L, -1);
	rule.ref = luaL_ref(L, LUA_REGISTRYINDEX);
	rules->list[rules->count++] = rule;
	return err;
}

static struct ff_error *grow(struct ff_rules *rules, size_t more)
{
	if (rules->count + more > RULES_MAX)
		return ff_error_create(FF_ELIMIT, "%s: more than %d rules", rules->file, RULES_MAX);
	void *list = realloc(rules->list, (rules->count + more) * sizeof(*rules->list));
	if (list)
		rules->list = list;
	void *signatures = rules->signatures ? rules->signatures : calloc(SIGNATURES_MAX, sizeof(*rules->signatures));
	if (signatures)
		rules->signatures = signatures;
	return list && signatures ? NULL : &ff_enomem;
}

// Every block of the file is checked before the first one is added.
static struct ff_error *add_blocks(struct ff_rules *rules, lua_State *L)
{
	int blocks = lua_gettop(L);
	size_t n = lua_rawlen(L, blocks);
	struct ff_error *err = NULL;
	for (size_t i = 1; i <= n && !err; i++) {
		lua_rawgeti(L, blocks, (lua_Integer)i);
		err = ff_rule_check(L, rules->file, rules->built_in);
		lua_settop(L, blocks);
	}
	if (!err && n)
		err = grow(rules, n);
	for (size_t i = 1; i <= n && !err; i++) {
		lua_rawgeti(L, blocks, (lua_Integer)i);
		err = add_rule(rules, L);
		lua_settop(L, blocks);
	}
	return err;
}

static void expect_blocks(lua_State *L)
{
	lua_newtable(L);
	lua_setfield(L, LUA_REGISTRYINDEX, "ff.blocks");
}

struct ff_error *ff_rules_add_text(struct ff_rules *rules, const char *name, const char *text, size_t n)
{
	lua_State *L = ff_sandbox_lua(rules->sandbox);
	int top = lua_gettop(L);
	rules->file = name;
	expect_blocks(L);
	struct ff_error *err = ff_sandbox_run(rules->sandbox, name, text, n);
	if (!err) {
		lua_getfield(L, LUA_REGISTRYINDEX, "ff.blocks");
		err = add_blocks(rules, L);
	}
	lua_settop(L, top);
	return err;
}

// ---- the built-in ones ----

static struct ff_error *add_built_in_texts(struct ff_rules *rules)
{
	struct ff_error *err = NULL;
	rules->built_in = true;
	char name[FF_BOOK_NAME_MAX];
	for (size_t i = 0; !err && ff_book_rules_name(i, name); i++) {
		struct ff_span text = ff_book_text(name);
		err = ff_rules_add_text(rules, name, text.p, text.n);
	}
	rules->built_in = false;
	return err;
}

struct ff_error *ff_rules_add_built_in(struct ff_rules *rules)
{
	if (!&ff_book)
		return add_built_in_texts(rules);
	rules->file = "book";
	struct ff_error *err = grow(rules, ff_book.rule_count);
	if (err)
		return err;
	memcpy(rules->list, ff_book.rules, ff_book.rule_count * sizeof(*rules->list));
	memcpy(rules->signatures, ff_book.signatures, ff_book.signature_count * sizeof(*rules->signatures));
	rules->count = ff_book.rule_count;
	rules->signature_count = ff_book.signature_count;
	return NULL;
}

// The rules of a file lie together in the book, from `first` on.
static struct ff_rule *find_in_book(const struct ff_rules *rules, size_t first, const char *id)
{
	const char *file = ff_book.rules[first].file;
	for (size_t i = first; i < ff_book.rule_count && strcmp(ff_book.rules[i].file, file) == 0; i++) {
		if (strcmp(ff_book.rules[i].id, id) == 0)
			return &rules->list[i];
	}
	return NULL;
}

// Gives the rules of a file their blocks; one that a user's rule replaced needs none.
static struct ff_error *take_blocks(const struct ff_rules *rules, const char *file)
{
	lua_State *L = ff_sandbox_lua(rules->sandbox);
	lua_getfield(L, LUA_REGISTRYINDEX, "ff.blocks");
	lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
	size_t first = 0;
	while (strcmp(ff_book.rules[first].file, file) != 0)
		first++;
	bool known = true;
	for (lua_Integer i = 1; i <= n && known; i++) {
		lua_rawgeti(L, -1, i);
		struct ff_rule *rule = find_in_book(rules, first, field_text(L, "id"));
		known = rule;
		if (known && rule->id)
			rule->ref = luaL_ref(L, LUA_REGISTRYINDEX);
		else
			lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return known ? NULL : ff_error_create(FF_EFORMAT, "%s: not the rules that the program was built with", file);
}

static struct ff_error *read_file(const struct ff_rules *rules, const char *file)
{
	lua_State *L = ff_sandbox_lua(rules->sandbox);
	expect_blocks(L);
	struct ff_error *err = ff_book_load(L, file);
	if (!err)
		err = ff_sandbox_start(rules->sandbox);
	if (!err)
		err = take_blocks(rules, file);
	return err;
}

struct ff_error *ff_rules_add_file(struct ff_rules *rules, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_buf_ struct ff_buf text = {0};
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	struct ff_error *err = ff_read_all(fd, path, FILE_MAX, &text);
	return err ? err : ff_rules_add_text(rules, path, text.p ? text.p : "", text.n);
}

static int is_rules_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ff_ends(entry->d_name, ".lua");
}

struct ff_error *ff_rules_add_dir(struct ff_rules *rules, const char *dir)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_rules_file, alphasort);
	if (n < 0)
		return ff_error_os(errno, "%s", dir);
	struct ff_error *err = NULL;
	for (int i = 0; i < n; i++) {
		_cleanup_buf_ struct ff_buf path = {0};
		ff_buf_printf(&path, "%s/%s", dir, entries[i]->d_name);
		if (!err)
			err = path.failed ? &ff_enomem : ff_rules_add_file(rules, path.p);
		free(entries[i]);
	}
	free(entries);
	return err;
}

struct ff_sandbox *ff_rules_sandbox(const struct ff_rules *rules)
{
	return rules->sandbox;
}

size_t ff_rules_count(const struct ff_rules *rules)
{
	return rules->count;
}

const struct ff_rule *ff_rules_at(const struct ff_rules *rules, size_t index)
{
	return &rules->list[index];
}

size_t ff_rules_signature_count(const struct ff_rules *rules)
{
	return rules->signature_count;
}

struct ff_signature *ff_rules_signature_at(struct ff_rules *rules, size_t index)
{
	return &rules->signatures[index];
}

struct ff_error *ff_rules_push(const struct ff_rules *rules, size_t index)
{
	struct ff_rule *rule = &rules->list[index];
	struct ff_error *err = rule->ref == LUA_NOREF ? read_file(rules, rule->file) : NULL;
	if (!err)
		lua_rawgeti(ff_sandbox_lua(rules->sandbox), LUA_REGISTRYINDEX, rule->ref);
	return err;
}

bool ff_rules_lists(const struct ff_rules *rules, size_t rule, const char *field, const char *value)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	bool found = false;
	struct ff_error *err = ff_rules_push(rules, rule);
	if (err) { // it could not be asked either
		ff_error_destroy(err);
		return false;
	}
	if (lua_getfield(L, -1, field) == LUA_TTABLE) {
		lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
		for (lua_Integer i = 1; i <= n && !found; i++) {
			lua_rawgeti(L, -1, i);
			const char *text = lua_tostring(L, -1);
			size_t len = text ? strlen(text) : 0;
			found = text &&
				(strcmp(text, value) == 0 ||
					(len && text[len - 1] == '*' && strncmp(text, value, len - 1) == 0));
			lua_pop(L, 1);
		}
	}
	lua_pop(L, 2);
	return found;
}

// Pushes whom the rule on top of the stack listens to about this signature; nil where anyone will do.
static void push_from(lua_State *L, const char *signature)
{
	int block = lua_gettop(L);
	bool anyone = lua_getfield(L, block, "anyone") == LUA_TTABLE && lua_getfield(L, -1, signature) != LUA_TNIL;
	lua_settop(L, block);
	if (anyone || lua_getfield(L, block, "from") != LUA_TTABLE) {
		lua_settop(L, block);
		lua_pushnil(L);
	} else if (lua_getfield(L, -1, signature) == LUA_TTABLE)
		lua_remove(L, -2);
	else {
		lua_pop(L, 1);
		if (!lua_rawlen(L, -1))
			lua_pushnil(L);
	}
}

bool ff_rules_listen(const struct ff_rules *rules, size_t rule, const char *signature, const struct ff_emitters *said)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	int top = lua_gettop(L);
	struct ff_error *err = ff_rules_push(rules, rule);
	if (err) {
		ff_error_destroy(err);
		return false;
	}
	push_from(L, signature);
	bool listens = !lua_istable(L, -1);
	lua_Integer n = listens ? 0 : (lua_Integer)lua_rawlen(L, -1);
	for (lua_Integer i = 1; i <= n && !listens; i++) {
		lua_rawgeti(L, -1, i);
		listens = ff_emitters_include(said, ff_span_of(lua_tostring(L, -1)));
		lua_pop(L, 1);
	}
	lua_settop(L, top);
	return listens;
}

struct ff_error *ff_rules_narrow(struct ff_rules *rules, const char *engine)
{
	lua_State *L = ff_sandbox_lua(rules->sandbox);
	enum ff_serving known;
	bool on_torch = ff_know_serving_engine(engine, &known) && ff_know_serving_on_torch(known);
	for (size_t i = 0; i < rules->count; i++) {
		if (!rules->list[i].id || !rules->list[i].has_check)
			continue;
		struct ff_error *err = ff_rules_push(rules, i);
		if (err)
			return err;
		bool narrow = lua_getfield(L, -1, "applies") == LUA_TTABLE;
		lua_pop(L, 2);
		bool listed = ff_rules_lists(rules, i, "applies", engine) ||
			(on_torch && ff_rules_lists(rules, i, "applies", "torch"));
		if (narrow && !listed)
			rules->list[i].has_check = false;
	}
	return NULL;
}
