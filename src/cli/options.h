// The command line as a table: parsing, --help, man pages and completions all come from `struct ff_usage`.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum ff_option_kind {
	FF_OPT_FLAG, /**< bool: --name */
	FF_OPT_TEXT, /**< const char *: --name VALUE */
	FF_OPT_UINT, /**< unsigned: --name NUMBER */
};

struct ff_option {
	const char *name; /**< without dashes */
	char letter;	  /**< short form, 0 for none */
	enum ff_option_kind kind;
	const char *value; /**< what stands for the value in help ("FILE"), NULL for a flag */
	const char *help;  /**< one line */
	void *to;	   /**< bool *, const char ** or unsigned *, by kind */
};

struct ff_usage {
	const char *command;  /**< "report" */
	const char *operands; /**< "[LOG | -]", "" for none */
	const char *summary;  /**< one line */
	const char *details;  /**< paragraphs and examples below the options, may be NULL */
	const struct ff_option *options;
	size_t n_options;
	size_t operands_min, operands_max; /**< SIZE_MAX for any number */
};

/** What parsing decided: go on with the operands, or leave with this exit code (help was printed, or an error was
    said). */
struct ff_parsed {
	bool leave;
	int exit_code;
	char **operands;
	size_t n_operands;
};

/** argv[0] is the command's name. Prints help to stdout, errors with their remedy to stderr. Options end at "--". */
struct ff_parsed ff_options_parse(const struct ff_usage *usage, int argc, char **argv);

/** Say what is wrong with the command line, with a pointer to --help; returns 2, the exit code for it. */
int ff_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What a command's first operand may be: "list", "show". `request` is what the command made of its options. */
struct ff_verb {
	const char *name;
	int (*run)(void *request);
};

/** Run the verb that is called `word`, the first one where that is NULL. Where there is none of the name the others are
    said, and the one that was meant; returns 2 then. */
int ff_verb_run(const char *command, const struct ff_verb *verbs, size_t n, const char *word, void *request);
