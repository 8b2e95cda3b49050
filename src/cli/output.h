// Where an answer goes and how it looks there.
#pragma once

#include <firstfix/firstfix.h>

/** The options that every command with an answer shares; put FF_OUTPUT_OPTIONS(&output) into its option table. */
struct ff_output {
	bool json, markdown, ascii, verbose;
	bool line; /**< FF_LINE_OPTION */
	const char *file;
};

#define FF_OUTPUT_OPTIONS(o)                                                                                \
	{"json", 0, FF_OPT_FLAG, NULL, "one JSON document, stable for machines", &(o)->json},               \
		{"markdown", 0, FF_OPT_FLAG, NULL, "to paste in an issue", &(o)->markdown},                 \
		{"ascii", 0, FF_OPT_FLAG, NULL, "no marks beyond ASCII", &(o)->ascii},                      \
		{"verbose", 'v', FF_OPT_FLAG, NULL, "also what could not be read, and why", &(o)->verbose}, \
	{                                                                                                   \
		"output", 'o', FF_OPT_TEXT, "FILE", "write there instead of standard output", &(o)->file    \
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

/** Say an error of the library and give its exit code (2); frees it. */
int ff_fail(const char *command, struct ff_error *err);
