// Takes the command of a fix apart. It was written by this program, so it has its quoting; a command with any other
// shell syntax, or of a program that is no installer of Python packages, is left to a person.
//
//	/srv/venv/bin/python -m ensurepip && /srv/venv/bin/python -m pip install 'numpy<2'   two steps
//	sudo systemctl restart docker                                                        by hand
//	export PYTHONNOUSERSITE=1; /usr/bin/python3 -m pip install 'numpy<2'                 a variable, and a step with it
//	uv add --project /app 'numpy<2'                  its "in_environment": what does the same to the environment alone
#include "cli/fix_plan.h"

#include "base/str.h"

static const char not_ours[] = "$`|;<>()\"\\*?~#&";

struct words {
	char **list;
	size_t n;
};

static bool add(struct words *w, struct ff_buf *word)
{
	char *text = NULL;
	struct ff_error *err = ff_buf_finish(word, &text);
	if (err || w->n == FF_PLAN_WORDS_MAX) {
		ff_error_destroy(err);
		free(text);
		return false;
	}
	w->list[w->n++] = text;
	w->list[w->n] = NULL;
	return true;
}

// One word off *at, quotes taken off; false on syntax that is not ours.
static bool take_word(const char **at, struct ff_buf *ret)
{
	const char *p = *at;
	for (; *p && *p != ' '; p++) {
		if (*p == '\'') {
			const char *end = strchr(p + 1, '\'');
			if (!end)
				return false;
			ff_buf_add(ret, p + 1, (size_t)(end - p - 1));
			p = end;
		} else if (strchr(not_ours, *p) || (unsigned char)*p < ' ') {
			return false;
		} else {
			ff_buf_char(ret, *p);
		}
	}
	*at = p;
	return true;
}

// "Ask pip's index": an installer that is started here is told by its environment (fix_packages.c).
static const char index_words[] = "UV_DEFAULT_INDEX=\"$PIP_INDEX_URL\" ";

static bool take_step(const char **at, struct words *ret)
{
	if (ff_starts(*at, index_words))
		*at += strlen(index_words);
	while (**at) {
		*at += strspn(*at, " ");
		if (strncmp(*at, "&& ", 3) == 0) {
			*at += 3;
			return ret->n > 0;
		}
		_cleanup_buf_ struct ff_buf word = {0};
		if (!**at)
			break;
		if (!take_word(at, &word) || !add(ret, &word))
			return false;
	}
	return ret->n > 0;
}

static void free_words(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

// The interpreter behind an installer's arguments; NULL for any other program.
static const char *interpreter(const struct words *w, const char *python)
{
	const char *name = strrchr(w->list[0], '/');
	name = name ? name + 1 : w->list[0];
	bool module = w->n > 2 && strcmp(w->list[1], "-m") == 0 &&
		(strcmp(w->list[2], "pip") == 0 || strcmp(w->list[2], "ensurepip") == 0);
	if (strncmp(name, "python", 6) == 0 && module)
		return w->list[0][0] == '/' ? w->list[0] : python;
	if (strcmp(w->list[0], "uv") == 0 && w->n > 4 && strcmp(w->list[1], "pip") == 0 &&
		strcmp(w->list[3], "--python") == 0)
		return w->list[4];
	return strcmp(w->list[0], "pip") == 0 ? python : NULL;
}

// "pip install x" of an interpreter that is known becomes "PYTHON -m pip install x".
static char **with_interpreter(struct words *w, const char *python)
{
	if (strcmp(w->list[0], "uv") == 0)
		return ff_take(&w->list);
	bool pip = strcmp(w->list[0], "pip") == 0;
	char **list = calloc(w->n + 3, sizeof(*list));
	size_t n = 0;
	if (!list)
		return NULL;
	list[n++] = strdup(python);
	if (pip) {
		list[n++] = strdup("-m");
		list[n++] = strdup("pip");
	}
	for (size_t i = 1; i < w->n; i++)
		list[n++] = ff_take(&w->list[i]);
	free(w->list[0]);
	free(ff_take(&w->list));
	for (size_t i = 0; i < n; i++) {
		if (!list[i]) {
			free_words(list);
			return NULL;
		}
	}
	return list;
}

static struct ff_error *one_step(const char **at, const char *python, struct ff_fix_plan *plan)
{
	struct words w = {.list = calloc(FF_PLAN_WORDS_MAX + 1, sizeof(char *))};
	if (!w.list)
		return &ff_enomem;
	const char *of = take_step(at, &w) ? interpreter(&w, python) : NULL;
	if (!of || plan->n_steps == FF_PLAN_STEPS_MAX) {
		plan->by_hand = "it is no change of Python packages or variables";
		free_words(w.list);
		return NULL;
	}
	if (!plan->python)
		plan->python = strdup(of);
	char **step = plan->python ? with_interpreter(&w, of) : NULL;
	if (!step) {
		free_words(w.list);
		return &ff_enomem;
	}
	plan->steps[plan->n_steps++] = step;
	return NULL;
}

// Why nothing can be run for it here, where that is known: "this user may not write to the environment".
static const char *why_none(const json_t *fix)
{
	const char *result = ff_json_text(fix, "tried.result"), *text = ff_json_text(fix, "tried.text");
	return text && result && strcmp(result, "no-effect") == 0 ? text : "it has no command";
}

// Who does what this program can only do to a copy.
static const char *who_else(const json_t *fix)
{
	const char *command = ff_json_text(fix, "command");
	if (!command)
		return why_none(fix);
	if (ff_starts(command, "RUN "))
		return "the environment cannot be written to from here: the line goes into the Dockerfile of its image";
	if (strstr(command, "sudo "))
		return "this user may not write to the environment: run the command as it stands";
	return "the project's own tool does it and writes it down: run the command as it stands";
}

// What stands behind "export A=1; unset B; "; NULL for nothing. A value may hold anything between its quotes.
static const char *behind_variables(const char *at)
{
	while (at && (ff_starts(at, "export ") || ff_starts(at, "unset "))) {
		while (*at && *at != ';') {
			const char *end = *at == '\'' ? strchr(at + 1, '\'') : at;
			at = end ? end + 1 : at + strlen(at);
		}
		at = ff_starts(at, "; ") ? at + 2 : NULL;
	}
	return at;
}

struct ff_error *ff_fix_plan_make(const json_t *fix, const char *python, struct ff_fix_plan *ret)
{
	const char *direct = ff_json_text(fix, "in_environment"), *at = direct ? direct : ff_json_text(fix, "command");
	struct ff_fix_plan plan = {.fix = fix, .elsewhere = direct ? who_else(fix) : NULL};
	bool variables =
		json_object_size(json_object_get(fix, "set")) || json_array_size(json_object_get(fix, "unset"));
	struct ff_error *err = NULL;
	if (!at && !variables)
		plan.by_hand = why_none(fix);
	if (at && variables) // the variables are in the document; what stands behind them is done with them
		at = behind_variables(at);
	while (at && *at && !plan.by_hand && !err)
		err = one_step(&at, python, &plan);
	if (err) {
		ff_fix_plan_deinit(&plan);
		return err;
	}
	*ret = plan;
	return NULL;
}

void ff_fix_plan_deinit(struct ff_fix_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		free_words(plan->steps[i]);
	free(plan->python);
	*plan = (struct ff_fix_plan){0};
}

bool ff_fix_plan_does_something(const struct ff_fix_plan *plan)
{
	return !plan->by_hand &&
		(plan->n_steps || json_object_get(plan->fix, "set") || json_object_get(plan->fix, "unset"));
}
