// bitsandbytes' choice of its native library, version by version, as data: rules/data/bnb_rules.tsv, bnb_shipped.tsv.
//
//	0.42.0 with torch 12.1 on compute capability 8.9             -> libbitsandbytes_cuda121.so
//	0.42.0 with BNB_CUDA_VERSION=118 on capability 7.0           -> libbitsandbytes_cuda121_nocubla118.so (their slip)
//	0.43.x likewise                                              -> libbitsandbytes_cuda121_nocublaslt118.so
//	0.50.0 with torch 12.9, shipped 12.8                         -> libbitsandbytes_cuda128.so
#include "know/bnb.h"

#include "base/table.h"
#include "parse/chars.h"
#include "parse/version.h"

#include <stdio.h>

FF_EMBEDDED(ff_table, bnb_rules);
FF_EMBEDDED(ff_table, bnb_shipped);

enum { RULE_FROM, RULE_CUDA, RULE_NOCUBLASLT, RULE_OVERRIDE, RULE_MISSING, RULE_MATCH, RULE_ROCM, RULE_CPU };

struct numbers {
	unsigned major, minor;
};

// The last row that is not above the version.
static bool row_for(struct ff_span table_text, const char *version, struct ff_table_row *ret)
{
	struct ff_version v;
	if (!ff_version_parse(ff_span_of(version), &v))
		return false;
	struct ff_table table = ff_table_of(table_text);
	bool found = false;
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		if (ff_version_compare_spans(row.cells[0], ff_span_of(version)) > 0)
			break;
		*ret = row;
		found = true;
	}
	return found;
}

// "12.1" and "6.2.41133-dd7f95766": the first two numbers.
static bool numbers_of(const char *text, struct numbers *ret)
{
	struct ff_span rest = ff_span_of(text), major_text, minor_text;
	uint64_t major, minor;
	if (!ff_span_next(&rest, '.', &major_text) || !ff_span_next(&rest, '.', &minor_text) ||
		!ff_span_u64(major_text, &major) || !ff_span_u64(minor_text, &minor) || major > 999 || minor > 999)
		return false;
	*ret = (struct numbers){(unsigned)major, (unsigned)minor};
	return true;
}

static bool is_digits(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!ff_is_digit(*c))
			return false;
	return *text != '\0';
}

static bool is_shipped(const struct ff_bnb_question *q, const char *name)
{
	for (size_t i = 0; i < q->n_shipped; i++)
		if (strcmp(q->shipped[i], name) == 0)
			return true;
	return false;
}

static bool fails(struct ff_bnb_choice *c, const char *because, const char *note)
{
	c->because = because;
	c->note = note;
	c->outcome = FF_BNB_FAILS;
	return true;
}

// What the old versions do with BNB_CUDA_VERSION to a name that is already made.
static void override_name(struct ff_span how, const char *value, char name[160])
{
	char made[160];
	size_t stem = strlen(name) - strlen(".so");
	const char *rest = ".so";
	if (ff_span_eq(how, "cut6")) {
		stem = strlen(name) - 6;
	} else if (ff_span_eq(how, "rstrip")) {
		while (stem && ff_is_digit(name[stem - 1]))
			stem--;
	} else {
		const char *digits = strstr(name, "cuda");
		if (!digits)
			return; // a ROCm name: the pattern does not match
		stem = (size_t)(digits - name) + strlen("cuda");
		rest = name + stem;
		while (ff_is_digit(*rest))
			rest++;
	}
	snprintf(made, sizeof(made), "%.*s%.64s%s", (int)stem, name, value, rest);
	memcpy(name, made, sizeof(made));
}

// "128" of 0.50's file names: two digits of major for CUDA, one for ROCm.
static bool shipped_numbers(const char *name, const char *prefix, struct numbers *ret)
{
	size_t major_digits = strcmp(prefix, "cuda") == 0 ? 2 : 1;
	struct ff_span s = ff_span_of(name);
	uint64_t major, minor;
	if (!ff_span_starts(s, "libbitsandbytes_") || !ff_span_ends(s, ".so"))
		return false;
	s = (struct ff_span){s.p + strlen("libbitsandbytes_"), s.n - strlen("libbitsandbytes_.so")};
	if (!ff_span_starts(s, prefix))
		return false;
	s = ff_span_skip(s, strlen(prefix));
	if (s.n <= major_digits || !ff_span_u64(ff_span_first(s, major_digits), &major) ||
		!ff_span_u64(ff_span_skip(s, major_digits), &minor) || minor > 999)
		return false;
	*ret = (struct numbers){(unsigned)major, (unsigned)minor};
	return true;
}

// Among the shipped ones of the same major: the highest not above, else the lowest above.
static const char *nearest_shipped(const struct ff_bnb_question *q, const char *prefix, struct numbers wanted)
{
	const char *below = NULL, *above = NULL;
	unsigned best_below = 0, best_above = 0;
	for (size_t i = 0; i < q->n_shipped; i++) {
		struct numbers n;
		if (!shipped_numbers(q->shipped[i], prefix, &n) || n.major != wanted.major)
			continue;
		if (n.minor <= wanted.minor && (!below || n.minor > best_below)) {
			below = q->shipped[i];
			best_below = n.minor;
		}
		if (n.minor > wanted.minor && (!above || n.minor < best_above)) {
			above = q->shipped[i];
			best_above = n.minor;
		}
	}
	return below ? below : above;
}

static bool needs_suffix(const struct ff_table_row *rule, const struct ff_bnb_question *q, struct ff_bnb_choice *c)
{
	struct numbers cc;
	if (!ff_span_eq(rule->cells[RULE_NOCUBLASLT], "yes"))
		return false;
	if (!numbers_of(q->capability, &cc)) {
		c->assumed_capability = true;
		return false;
	}
	return cc.major < 7 || (cc.major == 7 && cc.minor < 5);
}

// 0.50 and later: the override names the library whole; without one the nearest is taken.
static bool choose_nearest(const struct ff_bnb_question *q, struct numbers runtime, struct ff_bnb_choice *c)
{
	const char *prefix = q->torch_hip ? "rocm" : "cuda";
	const char *value = q->torch_hip ? q->override_rocm : q->override_cuda;
	const char *variable = q->torch_hip ? "BNB_ROCM_VERSION" : "BNB_CUDA_VERSION";
	if (value && !is_digits(value))
		return fails(c, variable, "the value must be digits only; an empty one raises too: unset the variable");
	if (value) {
		snprintf(c->wanted, sizeof(c->wanted), "libbitsandbytes_%s%.64s.so", prefix, value);
		c->because = variable;
		return true;
	}
	const char *nearest = nearest_shipped(q, prefix, runtime);
	snprintf(c->wanted, sizeof(c->wanted), "libbitsandbytes_%s%u%u.so", prefix, runtime.major, runtime.minor);
	if (nearest && strcmp(nearest, c->wanted) != 0) {
		snprintf(c->wanted, sizeof(c->wanted), "%s", nearest);
		c->note = "the nearest version of the same major that is shipped";
	}
	return true;
}

static bool choose_exact(const struct ff_table_row *rule, const struct ff_bnb_question *q, struct numbers runtime,
	struct ff_bnb_choice *c)
{
	const char *value = q->override_cuda;
	struct ff_span how = rule->cells[RULE_OVERRIDE];
	if (q->torch_hip)
		snprintf(c->wanted, sizeof(c->wanted), "libbitsandbytes_rocm%u.so", runtime.major * 10 + runtime.minor);
	else
		snprintf(c->wanted, sizeof(c->wanted), "libbitsandbytes_cuda%u%u%s.so", runtime.major, runtime.minor,
			needs_suffix(rule, q, c) ? "_nocublaslt" : "");
	if (!value || !*value || ff_span_eq(how, "none"))
		return true;
	if (q->torch_hip && ff_span_eq(rule->cells[RULE_ROCM], "strict")) {
		c->wanted[0] = 0;
		return fails(c, "BNB_CUDA_VERSION", "set although torch is a ROCm build: this version raises");
	}
	if (q->torch_hip)
		return true;
	override_name(how, value, c->wanted);
	c->because = "BNB_CUDA_VERSION";
	return true;
}

static bool choose(const struct ff_table_row *rule, const struct ff_bnb_question *q, struct ff_bnb_choice *c)
{
	bool asks_cudart = ff_span_eq(rule->cells[RULE_CUDA], "cudart");
	const char *runtime_text = asks_cudart ? q->cudart : q->torch_hip ? q->torch_hip : q->torch_cuda;
	struct numbers runtime;
	c->because = asks_cudart ? "libcudart" : q->torch_hip ? "torch.version.hip" : "torch.version.cuda";
	if (q->torch_hip && ff_span_eq(rule->cells[RULE_ROCM], "no"))
		return fails(c, "torch.version.hip", "this version knows no ROCm");
	if (!numbers_of(runtime_text, &runtime))
		return false;
	if (ff_span_eq(rule->cells[RULE_MATCH], "nearest"))
		return choose_nearest(q, runtime, c);
	return choose_exact(rule, q, runtime, c);
}

bool ff_know_bnb_select(const struct ff_bnb_question *q, struct ff_bnb_choice *ret)
{
	struct ff_table_row rule;
	struct ff_bnb_choice c = {.outcome = FF_BNB_LOADS};
	if (!q->version || !row_for(ff_table_bnb_rules, q->version, &rule))
		return false;
	bool cpu_build = !q->torch_cuda && !q->torch_hip;
	bool on_gpu = !cpu_build && q->gpu != FF_KNOWN_NO;
	c.assumed_gpu = on_gpu && q->gpu == FF_KNOWN_NOT;
	if (!on_gpu) {
		struct ff_span cpu = rule.cells[RULE_CPU];
		snprintf(c.wanted, sizeof(c.wanted), "%.*s", (int)cpu.n, cpu.p);
		c.because = cpu_build ? "torch is a CPU build" : "torch sees no GPU";
	} else if (!choose(&rule, q, &c)) {
		return false;
	}
	c.found = c.wanted[0] && is_shipped(q, c.wanted);
	bool cpu_instead = !on_gpu || ff_span_eq(rule.cells[RULE_MISSING], "cpu");
	if (c.outcome == FF_BNB_LOADS && !c.found)
		c.outcome = cpu_instead && is_shipped(q, "libbitsandbytes_cpu.so") ? FF_BNB_CPU_INSTEAD : FF_BNB_FAILS;
	*ret = c;
	return true;
}

enum ff_known ff_know_bnb_ships(const char *version, const char *cuda)
{
	struct ff_table_row row;
	char compact[16];
	size_t n = 0;
	for (const char *c = cuda; *c && n + 1 < sizeof(compact); c++)
		if (*c != '.')
			compact[n++] = *c;
	compact[n] = 0;
	if (!row_for(ff_table_bnb_shipped, version, &row))
		return FF_KNOWN_NOT;
	struct ff_span rest = row.cells[1], piece;
	while (ff_span_next(&rest, ',', &piece))
		if (ff_span_eq(piece, compact))
			return FF_KNOWN_YES;
	return FF_KNOWN_NO;
}

const char *ff_bnb_outcome_name(enum ff_bnb_outcome outcome)
{
	static const char *const names[] = {
		[FF_BNB_LOADS] = "loads", [FF_BNB_CPU_INSTEAD] = "cpu-instead", [FF_BNB_FAILS] = "fails"};
	return names[outcome];
}
