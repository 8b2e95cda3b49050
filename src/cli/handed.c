// From parsed options back to words.
//
//	firstfix run --recover env --check -- ...	firstfix-supervise --recover=env --check -- ...
#include "cli/handed.h"

#include <stdio.h>

bool ff_handed_words(const struct ff_option *options, struct ff_handed *given, size_t n, char **argv, size_t *at)
{
	for (size_t i = 0; i < n; i++) {
		struct ff_handed *g = &given[i];
		if (!g->text && !g->flag)
			continue;
		if (asprintf(&g->word, "--%s%s%s", options[i].name, g->text ? "=" : "", g->text ? g->text : "") < 0)
			return false;
		argv[(*at)++] = g->word;
	}
	return true;
}
