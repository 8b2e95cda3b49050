// Settings of an inference engine, and arguments in code.
//
//	{"flag": "max_model_len", "value": 8192}   vLLM       ->  --max-model-len 8192
//	                                           llama.cpp  ->  -c 8192
//	                                           Ollama     ->  OLLAMA_CONTEXT_LENGTH=8192 ollama serve
//	                              a program that calls vLLM  ->  max_model_len=8192
//	{"flag": "gpu_memory_utilization", "toward": "lower"}, 0.9 in effect  ->  --gpu-memory-utilization 0.8
//
// rules/data/engine_flags.tsv spells each setting for each engine and release. A number goes the way the rule means it
// ("toward"): where the settings in effect are known and the new value is not on that side of the old one, the fix is
// refused; where the rule names none, the next step from what is in effect is taken, and without that from the engine's
// own default.
//
// How it lies: the engine's release is not always known, and spellings come and go with releases; what was assumed is
// said.
#include "base/table.h"
#include "fix/machine.h"
#include "know/atlas_ask.h"
#include "parse/version.h"

#include <ctype.h>
#include <math.h>

FF_EMBEDDED(ff_table, engine_flags);

enum { SETTING, ENGINE, RELEASES, DEFAULT, SPELLING };
enum { VALUE_MAX = 200, STATED_MIN = 4, SHORTEST_STATED = 3 };

// What is to be written, and where it comes from.
struct flag {
	const char *setting, *engine, *release;
	struct ff_table_row row;
	bool known;   // a row of this engine and release
	bool assumed; // the release is not known, and the spelling depends on it
	struct ff_buf value;
};

static bool is_setting(const char *setting)
{
	struct ff_table_row row;
	return ff_table_find(ff_table_engine_flags, ff_span_of(setting), &row);
}

static const char *release_of(const struct ff_fix_machine *m, const char *engine)
{
	bool absent;
	const char *said = m->engine && m->said ? ff_json_text(m->said, "engine.version") : NULL;
	return said ? said : ff_machine_package(m, engine, &absent);
}

// The name of a flag or variable that a word of a spelling begins with: "--port=%", "-ub", "OLLAMA_CONTEXT_LENGTH=%".
static size_t name_length(struct ff_span word)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t n = 0;
	while (n < word.n && word.p[n] != '=' && word.p[n] != '%')
		n++;
	bool flag = n > 1 && word.p[0] == '-' && isalpha((unsigned char)word.p[word.p[1] == '-' ? 2 : 1]);
	size_t letters = 0;
	while (letters < n && strchr(upper, word.p[letters]))
		letters++;
	return flag || (n < word.n && word.p[n] == '=' && letters == n) ? n : 0;
}

// The atlas knows a flag or variable of the spelling from other releases, and this one has it not.
static bool is_gone(const char *engine, const char *release, struct ff_span spelling)
{
	char name[FF_ATLAS_WORD_MAX];
	struct ff_atlas_flag known;
	struct ff_span word;
	while (release && ff_atlas() && spelling.n && ff_span_next(&spelling, ' ', &word)) {
		size_t n = name_length(word);
		if (!n || n >= sizeof(name))
			continue;
		memcpy(name, word.p, n);
		name[n] = 0;
		if (ff_atlas_ask_flag(ff_atlas(), engine, name, release, &known) && known.state == FF_ATLAS_CHANGED)
			return true;
	}
	return false;
}

// The engine's row for its release; the first one where the release is not known.
static void find_spelling(struct flag *f)
{
	struct ff_table table = ff_table_of(ff_table_engine_flags);
	struct ff_table_row row;
	while (!f->known && ff_table_next(&table, &row)) {
		struct ff_span releases = row.cells[RELEASES];
		if (!ff_span_eq(row.cells[SETTING], f->setting) || !ff_span_eq(row.cells[ENGINE], f->engine))
			continue;
		if (releases.n && f->release &&
			ff_version_satisfies_spans(ff_span_of(f->release), releases) == FF_SATISFIES_NO)
			continue;
		if (is_gone(f->engine, f->release, row.cells[SPELLING]))
			continue;
		f->row = row;
		f->known = true;
		f->assumed = releases.n && !f->release;
	}
}

// ---- values ----

// A value that may stand in a command or in code: it may come from a log. Quotes and brackets are code's own.
static bool is_value(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:,+-/=()[]{}'\" ";
	return strlen(text) <= VALUE_MAX && !text[strspn(text, plain)];
}

// The value as text, safe to print: a number, a word, true or false; empty for none.
static void value_text(const json_t *value, struct ff_buf *ret)
{
	if (json_is_integer(value))
		ff_buf_printf(ret, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		ff_buf_printf(ret, "%g", json_real_value(value));
	else if (json_is_string(value) && is_value(json_string_value(value)))
		ff_buf_str(ret, json_string_value(value));
}

static bool number_of(const json_t *value, double *ret)
{
	char *end = NULL;
	const char *text = json_string_value(value);
	if (json_is_number(value))
		*ret = json_number_value(value);
	else if (text && *text)
		*ret = strtod(text, &end);
	return json_is_number(value) || (end && !*end && isfinite(*ret));
}

// By the engine's own name of it, which logs print: "max_batch_tokens" of "--max-batch-tokens %".
static const json_t *setting_by_spelling(const struct ff_fix_machine *m, const struct flag *f)
{
	char name[FF_ATLAS_WORD_MAX];
	struct ff_span word = f->known ? f->row.cells[SPELLING] : (struct ff_span){NULL, 0};
	size_t n = 0;
	if (!m->settings || !ff_span_starts(word, "--"))
		return NULL;
	for (size_t i = 2; i < word.n && word.p[i] != ' ' && n + 1 < sizeof(name); i++)
		name[n++] = word.p[i] == '-' ? '_' : word.p[i];
	name[n] = 0;
	return json_object_get(m->settings, name);
}

// What is in effect: by the log, else the engine's default.
static bool value_now(const struct ff_fix_machine *m, const struct flag *f, double *ret, bool *ret_said)
{
	const json_t *own = setting_by_spelling(m, f);
	const json_t *now = own ? own : m->settings ? json_object_get(m->settings, f->setting) : NULL;
	struct ff_span usual = f->known ? f->row.cells[DEFAULT] : (struct ff_span){NULL, 0};
	char text[32];
	*ret_said = number_of(now, ret);
	if (*ret_said || !usual.n || usual.n >= sizeof(text))
		return *ret_said;
	memcpy(text, usual.p, usual.n);
	text[usual.n] = 0;
	*ret = strtod(text, NULL);
	return true;
}

// One step from what is in effect: a tenth of a share down or a twentieth up, a count halved or doubled.
static struct ff_error *next_step(struct flag *f, double now, bool lower, json_t *fix)
{
	bool share = memchr(f->row.cells[DEFAULT].n ? f->row.cells[DEFAULT].p : "", '.', f->row.cells[DEFAULT].n);
	double next = share ? (lower ? now - 0.1 : now + 0.05) : lower ? floor(now / 2) : now * 2;
	if (share && (next < 0.2 || next > 0.98))
		return ff_fix_refuse(fix, "%s is %g already", f->setting, now);
	if (next < 1 && !share)
		return ff_fix_refuse(fix, "%s is %g already", f->setting, now);
	ff_buf_printf(&f->value, share ? "%.2g" : "%.0f", next);
	return NULL;
}

// The value that the rule names must lie on the side that is meant, and must change something.
static struct ff_error *choose_value(
	const struct ff_fix_machine *m, struct flag *f, const json_t *intention, json_t *fix)
{
	const json_t *wanted = json_object_get(intention, "value");
	const char *toward = ff_json_text(intention, "toward");
	bool lower = toward && strcmp(toward, "lower") == 0, said = false;
	double now = 0, next = 0;
	bool known = value_now(m, f, &now, &said);
	value_text(wanted, &f->value);
	if (f->value.n && said && number_of(wanted, &next) &&
		(toward ? (lower ? next >= now : next <= now) : next == now))
		return ff_fix_refuse(fix, "%s is %g already", f->setting, now);
	if (f->value.n || !toward || !known || !f->known)
		return NULL;
	return next_step(f, now, lower, fix);
}

// A spelling holds a %: "--max-model-len %", "max_length=%"; without one the value is not written.
static void spell(struct ff_span spelling, const char *value, struct ff_buf *ret)
{
	bool code = !memchr(spelling.p, ' ', spelling.n) && spelling.p[0] != '-';
	for (size_t i = 0; i < spelling.n; i++) {
		if (spelling.p[i] != '%')
			ff_buf_char(ret, spelling.p[i]);
		else if (code)
			ff_buf_str(ret, value);
		else
			ff_shell_word(ret, value);
	}
}

// "--max-model-len 8192 --dtype half" as a program gives them that makes the engine itself: max_model_len=8192,
// dtype='half'. A switch is true; what is no flag (a variable) stays as it is.
static void as_arguments(struct ff_span flags, struct ff_buf *ret)
{
	struct ff_span word;
	bool value = true, plain = flags.n < 2 || memcmp(flags.p, "--", 2) != 0;
	while (flags.n && ff_span_next(&flags, ' ', &word)) {
		bool flag = !plain && word.n > 2 && memcmp(word.p, "--", 2) == 0;
		if (flag) {
			ff_buf_str(ret, value ? "" : "=True");
			ff_buf_str(ret, ret->n ? ", " : "");
			for (size_t i = 2; i < word.n; i++)
				ff_buf_char(ret, word.p[i] == '-' ? '_' : word.p[i]);
		} else {
			bool bare = plain || isdigit((unsigned char)*word.p) || *word.p == '\'';
			ff_buf_printf(ret, "%s%s%.*s%s", plain ? ret->n ? " " : "" : "=", bare ? "" : "'", (int)word.n,
				word.p, bare ? "" : "'");
		}
		value = !flag;
	}
	ff_buf_str(ret, value ? "" : "=True");
}

// ---- the fix ----

// Other settings of the same change, behind the first: {"kv_cache_q8": true, "max_model_len": 8192}. One that the
// engine has not makes it another change.
static struct ff_error *spell_others(const struct flag *first, const json_t *others, struct ff_buf *ret, json_t *fix)
{
	const char *setting;
	json_t *value;
	json_object_foreach ((json_t *)others, setting, value) {
		struct flag f = {.setting = setting, .engine = first->engine, .release = first->release};
		find_spelling(&f);
		value_text(value, &f.value);
		if (f.known) {
			ff_buf_char(ret, ' ');
			spell(f.row.cells[SPELLING], f.value.p ? f.value.p : "", ret);
		}
		ff_buf_deinit(&f.value);
		if (!f.known)
			return ff_fix_refuse(fix, "%s has no %s", f.engine, setting);
	}
	return NULL;
}

static struct ff_error *write_flag(const struct ff_fix_machine *m, struct flag *f, const json_t *intention, json_t *fix)
{
	f->release = f->engine ? release_of(m, f->engine) : NULL;
	if (f->engine)
		find_spelling(f);
	struct ff_error *err = choose_value(m, f, intention, fix);
	if (err || !f->engine || json_object_get(fix, "refused"))
		return err; // which engine it is, is not known: the sentence is all there is
	if (!f->known)
		return ff_fix_refuse(fix, "%s %s has no such setting", f->engine, f->release ? f->release : "");
	struct ff_span spelling = f->row.cells[SPELLING], releases = f->row.cells[RELEASES];
	bool wants = memchr(spelling.p, '%', spelling.n) != NULL;
	_cleanup_buf_ struct ff_buf b = {0};
	if (f->value.failed || (wants && !f->value.n))
		return f->value.failed ? &ff_enomem : NULL; // nobody knows a value
	spell(spelling, f->value.p ? f->value.p : "", &b);
	err = spell_others(f, json_object_get(intention, "also"), &b, fix);
	if (err || json_object_get(fix, "refused"))
		return err;
	if (f->assumed)
		err = ff_fix_side_effect(fix, "Spelt as %s %.*s does; its release is not known here.", f->engine,
			(int)releases.n, releases.p);
	if (err || !m->called || b.failed)
		return err ? err : b.failed ? &ff_enomem : ff_fix_command(fix, &b);
	_cleanup_buf_ struct ff_buf arguments = {0};
	as_arguments((struct ff_span){b.p, b.n}, &arguments);
	return ff_fix_command(fix, &arguments);
}

// "--moe-runner-backend triton": as a message spells it, one word or number behind a name; the name alone ("--workers")
// is a switch, or what takes the place of a name that was wrong; "main:app" is what a server is to load. What would run
// or load what a log names is never taken from one, nor is what takes a path or an address.
static bool is_spelled(const char *text)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	static const char value[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	static const char *const loading[] = {"trust", "plugin", "code", "exec", "middleware", "import", "command",
		"script", "module", "cls", "class"};
	size_t n = ff_starts(text, "--") ? 2 + strspn(text + 2, name) : 0, length = strlen(text);
	for (size_t i = 0; i < sizeof(loading) / sizeof(*loading); i++)
		if (memmem(text, n, loading[i], strlen(loading[i])))
			return false;
	size_t module = strspn(text, name); // "main:app"
	if (module && text[module] == ':' && module + 1 + strspn(text + module + 1, name) == length)
		return length <= VALUE_MAX && text[module + 1];
	if (n > 2 && n == length)
		return length <= VALUE_MAX && text[n - 1] != '-';
	return n > 2 && length <= VALUE_MAX && text[n] == ' ' && text[n + 1] && text[n + 1] != '-' &&
		n + 1 + strspn(text + n + 1, value) == length;
}

// A setting that is in no table: the message named it, and mostly said what it must be.
static struct ff_error *write_spelled(const struct ff_fix_machine *m, const char *spelled, json_t *fix)
{
	static const char *const without_flags[] = {"ollama", "transformers", "diffusers", "llama-cpp-python"};
	_cleanup_buf_ struct ff_buf b = {0};
	for (size_t i = 0; m->engine && i < sizeof(without_flags) / sizeof(*without_flags); i++)
		if (strcmp(m->engine, without_flags[i]) == 0)
			return NULL;
	if (!is_spelled(spelled) || (m->engine && is_gone(m->engine, release_of(m, m->engine), ff_span_of(spelled))))
		return NULL;
	ff_buf_str(&b, spelled);
	return ff_fix_command(fix, &b);
}

// A line that states the value asks for it; a short one stands in many lines.
static struct ff_error *setting_becomes(const struct ff_fix_machine *m, const struct flag *f, json_t *fix)
{
	const char *value = f->value.p;
	double here = 0;
	bool said = false;
	char now[32];
	if (!json_object_get(fix, "command") || !f->value.n)
		return NULL;
	value_now(m, f, &here, &said);
	snprintf(now, sizeof(now), "%g", here);
	struct ff_goal goal = {.what = f->setting,
		.now = said ? now : NULL,
		.then = value,
		.words = {f->value.n >= STATED_MIN ? value : NULL}};
	struct ff_error *err = ff_fix_effect(fix, "settings", f->setting, json_string(value));
	return err ? err : ff_fix_goal(fix, &goal);
}

// "--moe-runner-backend triton": a line that proposes it has its words.
static struct ff_error *spelling_becomes(const char *spelled, json_t *fix)
{
	char name[VALUE_MAX + 1];
	size_t n = strcspn(spelled, " ");
	snprintf(name, sizeof(name), "%.*s", (int)n, spelled);
	struct ff_goal goal = {.what = name,
		.then = spelled[n] ? spelled + n + 1 : "given",
		.words = {name, spelled[n] ? spelled + n + 1 : NULL}};
	return json_object_get(fix, "command") ? ff_fix_goal(fix, &goal) : NULL;
}

struct ff_error *ff_fix_flag(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	struct flag f = {.setting = ff_json_text(intention, "flag"), .engine = m->engine};
	if (!f.engine)
		f.engine = ff_json_text(intention, "engine");
	const char *spelled = ff_json_text(intention, "spelled");
	bool stated = json_is_true(json_object_get(intention, "stated")) || spelled;
	if (!f.setting || !*f.setting || (!stated && !is_setting(f.setting)))
		return ff_error_create(FF_EUSAGE, "'flag' must be a setting of rules/data/engine_flags.tsv");
	struct ff_error *err = ff_fix_kind(fix, "param", f.setting);
	if (!err && spelled)
		err = write_spelled(m, spelled, fix);
	else if (!err && !stated)
		err = write_flag(m, &f, intention, fix);
	if (!err)
		err = spelled ? spelling_becomes(spelled, fix) : setting_becomes(m, &f, fix);
	ff_buf_deinit(&f.value);
	return err;
}

// A line that proposes it has the argument and the value, in quotes or not.
static struct ff_error *argument_becomes(const char *name, const char *value, json_t *fix)
{
	char plain[VALUE_MAX + 1];
	size_t quoted = *value == '\'' || *value == '"', n = strlen(value);
	snprintf(plain, sizeof(plain), "%.*s", (int)(n > 2 * quoted ? n - 2 * quoted : n), value + quoted);
	if (strlen(plain) < SHORTEST_STATED)
		return NULL;
	return ff_fix_goal(fix, &(struct ff_goal){.what = name, .then = value, .words = {name, plain}});
}

// An argument of a call in the worker's own code: what is to be written there.
struct ff_error *ff_fix_argument(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	(void)m;
	const char *name = ff_json_text(intention, "argument");
	_cleanup_buf_ struct ff_buf value = {0}, b = {0};
	if (!name || !*name)
		return ff_error_create(FF_EUSAGE, "'argument' must be the name of an argument");
	struct ff_error *err = ff_fix_kind(fix, "param", name);
	value_text(json_object_get(intention, "value"), &value);
	if (err || value.failed || !value.n)
		return err ? err : value.failed ? &ff_enomem : NULL;
	ff_buf_printf(&b, "%s=%s", name, value.p);
	err = argument_becomes(name, value.p, fix);
	return err ? err : ff_fix_command(fix, &b);
}
