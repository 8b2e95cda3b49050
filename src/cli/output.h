// Where an answer goes and how it looks there.
#pragma once

#include <firstfix/firstfix.h>

/** The options that every command with an answer shares; put FF_OUTPUT_OPTIONS(&output) into its option table. */
struct ff_output {
	bool json, markdown, sarif, ascii, plain, verbose;
	bool line; /**< FF_LINE_OPTION */
	const char *file;
};

#define FF_OUTPUT_OPTIONS(o)                                                                                \
	{"json", 0, FF_OPT_FLAG, NULL, "one JSON document, stable for machines", &(o)->json},               \
		{"markdown", 0, FF_OPT_FLAG, NULL, "to paste in an issue", &(o)->markdown},                 \
		FF_ASCII_OPTION((o)->ascii),                                                                \
		{"plain", 0, FF_OPT_FLAG, NULL, "no colours, no marks beyond ASCII", &(o)->plain},          \
		{"verbose", 'v', FF_OPT_FLAG, NULL, "also what could not be read, and why", &(o)->verbose}, \
	{                                                                                                   \
		"output", 'o', FF_OPT_TEXT, "FILE", "write there instead of standard output", &(o)->file    \
	}

/** Options that several commands have, with the same words in each. */
#define FF_ASCII_OPTION(to)                                                   \
	{                                                                     \
		"ascii", 0, FF_OPT_FLAG, NULL, "no marks beyond ASCII", &(to) \
	}
#define FF_DIR_OPTION(to)                                                                                     \
	{                                                                                                     \
		"dir", 0, FF_OPT_TEXT, "DIR", "state folder (default: $FIRSTFIX_DIR, else the user's)", &(to) \
	}
#define FF_RULES_OPTION(to)                                                     \
	{                                                                       \
		"rules", 0, FF_OPT_TEXT, "DIR", "a folder of more rules", &(to) \
	}
#define FF_PYTHON_OPTION(to)                                                                                          \
	{                                                                                                             \
		"python", 0, FF_OPT_TEXT, "PATH", "the interpreter to look at (default: the one a worker would use)", \
			&(to)                                                                                         \
	}
#define FF_IMAGE_OPTION(to)                                                                                          \
	{                                                                                                            \
		"image", 0, FF_OPT_TEXT, "IMAGE",                                                                    \
			"a container's image before it runs: an archive, a folder, or a name that docker or podman " \
			"knows",                                                                                     \
			&(to)                                                                                        \
	}

#define FF_ROOT_OPTION(to)                                                                             \
	{                                                                                              \
		"root", 0, FF_OPT_TEXT, "DIR", "a captured machine, made by 'firstfix capture'", &(to) \
	}

/** The answer of a step of `firstfix run`. */
#define FF_LINE_OPTION(o)                                                                           \
	{                                                                                           \
		"line", 0, FF_OPT_FLAG, NULL, "one firstfix.event/1 object on one line", &(o)->line \
	}

enum ff_format ff_output_format(const struct ff_output *output);

/** Colour on a terminal only and never with NO_COLOR; UTF-8 marks when the locale can show them. */
struct ff_style ff_output_style(const struct ff_output *output);

/** Write the answer: to stdout, or to a file that appears whole or not at all. False after saying what went wrong. */
bool ff_output_write(const char *command, const struct ff_output *output, const char *text);

/** The end of a command: writes `text`, or says `err`; frees both. Gives `code`, or 2 where either failed. */
int ff_answer(const char *command, const struct ff_output *output, struct ff_error *err, char *text, int code);

/** Say an error of the library and give its exit code (2); frees it. */
int ff_fail(const char *command, struct ff_error *err);

enum { FF_ENGINES_WORDS = 160 };

/** "BEFORE vllm, sglang or llama.cppAFTER": the engines that are known, for a help or a complaint. Returns `ret`. */
const char *ff_engine_words(const char *before, const char *after, char ret[FF_ENGINES_WORDS]);
