// What a fix is to make so, in words and as a state of one thing: how the facts show it now, how it would be. A trial
// on paper asks it where no check finds the cause: what a line of the log asks for, or a rule requires, is met or not.
//
//	{"install": "transformers", "need": ">=4.51"}, 4.45.0 is here
//	    "goals": [{"what": "transformers", "now": "4.45.0", "then": "4.57.6", "required": true}]
//	{"flag": "max_num_seqs", "toward": "lower"}
//	    "open": "how low max_num_seqs must be, the next start shows"
//
// An intention that has no effect that is known says why: its own file does, or the table of intentions.
#include "fix/machine.h"

#include <stdarg.h>

struct ff_error *ff_fix_goal(json_t *fix, const struct ff_goal *goal)
{
	json_t *goals = json_object_get(fix, "goals");
	if (!goals && json_object_set_new(fix, "goals", goals = json_array()) < 0)
		return &ff_enomem;
	json_t *words = json_array();
	for (size_t i = 0; i < FF_GOAL_WORDS && goal->words[i]; i++)
		json_array_append_new(words, json_string(goal->words[i]));
	json_t *one = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:b, s:o}", "what", goal->what, "then", goal->then, "now",
		goal->now, "fact", goal->fact, "cause", goal->cause, "required", goal->required, "words", words);
	return one && json_array_append_new(goals, one) == 0 ? NULL : &ff_enomem;
}

struct ff_error *ff_fix_open(json_t *fix, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	json_t *text = json_vsprintf(format, args);
	va_end(args);
	return text && json_object_set_new(fix, "open", text) == 0 ? NULL : &ff_enomem;
}

struct ff_error *ff_fix_fact_becomes(const struct ff_fix_machine *m, const char *path, const char *what,
	const char *then, json_t *value, json_t *fix)
{
	const json_t *here = m->facts ? ff_json_at(m->facts, path) : NULL;
	char number[32];
	const char *now = json_string_value(here);
	if (json_is_integer(here)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(here));
		now = number;
	}
	struct ff_error *err = ff_fix_effect(fix, "facts", path, value);
	struct ff_goal goal = {.what = what, .now = now, .then = then, .fact = path, .required = true};
	return err ? err : ff_fix_goal(fix, &goal);
}
