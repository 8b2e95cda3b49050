// What rules may ask of src/know.
#include "diagnose/lua_know.h"

#include "base/nearest.h"
#include "base/table.h"
#include "diagnose/rule.h"
#include "fix/fix.h"
#include "know/allocator.h"
#include "know/bnb.h"
#include "know/bnb_facts.h"
#include "know/driver.h"
#include "know/env_vars.h"
#include "know/error_code.h"
#include "know/gpu_arch.h"
#include "know/model_memory.h"
#include "know/model_size.h"
#include "know/serving.h"
#include "know/torch_pairs.h"
#include "know/torch_wheel.h"
#include "know/xid.h"
#include "parse/requirement.h"

#include <lauxlib.h>

enum { NEAREST_WORDS_MAX = 500, XIDS_MAX = 256 };

FF_EMBEDDED(ff_table, modules);
FF_EMBEDDED(ff_table, from_pretrained);
FF_EMBEDDED(ff_table, onnxruntime_cuda);
FF_EMBEDDED(ff_table, packages);

static int know_gpu_cc(lua_State *L)
{
	struct ff_gpu_info info;
	if (!ff_know_gpu_by_name(luaL_checkstring(L, 1), &info) || !info.cc.n)
		return 0;
	lua_pushlstring(L, info.cc.p, info.cc.n);
	return 1;
}

// know.arch_covers(archs, ptx, cc) -> "sass", "ptx", "none", or nil for not known
static int know_arch_covers(lua_State *L)
{
	const char *cc = luaL_checkstring(L, 3); // may not return: before anything is allocated
	_cleanup_json_ json_t *archs = ff_sandbox_json(L, 1), *ptx = ff_sandbox_json(L, 2);
	enum ff_arch_verdict v = ff_know_arch_covers(archs, ptx, cc);
	if (v == FF_ARCH_NOT_KNOWN)
		return 0;
	lua_pushstring(L, ff_arch_verdict_name(v));
	return 1;
}

// know.driver_runs(driver, cuda) -> "ok", "no-ptx", "too-old", or nil; then the floor and the toolkit's own driver
static int know_driver_runs(lua_State *L)
{
	struct ff_driver_needs needs = {0};
	enum ff_driver_verdict v = ff_know_driver_runs(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &needs);
	if (v == FF_DRIVER_NOT_KNOWN)
		return 0;
	lua_pushstring(L, ff_driver_verdict_name(v));
	lua_pushlstring(L, needs.floor.n ? needs.floor.p : "", needs.floor.n);
	lua_pushlstring(L, needs.own.n ? needs.own.p : "", needs.own.n);
	return 3;
}

// know.arch_cuda("7.0") -> "9.0", "12.9": the first toolkit that compiles for that capability, and the last, nil where
// it is today's
static int know_arch_cuda(lua_State *L)
{
	struct ff_arch_info info;
	if (!ff_know_arch_info(luaL_checkstring(L, 1), &info))
		return 0;
	lua_pushlstring(L, info.first_cuda.n ? info.first_cuda.p : "", info.first_cuda.n);
	if (info.last_cuda.n)
		lua_pushlstring(L, info.last_cuda.p, info.last_cuda.n);
	else
		lua_pushnil(L);
	return 2;
}

// know.gpu_driver("12.0") -> "570.26", the driver of the first toolkit that compiles for that capability
static int know_gpu_driver(lua_State *L)
{
	struct ff_arch_info info;
	struct ff_driver_needs needs = {0};
	char cuda[16];
	if (!ff_know_arch_info(luaL_checkstring(L, 1), &info))
		return 0;
	snprintf(cuda, sizeof(cuda), "%.*s", (int)info.first_cuda.n, info.first_cuda.p);
	ff_know_driver_runs("1.0", cuda, &needs);
	if (!needs.own.n)
		return 0;
	lua_pushlstring(L, needs.own.p, needs.own.n);
	return 1;
}

static int know_gpu_by_pci(lua_State *L)
{
	struct ff_gpu_info info;
	if (!ff_know_gpu_by_pci((unsigned)luaL_checkinteger(L, 1), &info) || !info.cc.n)
		return 0;
	lua_pushlstring(L, info.name.p, info.name.n);
	lua_pushlstring(L, info.cc.p, info.cc.n);
	return 2;
}

static int know_driver_cuda(lua_State *L)
{
	struct ff_span cuda = ff_know_driver_cuda(luaL_checkstring(L, 1));
	if (!cuda.n)
		return 0;
	lua_pushlstring(L, cuda.p, cuda.n);
	return 1;
}

// A table for a document, nil for NULL or an error: what is not known is nil.
static int push_answer(lua_State *L, struct ff_error *err, json_t *answer)
{
	_cleanup_json_ json_t *doc = answer;
	ff_error_destroy(err);
	ff_sandbox_push_json(L, doc);
	return 1;
}

static int know_torch_wheel(lua_State *L)
{
	json_t *wheel = NULL;
	struct ff_error *err = ff_know_torch_wheel(luaL_checkstring(L, 1), &wheel);
	return push_answer(L, err, wheel);
}

static int know_torch_partner(lua_State *L)
{
	struct ff_span wants;
	if (!ff_know_torch_partner(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &wants))
		return 0;
	lua_pushlstring(L, wants.p, wants.n);
	return 1;
}

static int know_bnb_choice(lua_State *L)
{
	_cleanup_json_ json_t *facts = ff_sandbox_json(L, 1);
	json_t *choice = NULL;
	struct ff_error *err = ff_bnb_choice_of(facts, json_object_get(facts, "env"), &choice);
	return push_answer(L, err, choice);
}

static int know_bnb_ships(lua_State *L)
{
	enum ff_known ships = ff_know_bnb_ships(luaL_checkstring(L, 1), luaL_checkstring(L, 2));
	if (ships == FF_KNOWN_NOT)
		return 0;
	lua_pushboolean(L, ships == FF_KNOWN_YES);
	return 1;
}

// know.package(name) -> the distribution's own spelling, or nil when it is in no table
static int know_package(lua_State *L)
{
	struct ff_table table = ff_table_of(ff_table_packages);
	struct ff_span name = ff_span_of(luaL_checkstring(L, 1));
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		if (!ff_package_name_equal(row.cells[0], name))
			continue;
		lua_pushlstring(L, row.cells[0].p, row.cells[0].n);
		return 1;
	}
	return 0;
}

// know.variable(name) -> whether the table has this variable, so that the facts say when it is not set
static int know_variable(lua_State *L)
{
	struct ff_env_var var;
	lua_pushboolean(L, ff_env_var_find(ff_span_of(luaL_checkstring(L, 1)), &var));
	return 1;
}

static int know_allocator(lua_State *L)
{
	const char *torch = luaL_optstring(L, 2, NULL);
	_cleanup_json_ json_t *env = ff_sandbox_json(L, 1);
	json_t *settings = NULL;
	struct ff_error *err = ff_allocator_settings(env, torch, &settings);
	return push_answer(L, err, settings);
}

static void set_span(lua_State *L, const char *name, struct ff_span text)
{
	lua_pushlstring(L, text.n ? text.p : "", text.n);
	lua_setfield(L, -2, name);
}

static void push_xid(lua_State *L, const struct ff_xid_info *info)
{
	lua_createtable(L, 0, 5);
	set_span(L, "number", info->number);
	set_span(L, "name", info->name);
	set_span(L, "kind", info->kind);
	set_span(L, "action", info->action);
	set_span(L, "cause", info->cause);
}

static int know_xid(lua_State *L)
{
	struct ff_xid_info info;
	lua_Integer number = luaL_checkinteger(L, 1);
	if (number < 0 || number > 10000 || !ff_know_xid((unsigned)number, &info))
		return 0;
	push_xid(L, &info);
	return 1;
}

// know.xids() -> the whole catalogue, a list of what know.xid() says
static int know_xids(lua_State *L)
{
	struct ff_xid_info all[XIDS_MAX];
	size_t n = ff_know_xids(XIDS_MAX, all);
	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		push_xid(L, &all[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

// know.error("cuda", "802") -> {library, number, name, words, cause}; by number or name, nil for a library is any of
// them
static int know_error(lua_State *L)
{
	struct ff_error_code code;
	size_t n = 0;
	const char *key = luaL_tolstring(L, 2, &n);
	if (!ff_know_error_code(luaL_optstring(L, 1, NULL), (struct ff_span){key, n}, &code))
		return 0;
	lua_newtable(L);
	set_span(L, "library", code.library);
	set_span(L, "number", code.number);
	set_span(L, "name", code.name);
	set_span(L, "words", code.words);
	set_span(L, "cause", code.cause);
	return 1;
}

// The shape of a model as the facts give it (model.repos.N.config).
static struct ff_model_shape shape_at(lua_State *L, int index)
{
	struct ff_model_shape s;
	luaL_checktype(L, index, LUA_TTABLE);
	_cleanup_json_ json_t *config = ff_sandbox_json(L, index);
	ff_know_shape_of_facts(config, &s);
	return s;
}

static int push_bytes(lua_State *L, bool known, uint64_t bytes)
{
	if (!known || bytes > INT64_MAX)
		return 0;
	lua_pushinteger(L, (lua_Integer)bytes);
	return 1;
}

// know.kv_bytes(config) -> bytes of one more token in a 16-bit cache, or nil: also of compressed keys, which some
// engines keep as they are and others unpack
static int know_kv_bytes(lua_State *L)
{
	const struct ff_model model = {.shape = shape_at(L, 1)};
	const struct ff_serving_plan plan = {.context = 1, .sequences = 1, .gpus = 1, .cache_bits = 16000};
	uint64_t bytes = model.shape.kept.latent ? 0 : ff_know_token_bytes(&model, &plan);
	return push_bytes(L, bytes > 0, bytes);
}

// know.least_weights(config, scheme) -> bytes that the weights take at least, or nil; by the scheme of the config where
// none is named
static int know_least_weights(lua_State *L)
{
	struct ff_model_shape shape = shape_at(L, 1);
	uint64_t parameters = 0, bytes = 0;
	bool known = ff_know_least_parameters(&shape, &parameters);
	if (lua_isnoneornil(L, 2) && shape.quantization_bits) {
		known &= !__builtin_mul_overflow(parameters / 8, shape.quantization_bits, &bytes);
		return push_bytes(L, known, bytes);
	}
	known = known && ff_know_weight_bytes(parameters, luaL_optstring(L, 2, "bf16"), &bytes);
	return push_bytes(L, known, bytes);
}

static uint64_t count_of(const json_t *doc, const char *name)
{
	int64_t n;
	return ff_json_int(doc, name, &n) && n > 0 ? (uint64_t)n : 0;
}

static struct ff_error *serving_answer(const struct ff_serving_question *q, json_t **ret)
{
	struct ff_model_need need;
	json_t *changes = NULL;
	if (!ff_know_model_need(q->model, &q->plan, &need))
		return NULL;
	struct ff_error *err = ff_know_serving_changes(q, &changes);
	if (err)
		return err;
	*ret = json_pack("{s:b, s:o, s:I, s:I, s:I, s:I, s:f, s:o}", "fits", ff_know_model_fits(&need), "memory",
		ff_know_need_json(&need), "context", (json_int_t)q->plan.context, "gpus", (json_int_t)q->plan.gpus,
		"longest", (json_int_t)ff_know_longest_context(q->model, &q->plan), "token",
		(json_int_t)ff_know_token_bytes(q->model, &q->plan), "share", q->plan.share, "changes", changes);
	return *ret ? NULL : &ff_enomem;
}

// know.serving{model = entry of the facts, engine = "vllm", memory = bytes of one GPU, cc, held, gpus_here, context,
// sequences, batch, step_tokens, gpus, cache_bits, scheme, share} -> {fits, memory, context, gpus, longest, token,
// share, changes}: the arithmetic of `firstfix fit`; nil where the facts do not say enough
static int know_serving(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	_cleanup_json_ json_t *asked = ff_sandbox_json(L, 1);
	const char *engine = ff_json_text(asked, "engine"), *cc = ff_json_text(asked, "cc");
	struct ff_model model;
	struct ff_serving_question q = {.model = &model, .cc = cc ? cc : "", .held = count_of(asked, "held")};
	struct ff_serving_plan *p = &q.plan;
	json_t *answer = NULL;
	*p = (struct ff_serving_plan){.context = count_of(asked, "context"),
		.sequences = count_of(asked, "sequences"),
		.batch = count_of(asked, "batch"),
		.step_tokens = count_of(asked, "step_tokens"),
		.gpus = (unsigned)count_of(asked, "gpus"),
		.cache_bits = (unsigned)count_of(asked, "cache_bits"),
		.scheme = ff_json_text(asked, "scheme"),
		.share = json_number_value(json_object_get(asked, "share")),
		.memory = count_of(asked, "memory")};
	q.gpus_here = (unsigned)count_of(asked, "gpus_here");
	if (!engine || !p->memory || !ff_know_serving_engine(engine, &p->engine) || p->share > 1 ||
		!ff_know_model_of_facts(json_object_get(asked, "model"), &model))
		return 0;
	ff_know_serving_usual(&model, q.cc, p);
	struct ff_error *err = serving_answer(&q, &answer);
	return push_answer(L, err, answer);
}

static int know_cause_title(lua_State *L)
{
	struct ff_cause cause;
	if (!ff_cause_find(luaL_checkstring(L, 1), &cause))
		return 0;
	lua_pushlstring(L, cause.title.p, cause.title.n);
	return 1;
}

// know.distribution("cv2") -> "opencv-python-headless", or nil where the distribution is called like the module, whose
// name prelude.lua gives then
static int know_distribution(lua_State *L)
{
	struct ff_table_row row;
	if (!ff_table_find(ff_table_modules, ff_span_of(luaL_checkstring(L, 1)), &row))
		return 0;
	lua_pushlstring(L, row.cells[1].p, row.cells[1].n);
	return 1;
}

// know.onnxruntime("12.4") -> ">=1.19,<1.27": the releases of onnxruntime-gpu that are built for this CUDA
static int know_onnxruntime(lua_State *L)
{
	struct ff_table_row row;
	struct ff_span rest = ff_span_of(luaL_checkstring(L, 1)), major;
	if (!ff_span_next(&rest, '.', &major) || !ff_table_find(ff_table_onnxruntime_cuda, major, &row))
		return 0;
	lua_pushlstring(L, row.cells[1].p, row.cells[1].n);
	return 1;
}

// know.from_pretrained("load_in_8bit") -> {since = "4.22", before = "5.0"}: the releases of transformers that take this
// argument there; nil where every one does, or none
static int know_from_pretrained(lua_State *L)
{
	struct ff_table_row row;
	if (!ff_table_find(ff_table_from_pretrained, ff_span_of(luaL_checkstring(L, 1)), &row))
		return 0;
	lua_newtable(L);
	if (row.cells[1].n)
		set_span(L, "since", row.cells[1]);
	if (row.cells[2].n)
		set_span(L, "before", row.cells[2]);
	return 1;
}

// know.nearest("text-clasification", "['text-classification', 'fill-mask']") -> "text-classification": the word of a
// list that was meant, nil when none is near enough
static int know_nearest(lua_State *L)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	struct ff_nearest n = {.wrong = ff_span_of(luaL_checkstring(L, 1))};
	const char *list = luaL_checkstring(L, 2);
	int words = 0;
	while (*(list += strcspn(list, letters)) && words < NEAREST_WORDS_MAX && lua_checkstack(L, 1)) {
		size_t length = strspn(list, letters);
		ff_nearest_try(&n, lua_pushlstring(L, list, length)); // stays on the stack, as `best` may be it
		list += length;
		words++;
	}
	if (!n.best)
		return 0;
	lua_pushstring(L, n.best);
	return 1;
}

static int know_system_package(lua_State *L)
{
	lua_pushboolean(L, ff_fix_system_known(luaL_checkstring(L, 1)));
	return 1;
}

void ff_lua_know_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"allocator", know_allocator},
		{"arch_covers", know_arch_covers},
		{"bnb_choice", know_bnb_choice},
		{"bnb_ships", know_bnb_ships},
		{"cause_title", know_cause_title},
		{"distribution", know_distribution},
		{"driver_cuda", know_driver_cuda},
		{"driver_runs", know_driver_runs},
		{"error", know_error},
		{"from_pretrained", know_from_pretrained},
		{"gpu_by_pci", know_gpu_by_pci},
		{"gpu_cc", know_gpu_cc},
		{"arch_cuda", know_arch_cuda},
		{"gpu_driver", know_gpu_driver},
		{"kv_bytes", know_kv_bytes},
		{"least_weights", know_least_weights},
		{"nearest", know_nearest},
		{"onnxruntime", know_onnxruntime},
		{"package", know_package},
		{"serving", know_serving},
		{"system_package", know_system_package},
		{"torch_partner", know_torch_partner},
		{"torch_wheel", know_torch_wheel},
		{"variable", know_variable},
		{"xid", know_xid},
		{"xids", know_xids},
		{NULL, NULL},
	};
	luaL_newlib(L, functions);
}
