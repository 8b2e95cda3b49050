// Is what a fix makes so what the failure asks for? The facts show that it is not so and the rule requires it, or a
// line that the finding rests on names it.
//
//	goal  {"what": "transformers", "now": "4.45.0", "then": "4.57.6", "words": ["transformers", "4.51"], "required": true}
//	text  transformers is 4.45.0 here and would be 4.57.6
//
// How it lies: a line that holds the words may speak of them in passing. So a goal has all the words that a demand for
// it has: the name and the bound, not the name alone.
#include "diagnose/goal.h"

#include <ctype.h>

enum { SHORTEST_VALUE = 4 };

static char folded(char c)
{
	return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

// `word` stands in the text by itself; what a number goes on with behind a dot does not matter.
static bool holds(const char *text, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = text; *p; p++) {
		size_t k = 0;
		while (k < n && p[k] && folded(p[k]) == folded(word[k]))
			k++;
		bool begins = p == text || !isalnum((unsigned char)p[-1]) || !isalnum((unsigned char)*word);
		if (k == n && begins && !isalnum((unsigned char)p[n]))
			return true;
	}
	return false;
}

static bool line_holds(const json_t *answer, const char *word)
{
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(answer, "evidence"), i, item) {
		const char *text = json_object_get(item, "log") ? ff_json_text(item, "text") : NULL;
		if (text && holds(text, word))
			return true;
	}
	return false;
}

// A line has all the words, or the value of a variable that is to change.
static bool is_stated(const json_t *goal, const json_t *answer)
{
	const json_t *words = json_object_get(goal, "words");
	const char *now = ff_json_text(goal, "now"), *fact = ff_json_text(goal, "fact");
	bool all = json_array_size(words) > 0;
	size_t i;
	json_t *word;
	json_array_foreach (words, i, word)
		all = all && line_holds(answer, json_string_value(word));
	bool variable = fact && ff_starts(fact, "env.") && now && strlen(now) >= SHORTEST_VALUE;
	return all || (variable && line_holds(answer, now));
}

// The finding names the fact among what it rests on.
static bool rests_on(const json_t *goal, const json_t *answer)
{
	const char *fact = ff_json_text(goal, "fact");
	size_t i;
	json_t *item;
	json_array_foreach (fact ? json_object_get(answer, "evidence") : NULL, i, item) {
		const char *one = ff_json_text(item, "fact");
		if (one && strcmp(one, fact) == 0)
			return true;
	}
	return false;
}

static bool decides(const json_t *goal, const json_t *answer, const char *cause)
{
	const char *alone = ff_json_text(goal, "cause");
	if (alone && strcmp(alone, cause) != 0)
		return false;
	bool known = json_object_get(goal, "now") != NULL;
	return (known && (json_is_true(json_object_get(goal, "required")) || rests_on(goal, answer))) ||
		is_stated(goal, answer);
}

json_t *ff_goal_decided(const json_t *goals, const json_t *answer, const char *cause)
{
	size_t i;
	json_t *goal;
	json_array_foreach ((json_t *)goals, i, goal) {
		const char *what = ff_json_text(goal, "what"), *now = ff_json_text(goal, "now");
		const char *then = ff_json_text(goal, "then");
		if (decides(goal, answer, cause))
			return now ? json_sprintf("%s is %s here and would be %s", what, now, then)
				   : json_sprintf("a line names %s, which would be %s", what, then);
	}
	return NULL;
}

json_t *ff_goal_open(const json_t *goals)
{
	const json_t *goal = json_array_get(goals, 0);
	const char *what = ff_json_text(goal, "what"), *now = ff_json_text(goal, "now");
	const char *then = ff_json_text(goal, "then");
	if (!goal || json_object_get(goal, "cause"))
		return NULL;
	return now ? json_sprintf("%s is %s here and would be %s; neither a check nor a line says that this decides",
			     what, now, then)
		   : json_sprintf("%s would be %s; what it is here, neither the facts nor a line tell", what, then);
}
