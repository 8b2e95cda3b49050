// Our own files of Lua. Lua does not check bytecode when it loads it, so it is taken from the book only, never from
// outside, and only by the release of liblua that made it.
#include "diagnose/book.h"

#include "base/embed.h"

#include <lauxlib.h>
#include <stdio.h>

extern const struct ff_embedded ff_ruleset_files[];
extern const size_t ff_ruleset_file_count;
FF_EMBEDDED(ff_engine, prelude);

bool ff_book_rules_name(size_t index, char ret[FF_BOOK_NAME_MAX])
{
	if (index >= ff_ruleset_file_count)
		return false;
	snprintf(ret, FF_BOOK_NAME_MAX, "rules/%s.lua", ff_ruleset_files[index].name);
	return true;
}

struct ff_span ff_book_text(const char *name)
{
	char file[FF_BOOK_NAME_MAX];
	for (size_t i = 0; ff_book_rules_name(i, file); i++) {
		if (strcmp(name, file) == 0)
			return ff_ruleset_files[i].text;
	}
	return strcmp(name, FF_BOOK_PRELUDE) == 0 ? ff_engine_prelude : FF_SPAN("");
}

static struct ff_span code_of(const char *name)
{
	bool fits = &ff_book && strcmp(ff_book.lua, lua_ident) == 0;
	for (size_t i = 0; fits && i < ff_book.file_count; i++) {
		if (strcmp(ff_book.files[i].name, name) == 0)
			return ff_book.files[i].code;
	}
	return FF_SPAN("");
}

struct ff_error *ff_book_load(lua_State *L, const char *name)
{
	char chunk[FF_BOOK_NAME_MAX + 1];
	struct ff_span code = code_of(name), text = ff_book_text(name);
	snprintf(chunk, sizeof(chunk), "@%s", name);
	int rc = code.n ? luaL_loadbufferx(L, code.p, code.n, chunk, "b")
			: luaL_loadbufferx(L, text.p, text.n, chunk, "t");
	if (rc == LUA_OK)
		return NULL;
	struct ff_error *err = ff_error_create(rc == LUA_ERRMEM ? FF_ENOMEM : FF_EFORMAT, "%s", lua_tostring(L, -1));
	lua_pop(L, 1);
	return err;
}
