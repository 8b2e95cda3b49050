// Judges environment variables by the table. Each library reads its variables in its own way and most never complain: a
// "True" where only "1" counts, quotes that a YAML file left in the value, a folder list where one folder is wanted
// (CUDA_HOME=/a:/b ends in "could not find nvcc"), a token with a newline. Versions decide which names are still read.
//
//	HF_HUB_ENABLE_HF_TRANSFER=1 with huggingface_hub 1.2 -> {"kind": "ignored", "text": "huggingface_hub 1.2 ignores it; use ..."}
#include "know/env_vars.h"

#include "base/table.h"

#include <ctype.h>

FF_EMBEDDED(ff_table, env_vars);

// How well a line's first cell fits a name: 0 not at all, else the length that fits; a full name counts more than any
// prefix.
static size_t fit(struct ff_span line, struct ff_span name)
{
	const char *tab = memchr(line.p, '\t', line.n);
	size_t n = tab ? (size_t)(tab - line.p) : line.n;
	bool prefix = n && line.p[n - 1] == '*';
	n -= prefix;
	if (!n || (prefix ? name.n <= n : name.n != n) || memcmp(line.p, name.p, n) != 0)
		return 0;
	return prefix ? n : SIZE_MAX;
}

// Four hundred rows for each variable of the environment: only the line that fits is split into cells.
bool ff_env_var_find(struct ff_span name, struct ff_env_var *ret)
{
	struct ff_span rest = ff_table_of(ff_table_env_vars).rest, line, best = {0};
	size_t best_fit = 0;
	while (best_fit != SIZE_MAX && ff_span_next(&rest, '\n', &line)) {
		size_t fits = line.n && name.n && line.p[0] == name.p[0] ? fit(line, name) : 0;
		if (fits > best_fit) {
			best_fit = fits;
			best = line;
		}
	}
	struct ff_table table = {.rest = best};
	struct ff_table_row row;
	if (!best_fit || !ff_table_next(&table, &row))
		return false;
	bool prefix = ff_span_ends(row.cells[0], "*");
	row.cells[0].n -= prefix;
	*ret = (struct ff_env_var){.name = row.cells[0],
		.owner = row.cells[1],
		.values = row.cells[2],
		.replaced_by = row.cells[3],
		.gone_in = row.cells[4],
		.what = row.cells[6],
		.secret = row.cells[5].n > 0,
		.prefix = prefix};
	return true;
}

static bool is_digits(struct ff_span s)
{
	uint64_t v;
	return ff_span_u64(s, &v);
}

static const char *bad_bool(struct ff_span value)
{
	static const char *const words[] = {"0", "1", "on", "off", "yes", "no", "true", "false"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (value.n == strlen(words[i]) && strncasecmp(value.p, words[i], value.n) == 0)
			return NULL;
	}
	return "1, on, yes or true is wanted, or their opposites";
}

static bool is_one_path(struct ff_span value)
{
	return ff_span_starts(value, "/") && !memchr(value.p, ':', value.n);
}

bool ff_env_value_must_exist(const struct ff_env_var *var, struct ff_span value)
{
	return (ff_span_eq(var->values, "home") || ff_span_eq(var->values, "path")) && is_one_path(value);
}

bool ff_env_value_is_folder(const struct ff_env_var *var, struct ff_span value)
{
	return (ff_span_eq(var->values, "home") || ff_span_eq(var->values, "dir")) && is_one_path(value);
}

static const char *bad_int(struct ff_span value)
{
	return is_digits(value) ? NULL : "a whole number is wanted";
}

static const char *bad_sint(struct ff_span value)
{
	if (ff_span_starts(value, "-"))
		value = (struct ff_span){value.p + 1, value.n - 1};
	return bad_int(value);
}

static const char *bad_float(struct ff_span value)
{
	size_t points = 0, digits = 0;
	for (size_t i = 0; i < value.n; i++) {
		points += value.p[i] == '.';
		digits += isdigit((unsigned char)value.p[i]) != 0;
	}
	return digits && points <= 1 && points + digits == value.n ? NULL : "a number is wanted";
}

static const char *bad_port(struct ff_span value)
{
	uint64_t port;
	return ff_span_u64(value, &port) && port > 0 && port < 65536 ? NULL : "a port number from 1 to 65535 is wanted";
}

static const char *bad_seed(struct ff_span value)
{
	uint64_t seed;
	return ff_span_eq(value, "random") || (ff_span_u64(value, &seed) && seed <= UINT32_MAX)
		? NULL
		: "random, or a number from 0 to 4294967295, is wanted";
}

static const char *bad_list(struct ff_span value, bool (*good)(struct ff_span), const char *wanted)
{
	for (struct ff_span part; ff_span_next(&value, ',', &part);) {
		if (!good(ff_span_trim(part)))
			return wanted;
	}
	return NULL;
}

static const char *bad_intlist(struct ff_span value)
{
	return bad_list(value, is_digits, "a whole number is wanted");
}

static const char *bad_path(struct ff_span value)
{
	if (value.p[0] == '"' || value.p[0] == '\'')
		return "the quotes are part of the value";
	if (value.p[0] == '~')
		return "nobody expands '~' here: the shell does that only when it is not quoted";
	return NULL;
}

static const char *bad_dir(struct ff_span value)
{
	const char *bad = bad_path(value);
	return bad || !memchr(value.p, ':', value.n) ? bad : "one folder is wanted, not a list";
}

static const char *bad_url(struct ff_span value)
{
	if (ff_span_starts(value, "http://") || ff_span_starts(value, "https://") || ff_span_starts(value, "socks"))
		return NULL;
	return "it should begin with http:// or https://";
}

static const char *bad_token(struct ff_span value)
{
	if (isspace((unsigned char)value.p[0]) || isspace((unsigned char)value.p[value.n - 1]))
		return "white space or a newline around the token makes every request fail";
	if (value.p[0] == '"' || value.p[0] == '\'')
		return "the quotes are part of the token";
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] > '~')
			return "a character in it is none of a token's, and no request can be made with it";
	return NULL;
}

static bool is_arch(struct ff_span s)
{
	struct ff_span major;
	if (ff_span_ends(s, "+PTX"))
		s.n -= 4;
	if (s.n && (s.p[s.n - 1] == 'a' || s.p[s.n - 1] == 'f'))
		s.n--;
	ff_span_next(&s, '.', &major);
	return is_digits(major) && s.p && is_digits(s);
}

// Names of generations ("Ampere", "Hopper") are good too, but torch does not know the newest; digits cannot go wrong.
static const char *bad_archs(struct ff_span value)
{
	if (ff_span_eq(value, "All") || isupper((unsigned char)value.p[0]))
		return NULL;
	for (size_t i = 0; i < value.n;) {
		size_t n = 0;
		while (i + n < value.n && !strchr("; ,", value.p[i + n]))
			n++;
		if (n && !is_arch((struct ff_span){value.p + i, n}))
			return "a list like '8.0;9.0+PTX' is wanted";
		i += n + 1;
	}
	return NULL;
}

static const char *bad_cudaver(struct ff_span value)
{
	return is_digits(value) && value.n >= 2 && value.n <= 3 ? NULL
								: "digits without a point are wanted: 121 for 12.1";
}

static bool is_workspace(struct ff_span s)
{
	struct ff_span first;
	return ff_span_next(&s, ':', &first) && !first.n && s.p && is_digits((struct ff_span){s.p, strcspn(s.p, ":")});
}

static const char *bad_workspace(struct ff_span value)
{
	_cleanup_free_ char *copy = ff_span_dup(value);
	return !copy || is_workspace(ff_span_of(copy)) ? NULL : "':4096:8' or ':16:8' is wanted";
}

static bool is_capability(struct ff_span s)
{
	static const char *const names[] = {
		"all", "compute", "compat32", "graphics", "utility", "video", "display", "ngx"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (ff_span_eq(s, names[i]))
			return true;
	}
	return false;
}

static const char *bad_caps(struct ff_span value)
{
	const char *bad =
		bad_list(value, is_capability, "a list of compute, utility, graphics, video, display is wanted");
	if (bad || memmem(value.p, value.n, "compute", 7) || memmem(value.p, value.n, "all", 3))
		return bad;
	return "without 'compute' libcuda.so is not mounted and CUDA finds no driver";
}

static bool is_gpu(struct ff_span s)
{
	return is_digits(s) || ff_span_starts(s, "GPU-") || ff_span_starts(s, "MIG-") || memchr(s.p, ':', s.n) ||
		memchr(s.p, '=', s.n);
}

static const char *bad_gpus(struct ff_span value)
{
	if (ff_span_eq(value, "none") || ff_span_eq(value, "void"))
		return "this asks for no GPU";
	if (ff_span_eq(value, "all") || ff_span_starts(value, "/"))
		return NULL;
	return bad_list(value, is_gpu, "'all', indices or UUIDs are wanted");
}

static const char *bad_preload(struct ff_span value)
{
	return bad_path(value);
}

static const char *bad_enum(struct ff_span words, struct ff_span value)
{
	for (struct ff_span word; ff_span_next(&words, ',', &word);) {
		if (word.n == value.n && strncasecmp(word.p, value.p, word.n) == 0)
			return NULL;
	}
	return "not one of the values it can have";
}

const char *ff_env_value_bad(const struct ff_env_var *var, struct ff_span value)
{
	static const struct {
		const char *kind;
		const char *(*bad)(struct ff_span value);
	} kinds[] = {{"bool", bad_bool}, {"int", bad_int}, {"sint", bad_sint}, {"float", bad_float}, {"port", bad_port},
		{"intlist", bad_intlist}, {"path", bad_path}, {"newpath", bad_path}, {"dir", bad_dir},
		{"home", bad_dir}, {"preload", bad_preload}, {"url", bad_url}, {"token", bad_token},
		{"archs", bad_archs}, {"cudaver", bad_cudaver}, {"workspace", bad_workspace}, {"caps", bad_caps},
		{"gpus", bad_gpus}, {"seed", bad_seed}};
	if (!value.n)
		return NULL;
	if (ff_span_starts(var->values, "enum:"))
		return bad_enum((struct ff_span){var->values.p + 5, var->values.n - 5}, value);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (ff_span_eq(var->values, kinds[i].kind))
			return kinds[i].bad(value);
	}
	return NULL;
}
