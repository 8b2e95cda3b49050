// Settings of an inference engine, and arguments in code.
//
//	{"flag": "max_model_len", "value": 8192}   vLLM       ->  --max-model-len 8192
//	                                           llama.cpp  ->  -c 8192
//	                                           transformers -> max_length=8192
//
// rules/data/engine_flags.tsv spells each setting for each engine. A number goes the way the rule means it ("toward"): where the
// settings in effect are known and the new value is not on that side of the old one, the fix is refused.
#include "base/table.h"
#include "fix/machine.h"

#include <math.h>

FF_EMBEDDED(ff_table, engine_flags);

static bool setting_row(const char *setting, struct ff_table *table, struct ff_table_row *ret)
{
	*table = ff_table_of(ff_table_engine_flags);
	while (ff_table_next(table, ret))
		if (ff_span_eq(ret->cells[0], setting))
			return true;
	return false;
}

// The value as text, safe to print: a number, a word, true or false; empty for none.
static void value_text(const json_t *value, struct ff_buf *ret)
{
	if (json_is_integer(value))
		ff_buf_printf(ret, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		ff_buf_printf(ret, "%g", json_real_value(value));
	else if (json_is_string(value))
		ff_buf_str(ret, json_string_value(value));
}

// A spelling holds a %: "--max-model-len %", "max_length=%"; without one the value is not written.
static void spell(struct ff_span spelling, const char *value, struct ff_buf *ret)
{
	for (size_t i = 0; i < spelling.n; i++) {
		if (spelling.p[i] != '%')
			ff_buf_char(ret, spelling.p[i]);
		else if (i && spelling.p[i - 1] == '=' && spelling.p[0] != '-')
			ff_buf_str(ret, value); // an argument in code
		else
			ff_shell_word(ret, value);
	}
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

// The new value must lie on the side that is meant.
static struct ff_error *check_direction(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *setting = ff_json_text(intention, "flag"), *toward = ff_json_text(intention, "toward");
	const json_t *now = m->settings ? json_object_get(m->settings, setting) : NULL;
	double old = 0, new = 0;
	if (!toward || !number_of(now, &old) || !number_of(json_object_get(intention, "value"), &new))
		return NULL;
	bool lower = strcmp(toward, "lower") == 0;
	if (lower ? new < old : new > old)
		return NULL;
	return ff_fix_refuse(fix, "%s is %g already", setting, old);
}

struct ff_error *ff_fix_flag(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *setting = ff_json_text(intention, "flag"), *engine = ff_json_text(intention, "engine");
	struct ff_table table;
	struct ff_table_row row;
	if (!setting || !setting_row(setting, &table, &row))
		return ff_error_create(FF_EUSAGE, "'flag' must be a setting of rules/data/engine_flags.tsv");
	struct ff_error *err = ff_fix_kind(fix, "param", setting);
	if (!err)
		err = check_direction(m, intention, fix);
	engine = m->engine ? m->engine : engine;
	if (err || !engine)
		return err;
	struct ff_span spelling = ff_table_cell(&table, &row, engine);
	_cleanup_buf_ struct ff_buf value = {0}, b = {0};
	value_text(json_object_get(intention, "value"), &value);
	bool wants = memchr(spelling.n ? spelling.p : "", '%', spelling.n) != NULL;
	if (value.failed || !spelling.n || (wants && !value.n))
		return value.failed ? &ff_enomem : NULL; // this engine has no such setting, or the rule names no value
	spell(spelling, value.p ? value.p : "", &b);
	return ff_fix_command(fix, &b);
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
	return ff_fix_command(fix, &b);
}
