// Options that are another program's: the command takes them as words and hands them on, that program judges them. The
// list is its options.def, a row OPTION(name, kind, member, preset, argument, help) each.
//
//	enum { ... OPT_##member, ... N_OPTIONS };
//	static struct ff_handed given[N_OPTIONS];
//	static const struct ff_option options[] = { ... FF_HANDED(given[OPT_##member], name, kind, argument, help), ... };
#pragma once

#include "cli/options.h"

/** The kinds that an options.def knows; here only a flag differs from the rest. */
enum ff_handed_kind {
	FF_HANDED_FLAG,
	FF_HANDED_COUNT,
	FF_HANDED_SECONDS,
	FF_HANDED_KIBIBYTES,
	FF_HANDED_MEBIBYTES,
	FF_HANDED_CHOICE,
	FF_HANDED_TEXT
};

/** What was given for one option. */
struct ff_handed {
	const char *text;
	bool flag;
	char *word; /**< as it is handed on */
};

/** The row of an option's table that fills `given`. */
#define FF_HANDED(given, name, kind, argument, help)                                                       \
	{                                                                                                  \
		name, 0, FF_HANDED_##kind == FF_HANDED_FLAG ? FF_OPT_FLAG : FF_OPT_TEXT, argument, help,   \
			FF_HANDED_##kind == FF_HANDED_FLAG ? (void *)&(given).flag : (void *)&(given).text \
	}

/** Put "--name" or "--name=VALUE" of each of the `n` options that was given at argv[*at], and `at` behind them. They
    live as long as `given`. False without memory. */
bool ff_handed_words(const struct ff_option *options, struct ff_handed *given, size_t n, char **argv, size_t *at);
