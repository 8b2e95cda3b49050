// Finds the signatures of a rule that are plain words and of which the rule does not say who says them.
//
//	signatures = {a = [[Ninja is required to load]], b = [[ncclInternalError]]},	 `a` is plain words
//	from = {"torch"}				all of them; by name: from = {a = {"torch"}}
//	anyone = "interpreter"				why it does not matter who; by name: anyone = {a = "code"}
//
// How it lies: "PyTorch" and "cuDNN" look like identifiers and are words of every article; they count as plain.
#include "diagnose/rule_speaker.h"

#include "base/regex.h"
#include "log/emitter.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

static const char name_pattern[] = "[A-Za-z]\\w*_\\w*[A-Za-z0-9]|\\b_[A-Za-z]\\w+|[a-z]{3,}[A-Z]\\w{2,}"
				   "|\\w(?:Error|Exception)\\b|\\w::\\w|[A-Za-z]\\w*\\.[a-z]\\w*|\\.(?:so|dll|py)\\b"
				   "|(?<![\\w-])--[a-z][\\w-]+|[A-Za-z]{2,}\\d+|\\w\\(\\)";

// ---- names in a pattern ----

struct walk {
	const char *at;
	struct ff_regex *name;
	struct ff_buf run; // the texts that stand beside each other, in between
	unsigned depth;
};

static bool run_names(struct walk *w)
{
	struct ff_match m;
	bool names = w->run.n && ff_regex_match(w->name, (struct ff_span){w->run.p, w->run.n}, 0, &m);
	w->run.n = 0;
	return names;
}

static void skip_class(struct walk *w)
{
	w->at++;
	w->at += *w->at == '^';
	w->at += *w->at == ']';
	while (*w->at && *w->at != ']')
		w->at += *w->at == '\\' && w->at[1] ? 2 : 1;
	w->at += *w->at == ']';
	ff_buf_char(&w->run, ' ');
}

static void take_escape(struct walk *w)
{
	char c = w->at[1];
	ff_buf_char(&w->run, isalnum((unsigned char)c) || !c ? ' ' : c);
	w->at += c ? 2 : 1;
}

// A repeat that allows none takes away what it stands behind.
static bool none_allowed(const char *at)
{
	return *at == '?' || *at == '*' || strncmp(at, "{0", 2) == 0;
}

static void skip_repeat(struct walk *w)
{
	if (none_allowed(w->at) && w->run.n)
		w->run.n--;
	if (*w->at == '{')
		w->at += strcspn(w->at, "}");
	w->at += *w->at != '\0';
}

static bool alternatives_name(struct walk *w);

// Stands at "("; leaves behind ")".
static bool group_names(struct walk *w)
{
	bool looks = false;
	w->at++;
	if (*w->at == '?') {
		looks = strchr("=!", w->at[1]) || (w->at[1] == '<' && strchr("=!", w->at[2]));
		w->at += strcspn(w->at, looks ? "=!" : ":>)");
		if (*w->at == ')') { // (?i)
			w->at++;
			return false;
		}
		w->at += *w->at != '\0';
	}
	bool names = alternatives_name(w);
	w->at += *w->at == ')';
	return names && !looks && !none_allowed(w->at);
}

static bool repeats(const char *at)
{
	return strchr("?*+", *at) || (*at == '{' && (isdigit((unsigned char)at[1]) || at[1] == ','));
}

// What stands between two bars.
static bool sequence_names(struct walk *w)
{
	bool names = false;
	while (*w->at && *w->at != '|' && *w->at != ')') {
		if (*w->at == '(') {
			names |= run_names(w);
			names |= group_names(w);
		} else if (*w->at == '[')
			skip_class(w);
		else if (*w->at == '\\')
			take_escape(w);
		else if (repeats(w->at))
			skip_repeat(w);
		else
			ff_buf_char(&w->run, strchr(".^$", *w->at++) ? ' ' : w->at[-1]);
	}
	return run_names(w) || names;
}

static bool alternatives_name(struct walk *w)
{
	if (++w->depth > DEPTH_MAX)
		w->at += strlen(w->at);
	bool all = sequence_names(w);
	while (*w->at == '|') {
		w->at++;
		all &= sequence_names(w);
	}
	w->depth--;
	return all;
}

bool ff_pattern_names(const char *pattern)
{
	struct ff_regex *name = NULL;
	struct ff_error *err = ff_regex_create(name_pattern, false, false, &name);
	struct walk w = {.at = pattern, .name = name};
	bool names = !err && alternatives_name(&w);
	ff_error_destroy(err);
	ff_buf_deinit(&w.run);
	ff_regex_destroy(name);
	return names;
}

// ---- why anyone will do ----

// `words`: one of these, divided by '|', stands in each pattern that gives this reason.
static const struct {
	const char *reason, *words;
} reasons[] = {
	{"code",
		"(?<code>"}, // the driver's, a library's or the system's number and its words: each caller hands them on
	{"interpreter",
		"No module named|cannot import|has no attribute|is not defined|unexpected keyword|positional|"
		"is not a package|is not iterable|null bytes|invalid literal|partially initialized|import |"
		"distribution|dist-info|bytes-like object|MemoryError|EOFError|dynamic module|header value|thread"},
	{"loader",
		"\\.so|undefined symbol|\\.dll|\\.dylib|\\.pyd|GLIBC|shared object|ELF|DLL load "
		"failed|library|\\w.]*): version|mach-o"},
	{"system",
		"No such file|No space|not enough space|ermission denied|peration not permitted|Killed|ignal|"
		"Address already|address already|Cannot allocate|open files|command )?not found|nreachable|efused|"
		"timed out|exec format|Read-only|Resource temporarily|failed to create new OS thread|tcp://|"
		"illegal hardware|file handle|exit|core dumped|oom-kill|oom_kill|paging file|ancdata|name "
		"resolution|Errno|"
		"dial tcp|CERTIFICATE_|traps: |page summary memory|cannot execute"},
	{"request", NULL}, // the rule reads who asks for what out of the message: it has a `when`
};

static const char *words_of(const char *reason)
{
	for (size_t i = 0; reason && i < sizeof(reasons) / sizeof(*reasons); i++)
		if (strcmp(reasons[i].reason, reason) == 0)
			return reasons[i].words ? reasons[i].words : "";
	return NULL;
}

static bool holds_one(const char *pattern, const char *words)
{
	struct ff_span rest = ff_span_of(words), word;
	struct ff_span text = ff_span_of(pattern);
	while (rest.n && ff_span_next(&rest, '|', &word))
		if (memmem(text.p, text.n, word.p, word.n))
			return true;
	return false;
}

static struct ff_error *check_reason(lua_State *L, int block, const char *name, const char *pattern, const char *reason)
{
	const char *words = words_of(reason);
	if (!words)
		return ff_error_create(
			FF_EUSAGE, "'anyone' of '%s' is none of: code, interpreter, loader, system, request", name);
	bool when = lua_getfield(L, block, "when") == LUA_TFUNCTION;
	lua_pop(L, 1);
	if (*words ? holds_one(pattern, words) : when)
		return NULL;
	return ff_error_create(FF_EUSAGE, "'%s' holds nothing for which anyone will do because of '%s'", name, reason);
}

// ---- the rule ----

static struct ff_error *check_list(lua_State *L)
{
	if (!lua_istable(L, -1))
		return ff_error_create(FF_EUSAGE, "'from' must be a list of texts");
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
		lua_rawgeti(L, -1, i);
		const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
		lua_pop(L, 1);
		if (!ff_emitter_known(ff_span_of(name)))
			return ff_error_create(
				FF_EUSAGE, "'%s' is neither a name nor a class of rules/data/emitters.tsv", name);
	}
	return NULL;
}

static bool has_signature(lua_State *L, int block, const char *name)
{
	int top = lua_gettop(L);
	bool has = lua_getfield(L, block, "signatures") == LUA_TTABLE && lua_getfield(L, -1, name) == LUA_TSTRING;
	lua_settop(L, top);
	return has;
}

// Its keys are signatures; with `lists` what they lead to are emitters.
static struct ff_error *check_keys(lua_State *L, int block, const char *field, bool lists)
{
	struct ff_error *err = NULL;
	lua_settop(L, block);
	if (lua_getfield(L, block, field) == LUA_TTABLE) {
		err = lists ? check_list(L) : NULL;
		for (lua_pushnil(L); !err && lua_next(L, block + 1); lua_pop(L, 1)) {
			const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
			if (key && !has_signature(L, block, key))
				err = ff_error_create(
					FF_EUSAGE, "'%s' speaks of '%s', which is no signature", field, key);
			else if (key && lists)
				err = check_list(L);
		}
	} else if (lists && !lua_isnil(L, -1))
		err = check_list(L);
	lua_settop(L, block);
	return err;
}

// A field of the rule, or of a table that is one: the text there, NULL for none.
static const char *text_at(lua_State *L, int block, const char *field, const char *name)
{
	int top = lua_gettop(L);
	int type = lua_getfield(L, block, field);
	if (type == LUA_TTABLE)
		type = lua_getfield(L, -1, name);
	const char *text = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL; // the block keeps it alive
	lua_settop(L, top);
	return text;
}

static bool by_name(lua_State *L, int block, const char *name)
{
	int top = lua_gettop(L);
	bool is = lua_getfield(L, block, "from") == LUA_TTABLE && lua_getfield(L, -1, name) == LUA_TTABLE;
	lua_settop(L, top);
	return is;
}

static bool has_from(lua_State *L, int block, const char *name)
{
	int top = lua_gettop(L);
	bool has = by_name(L, block, name) || (lua_getfield(L, block, "from") == LUA_TTABLE && lua_rawlen(L, -1) > 0);
	lua_settop(L, top);
	return has;
}

static struct ff_error *check_signature(lua_State *L, int block, const char *name, const char *pattern, bool complete)
{
	bool names = ff_pattern_names(pattern);
	const char *reason = text_at(L, block, "anyone", name);
	if (reason && !names && !by_name(L, block, name))
		return check_reason(L, block, name, pattern, reason);
	if (!complete || names || has_from(L, block, name))
		return NULL;
	return ff_error_create(FF_EUSAGE,
		"'%s' is plain words: 'from' must say who says them, or 'anyone' why it does not matter", name);
}

struct ff_error *ff_rule_speakers_check(lua_State *L, int block, bool complete)
{
	struct ff_error *err = check_keys(L, block, "from", true);
	if (!err)
		err = check_keys(L, block, "anyone", false);
	if (!err && lua_getfield(L, block, "signatures") == LUA_TTABLE) {
		for (lua_pushnil(L); !err && lua_next(L, block + 1); lua_pop(L, 1))
			err = check_signature(L, block, lua_tostring(L, -2), lua_tostring(L, -1), complete);
	}
	lua_settop(L, block);
	return err;
}
