// A Lua state in which a rule can compute and nothing else: no files, no processes, no loading of code, a limit on
// memory and on steps, and text matching by PCRE2 with limits in place of Lua's own patterns, which have none.
#pragma once

#include "base/error.h"
#include "base/json.h"

#include <lua.h>

struct ff_sandbox;

struct ff_error *ff_sandbox_create(struct ff_sandbox **ret);
void ff_sandbox_destroy(struct ff_sandbox *sandbox);

lua_State *ff_sandbox_lua(struct ff_sandbox *sandbox);

/** Run source text as a chunk. `name` stands in messages ("rules/torch.lua:12: ..."). Binary chunks are refused. */
struct ff_error *ff_sandbox_run(struct ff_sandbox *sandbox, const char *name, const char *text, size_t n);

/** Run the chunk on top of the stack with the names that rules see. */
struct ff_error *ff_sandbox_start(struct ff_sandbox *sandbox);

/** Like lua_call() with a fresh budget of steps; on failure the stack is as before without function and arguments. */
struct ff_error *ff_sandbox_call(struct ff_sandbox *sandbox, int arguments, int results);

/** For functions of ours that do work in C: count it against the call's budget; raises a Lua error when that is used
    up. */
void ff_sandbox_charge(lua_State *L, long steps);

/** Make `name` visible to rules; pops the value. */
void ff_sandbox_set(struct ff_sandbox *sandbox, const char *name);

/** Push a JSON value as Lua: null is false ("known to be none"), objects and arrays are tables; bounded depth. */
void ff_sandbox_push_json(lua_State *L, const json_t *value);

/** The value at the index as JSON, NULL for what has no form there (functions, deep or cyclic tables). */
json_t *ff_sandbox_json(lua_State *L, int index);
