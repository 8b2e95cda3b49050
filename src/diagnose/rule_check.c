// Says what is wrong with a rule before it is ever needed: unknown fields, wrong types, patterns that do not compile,
// causes and kinds of fix that the taxonomy does not know.
//
//	rules/torch.lua:12: rule 'torch.driver-too-old': no field 'confidance' (known: id, title, ...)
#include "diagnose/rule_check.h"

#include "base/regex.h"
#include "diagnose/rule.h"
#include "diagnose/rule_speaker.h"
#include "fix/fix.h"

#include <lauxlib.h>

enum type {
	T_TEXT,
	T_TEXT_OR_LIST, // text, or a list of texts
	T_LIST,		// a list of texts
	T_PATTERNS,	// name -> pattern
	T_RIVAL,	// {cause = another that the same words can mean, decides = what tells}
	T_FIXES,
	T_FUNCTION,
	T_NUMBER01,
	T_DOC,
	T_ANY,
};

static const struct {
	const char *name;
	enum type type;
} fields[] = {
	{"id", T_TEXT},
	{"title", T_TEXT},
	{"role", T_TEXT},
	{"severity", T_TEXT},
	{"signatures", T_PATTERNS},
	{"context", T_PATTERNS},
	{"all", T_LIST},
	{"unless", T_LIST},
	{"from", T_ANY}, // rule_speaker.c
	{"anyone", T_ANY},
	{"facts", T_LIST},
	{"explains", T_LIST},
	{"specific_over", T_LIST},
	{"lasts", T_TEXT},
	{"also", T_LIST},
	{"confidence", T_NUMBER01},
	{"rival", T_RIVAL},
	{"why", T_TEXT_OR_LIST},
	{"fixes", T_FIXES},
	{"when", T_FUNCTION},
	{"check", T_FUNCTION},
	{"ended", T_ANY},
	{"applies", T_LIST},
	{"doc", T_DOC},
	{"_line", T_ANY},
};

static const char *const roles[] = {"cause", "symptom", "wrapper"};
static const char *const severities[] = {"error", "warning"};
static const char *const reserved[] = {"line", "text", "event", "name", "level", "source", "progress", "whole"};
// What `log` has besides the hits of a rule (prelude.lua): of a signature of such a name that did not hit, a rule would
// be told the method, which is true.
static const char *const methods[] = {"all", "came_up", "count", "engine_said", "engine_seen", "events", "fatal",
	"has_frame", "lines", "model", "newer_engine", "serving", "setting", "weights_by_shards", "where_memory_goes"};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static bool one_of(const char *text, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, list[i]) == 0)
			return true;
	}
	return false;
}

static struct ff_error *wrong(const char *field, const char *what)
{
	return ff_error_create(FF_EUSAGE, "'%s' must be %s", field, what);
}

static struct ff_error *check_list(lua_State *L, int index, const char *field)
{
	if (!lua_istable(L, index))
		return wrong(field, "a list of texts");
	lua_Integer n = (lua_Integer)lua_rawlen(L, index), pairs = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		pairs++;
		if (lua_type(L, -1) != LUA_TSTRING) {
			lua_pop(L, 2);
			return wrong(field, "a list of texts");
		}
	}
	return pairs == n ? NULL : wrong(field, "a list of texts");
}

static struct ff_error *check_captures(const struct ff_regex *regex)
{
	for (unsigned i = 1; i < FF_REGEX_GROUPS; i++) {
		const char *name = ff_regex_group_name(regex, i);
		if (name && one_of(name, reserved, COUNT(reserved)))
			return ff_error_create(FF_EUSAGE, "a group must not be called '%s'", name);
	}
	return NULL;
}

static struct ff_error *check_patterns(lua_State *L, int index, const char *field)
{
	if (!lua_istable(L, index))
		return wrong(field, "a table of name = [[pattern]]");
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			return wrong(field, "a table of name = [[pattern]]");
		if (one_of(lua_tostring(L, -2), methods, COUNT(methods)))
			return ff_error_create(FF_EUSAGE,
				"pattern '%s': log.%s is something else, so call it otherwise", lua_tostring(L, -2),
				lua_tostring(L, -2));
		struct ff_regex *regex = NULL;
		struct ff_error *err = ff_regex_create(lua_tostring(L, -1), true, false, &regex);
		struct ff_match m;
		if (!err)
			err = check_captures(regex);
		if (!err && ff_regex_match(regex, FF_SPAN(""), 0, &m))
			err = ff_error_create(FF_EUSAGE, "it matches an empty line");
		ff_regex_destroy(regex);
		if (err) {
			struct ff_error *full =
				ff_error_create(FF_EUSAGE, "pattern '%s': %s", lua_tostring(L, -2), err->message);
			ff_error_destroy(err);
			return full;
		}
	}
	return NULL;
}

// The key that makes it an intention; NULL when there is none.
static const char *intention_of(lua_State *L, int fix)
{
	const char *found = NULL;
	for (lua_pushnil(L); lua_next(L, fix); lua_pop(L, 1)) {
		if (lua_type(L, -2) == LUA_TSTRING && ff_intention_known(NULL, lua_tostring(L, -2)))
			found = lua_tostring(L, -2);
	}
	return found;
}

// What only a shell reads: a fix's command is written by src/fix, for the machine, and not in a sentence either.
static bool is_shell(const char *say)
{
	static const char *const signs[] = {
		"&&", "||", "$(", "sudo ", " | ", "pip install ", "apt-get ", "docker run "};
	for (size_t i = 0; i < COUNT(signs); i++)
		if (strstr(say, signs[i]))
			return true;
	return false;
}

static struct ff_error *check_fix_field(lua_State *L, const char *intention, const char *key)
{
	if (strcmp(key, "command") == 0)
		return ff_error_create(FF_EUSAGE, "a fix holds no command: say what must become true, with one of: %s",
			ff_intention_names());
	if (intention && !ff_intention_known(intention, key))
		return ff_error_create(FF_EUSAGE, "a fix of '%s' has no field '%s'", intention, key);
	if (strcmp(key, "cond") == 0 && !lua_isfunction(L, -1))
		return wrong(key, "a function");
	if ((strcmp(key, "say") == 0 || strcmp(key, "kind") == 0) && lua_type(L, -1) != LUA_TSTRING)
		return wrong(key, "text");
	if (strcmp(key, "say") == 0 && is_shell(lua_tostring(L, -1)))
		return ff_error_create(FF_EUSAGE, "'say' holds a shell's text: say what must become true");
	if (strcmp(key, "kind") == 0 && !ff_fix_kind_ok(lua_tostring(L, -1)))
		return ff_error_create(FF_EUSAGE, "'%s' is no kind of fix (see causes.tsv)", lua_tostring(L, -1));
	return NULL;
}

static struct ff_error *check_fix(lua_State *L, int fix)
{
	if (!lua_istable(L, fix))
		return wrong("fixes", "a list of tables");
	const char *intention = intention_of(L, fix);
	for (lua_pushnil(L); lua_next(L, fix); lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		struct ff_error *err = check_fix_field(L, intention, key);
		if (err)
			return err;
	}
	bool say = lua_getfield(L, fix, "say") == LUA_TSTRING;
	lua_pop(L, 1);
	if (!intention || !say)
		return ff_error_create(FF_EUSAGE, "a fix needs 'say' and one of: %s", ff_intention_names());
	return NULL;
}

static struct ff_error *check_fixes(lua_State *L, int index)
{
	struct ff_error *err = NULL;
	if (!lua_istable(L, index))
		return wrong("fixes", "a list of tables");
	lua_Integer n = (lua_Integer)lua_rawlen(L, index);
	for (lua_Integer i = 1; i <= n && !err; i++) {
		lua_rawgeti(L, index, i);
		err = check_fix(L, lua_gettop(L));
	}
	return err;
}

static const char *text_of(lua_State *L, int block, const char *field)
{
	const char *text = lua_getfield(L, block, field) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	lua_pop(L, 1);
	return text;
}

static struct ff_error *check_rival(lua_State *L, int index)
{
	struct ff_cause known;
	const char *cause = lua_istable(L, index) ? text_of(L, index, "cause") : NULL;
	if (!cause || !ff_cause_find(cause, &known))
		return wrong("rival", "a table with a 'cause' of rules/causes.tsv");
	return text_of(L, index, "decides") ? NULL : wrong("rival", "a table with what 'decides', as text");
}

static struct ff_error *check_field(lua_State *L, const char *name, enum type type)
{
	int index = lua_gettop(L);
	switch (type) {
	case T_TEXT:
		return lua_type(L, index) == LUA_TSTRING ? NULL : wrong(name, "text");
	case T_TEXT_OR_LIST:
		return lua_type(L, index) == LUA_TSTRING ? NULL : check_list(L, index, name);
	case T_LIST:
		return check_list(L, index, name);
	case T_PATTERNS:
		return check_patterns(L, index, name);
	case T_RIVAL:
		return check_rival(L, index);
	case T_FIXES:
		return check_fixes(L, index);
	case T_FUNCTION:
		return lua_isfunction(L, index) ? NULL : wrong(name, "a function");
	case T_NUMBER01:
		return lua_type(L, index) == LUA_TNUMBER && lua_tonumber(L, index) > 0 && lua_tonumber(L, index) <= 1
			? NULL
			: wrong(name, "a number above 0, at most 1");
	case T_DOC:
		return lua_istable(L, index) ? NULL : wrong(name, "a table of texts");
	case T_ANY:
		return NULL;
	}
	return NULL;
}

static bool has(lua_State *L, int block, const char *field)
{
	bool there = lua_getfield(L, block, field) != LUA_TNIL;
	lua_pop(L, 1);
	return there;
}

static struct ff_error *check_cause(lua_State *L, int block, bool built_in)
{
	struct ff_cause known;
	const char *id = text_of(L, block, "id");
	_cleanup_free_ char *cause = strndup(id, strcspn(id, "/"));
	if (!cause)
		return &ff_enomem;
	if (ff_cause_find(cause, &known) || (!built_in && has(L, block, "title")))
		return NULL;
	return ff_error_create(FF_EUSAGE,
		built_in ? "'%s' is no cause of rules/causes.tsv" : "'%s' is no known cause: give it a 'title'", cause);
}

static struct ff_error *check_whole(lua_State *L, int block, bool built_in)
{
	const char *role = text_of(L, block, "role"), *severity = text_of(L, block, "severity");
	if (!text_of(L, block, "id"))
		return ff_error_create(FF_EUSAGE, "'id' is missing");
	if (role && !one_of(role, roles, COUNT(roles)))
		return ff_error_create(FF_EUSAGE, "role '%s' is not cause, symptom or wrapper", role);
	if (severity && !one_of(severity, severities, COUNT(severities)))
		return ff_error_create(FF_EUSAGE, "severity '%s' is not error or warning", severity);
	if (!has(L, block, "signatures") && !has(L, block, "check") && !has(L, block, "ended"))
		return ff_error_create(FF_EUSAGE, "it has neither 'signatures' nor 'check' nor 'ended'");
	if ((has(L, block, "signatures") || has(L, block, "ended")) && !has(L, block, "when") && !has(L, block, "why"))
		return ff_error_create(FF_EUSAGE, "it has neither 'why' nor 'when'");
	return check_cause(L, block, built_in);
}

static struct ff_error *check_block(lua_State *L, int block, bool built_in)
{
	for (lua_pushnil(L); lua_next(L, block); lua_settop(L, block + 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		size_t i = 0;
		while (i < COUNT(fields) && strcmp(fields[i].name, key) != 0)
			i++;
		if (i == COUNT(fields))
			return ff_error_create(FF_EUSAGE, "there is no field '%s'", key);
		struct ff_error *err = check_field(L, key, fields[i].type);
		if (err)
			return err;
	}
	struct ff_error *err = check_whole(L, block, built_in);
	return err ? err : ff_rule_speakers_check(L, block, built_in);
}

struct ff_error *ff_rule_check(lua_State *L, const char *file, bool built_in)
{
	int block = lua_gettop(L);
	luaL_checkstack(L, 16, "rule");
	struct ff_error *err = check_block(L, block, built_in);
	lua_settop(L, block);
	if (!err)
		return NULL;
	const char *id = text_of(L, block, "id");
	lua_getfield(L, block, "_line");
	struct ff_error *full = ff_error_create(err->code == FF_ENOMEM ? FF_ENOMEM : FF_EUSAGE, "%s:%d: rule '%s': %s",
		file, (int)lua_tointeger(L, -1), id ? id : "?", err->message);
	lua_settop(L, block);
	ff_error_destroy(err);
	return full;
}
