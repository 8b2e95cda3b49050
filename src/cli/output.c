// Answers to stdout or to a file that appears whole or not at all; everything else to stderr.
#include "cli/output.h"

#include "cli/columns.h"

#include "base/complain.h"
#include "base/io.h"
#include "base/logline.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

// A screen of 24 lines has one for the prompt.
enum { ROWS = 23 };

enum ff_format ff_output_format(const struct ff_output *output)
{
	return output->sarif		       ? FF_SARIF
		: output->json || output->line ? FF_JSON
		: output->markdown	       ? FF_MARKDOWN
					       : FF_TEXT;
}

static bool locale_is_utf8(void)
{
	setlocale(LC_CTYPE, "");
	bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	setlocale(LC_CTYPE, "C");
	return utf8;
}

struct ff_style ff_output_style(const struct ff_output *output)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = !output->file && !output->plain && isatty(STDOUT_FILENO);
	return (struct ff_style){
		.colour = terminal && !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0),
		.utf8 = !output->ascii && !output->plain && locale_is_utf8(),
		.columns = output->file ? 0 : ff_columns(stdout),
		.verbose = output->verbose,
		.rows = ROWS,
	};
}

// What a new file gets when a shell makes it.
static mode_t mode_of_new_files(void)
{
	mode_t mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static struct ff_error *write_file(const char *path, const char *text)
{
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, strlen(text));
	return err ? err : ff_new_file_commit(&file, mode_of_new_files());
}

static struct ff_error *write_line(const char *command, const char *json)
{
	_cleanup_buf_ struct ff_buf line = {0};
	char key[64];
	snprintf(key, sizeof(key), "firstfix.%s", command);
	ff_logline_begin(&line, key);
	ff_logline_document(&line, key, json);
	ff_logline_end(&line);
	return line.failed ? &ff_enomem : ff_write_all(STDOUT_FILENO, "standard output", line.p, line.n);
}

bool ff_output_write(const char *command, const struct ff_output *output, const char *text)
{
	struct ff_error *err = output->file ? write_file(output->file, text)
		: output->line		    ? write_line(command, text)
					    : ff_write_all(STDOUT_FILENO, "standard output", text, strlen(text));
	if (!err)
		return true;
	if (err->errnum == EPIPE) // "| head" has what it wanted
		ff_error_destroy(err);
	else
		ff_fail(command, err);
	return false;
}

int ff_answer(const char *command, const struct ff_output *output, struct ff_error *err, char *text, int code)
{
	if (err)
		code = ff_fail(command, err);
	else if (!ff_output_write(command, output, text))
		code = 2;
	free(text);
	return code;
}

int ff_fail(const char *command, struct ff_error *err)
{
	ff_complain("firstfix %s: %s", command, err->message);
	ff_error_destroy(err);
	return 2;
}

const char *ff_engine_words(const char *before, const char *after, char ret[FF_ENGINES_WORDS])
{
	const char *name;
	int n = snprintf(ret, FF_ENGINES_WORDS, "%s", before);
	for (size_t i = 0; (name = ff_engine_at(i)) && n < FF_ENGINES_WORDS; i++)
		n += snprintf(ret + n, FF_ENGINES_WORDS - (size_t)n, "%s%s",
			i == 0			      ? " "
				: ff_engine_at(i + 1) ? ", "
						      : " or ",
			name);
	if (n < FF_ENGINES_WORDS)
		snprintf(ret + n, FF_ENGINES_WORDS - (size_t)n, "%s", after);
	return ret;
}
