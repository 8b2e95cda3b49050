// `codes` of rules: codes"driver.fabric-manager" is the pattern of every spelling of the codes that name this cause,
// and takes the number or name as {code} or {code_name}.
//
//	CUDA_ERROR_SYSTEM_NOT_READY   cudaErrorSystemNotReady   [802] Call to cuInit   cuInit err: 802   init failure: 802
//
// How it lies: a bare number means nothing, so it counts only behind words with which a library or a program introduces
// its codes; the words of a code ("out of memory", "unknown error") count only where they are too long to be anybody
// else's.
#include "diagnose/lua_codes.h"

#include "know/error_code.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

enum { WORDS_MIN = 22, CODES_MAX = 64 };

// What stands before a number, and behind it, by library. No look-ahead: Vectorscan leaves those out, and would report
// every number that the rest of the branch takes.
static const struct {
	const char *library, *before, *behind;
} introductions[] = {
	{"cuda",
		"(?:(?:CUDA error|CUDA failure|CUDA status"
		"|(?:CUDA driver|CUDA runtime|CUDA API|CUDA call)(?: call)? (?:error|failure|status))"
		"(?: code)?(?: is)?[ :=(#]{1,3}"
		"|\\bcu(?:da[a-z]\\w+|(?:Init|Device|Ctx|Mem|Module|Library|Launch|Stream|Event|Driver|Link|Func|"
		"Kernel)\\w*)"
		"(?:\\(\\w*\\))?:? (?:failed|returned|err(?:or)?)\\b[^\\n]{0,60}?[ :=(]"
		"|NumCudaDevices\\(\\)[^\\n]{0,90}Error "
		"|(?:cudart|nvcuda|cuda driver library)[^\\n]{0,20} (?:init failure:|failed to get device context) "
		"|CUDA initiali[sz]ation (?:failure|failed)[^\\n]{0,20}?[ :=(]"
		"|\\bCUresult[ (:=]{1,3}"
		"|cuda[^\\n]{0,60} error code[ :=(]{1,3})",
		""},
	{"cuda", "\\[", "\\] Call to cu"},
	{"hip", "(?:(?:HIP error|HIP failure|HIP status|HIP runtime (?:error|failure|status))(?: code)?[ :=(#]{1,3})",
		""},
	{"nvml",
		"(?:\\bnvml(?:Init|Device|System)\\w*(?:\\(\\w*\\))?:? (?:failed|returned|err(?:or)?)\\b[^\\n]{0,30}?[ "
		":=(]"
		"|\\bnvml(?: \\w+)? init failure: "
		"|NVML error(?: code)?[ :=(]{1,3})",
		""},
	{"nccl", "(?:NCCL error(?: code)?[ :=(]{1,3})", ""},
	{"errno", "(?:\\[Errno |\\(os error |\\berrno[ :=]{1,3})", ""},
};

static void add_literal(luaL_Buffer *out, struct ff_span text)
{
	while (text.n && text.p[text.n - 1] == '.')
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		if (ispunct((unsigned char)text.p[i]) && text.p[i] != '_')
			luaL_addstring(out, "\\");
		luaL_addlstring(out, text.p + i, 1);
	}
}

// NVML_ERROR_DRIVER_NOT_LOADED also as NVMLError_DriverNotLoaded (Python), and behind what programs in Go put before:
// "NVML: ERROR_DRIVER_NOT_LOADED", "nvml init failed: ERROR_DRIVER_NOT_LOADED".
static void add_name(luaL_Buffer *out, const struct ff_error_code *code)
{
	static const struct ff_span prefix = {"NVML_ERROR_", 11};
	luaL_addlstring(out, code->name.p, code->name.n);
	if (!ff_span_eq(code->library, "nvml") || code->name.n <= prefix.n)
		return;
	luaL_addstring(out, "|NVML(?: init failed)?: ");
	luaL_addlstring(out, code->name.p + strlen("NVML_"), code->name.n - strlen("NVML_"));
	luaL_addstring(out, "|NVMLError_");
	for (size_t i = prefix.n; i < code->name.n; i++)
		if (code->name.p[i] != '_')
			luaL_addlstring(out, code->name.p + i, 1);
}

static size_t codes_of(lua_State *L, struct ff_error_code codes[CODES_MAX])
{
	size_t n = 0;
	for (int i = 1; i <= lua_gettop(L); i++) {
		const char *cause = luaL_checkstring(L, i);
		size_t before = n;
		n += ff_know_error_codes(cause, codes + n, CODES_MAX - n);
		luaL_argcheck(L, n > before, i, "a cause that a code of rules/data/error_codes.tsv names expected");
	}
	luaL_argcheck(L, n > 0, 1, "a cause expected");
	return n;
}

static bool of(const char *library, const struct ff_error_code *codes, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (ff_span_same(codes[k].number, codes[i].number) && ff_span_eq(codes[k].library, library))
			return false;
	return ff_span_eq(codes[i].library, library);
}

// The numbers of a library, each once; none where it has none.
static void add_numbers(luaL_Buffer *out, size_t row, const struct ff_error_code *codes, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		if (!of(introductions[row].library, codes, i))
			continue;
		luaL_addchar(out, '|');
		if (!any) {
			luaL_addstring(out, introductions[row].before);
			luaL_addstring(out, "(?<code>");
		}
		any = true;
		luaL_addlstring(out, codes[i].number.p, codes[i].number.n);
	}
	if (any) {
		luaL_addstring(out, ")(?:\\b(?!\\.\\d)|time=)"); // a line of Go's log that stands right behind C's
		luaL_addstring(out, introductions[row].behind);
	}
}

int ff_lua_codes(lua_State *L)
{
	struct ff_error_code codes[CODES_MAX];
	size_t n = codes_of(L, codes);
	luaL_Buffer out;
	luaL_buffinit(L, &out);
	luaL_addstring(&out, "(?:\\b(?<code_name>");
	for (size_t i = 0; i < n; i++) {
		luaL_addstring(&out, i ? "|" : "");
		add_name(&out, &codes[i]);
	}
	luaL_addstring(&out, ")\\b");
	for (size_t i = 0; i < n; i++) {
		bool told = codes[i].words.n < WORDS_MIN;
		for (size_t k = 0; k < i && !told; k++)
			told = ff_span_same(codes[k].words, codes[i].words);
		if (told)
			continue;
		luaL_addchar(&out, '|');
		add_literal(&out, codes[i].words);
	}
	for (size_t row = 0; row < sizeof(introductions) / sizeof(*introductions); row++)
		add_numbers(&out, row, codes, n);
	luaL_addstring(&out, ")");
	luaL_pushresult(&out);
	return 1;
}
