// Reads a verdict line by line. The step that wrote it may have crashed in the middle: a line without its newline does
// not count, and without an action the verdict is to give up.
//
//	firstfix.verdict/1
//	incident=3f2a
//	action=restart
//	set=BNB_CUDA_VERSION=121
#include "supervise/verdict.h"

#include <stdint.h>
#include <string.h>

static bool is_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	return *name && !(*name >= '0' && *name <= '9') && !name[strspn(name, letters)];
}

// set=NAME=VALUE or unset=NAME
static void take_variable(struct verdict *v, char *text, bool set)
{
	char *equals = set ? strchr(text, '=') : NULL;
	if ((set && !equals) || v->n_variables == VERDICT_VARIABLES)
		return;
	if (equals)
		*equals = '\0';
	if (!is_name(text))
		return;
	v->variables[v->n_variables].name = text;
	v->variables[v->n_variables++].value = equals ? equals + 1 : NULL;
}

static void take_line(struct verdict *v, char *line)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {{"incident", &v->incident}, {"cause", &v->cause}, {"fix", &v->fix}, {"say", &v->say}};
	char *value = strchr(line, '=');
	if (!value)
		return;
	*value++ = '\0';
	if (!strcmp(line, "action"))
		v->restart = !strcmp(value, "restart");
	else if (!strcmp(line, "set") || !strcmp(line, "unset"))
		take_variable(v, value, *line == 's');
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(line, texts[i].key) && *value)
			*texts[i].to = value;
}

bool verdict_read(char *text, size_t n, struct verdict *ret)
{
	bool known = false;
	*ret = (struct verdict){0};
	for (char *line = text, *end; (end = memchr(line, '\n', n - (size_t)(line - text))); line = end + 1) {
		*end = '\0';
		if (!known && strcmp(line, "firstfix.verdict/1") != 0)
			return false;
		if (known)
			take_line(ret, line);
		known = true;
	}
	return known;
}
