// Renders a document as the emit room would, for tests/test_emit.py:
//
//	emit-oracle text|markdown|json utf8|ascii|colour|verbose COLUMNS FILE
//
// The document's own `schema` says what it is; one without is facts.
#include "base/io.h"
#include "base/json.h"
#include "emit/emit.h"

#include <fcntl.h>
#include <stdio.h>

enum { MAX_BYTES = 16 << 20 };

static struct ff_error *render(char **argv, char **ret)
{
	_cleanup_close_ int fd = open(argv[4], O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	if (fd < 0)
		return ff_error_os(errno, "%s", argv[4]);
	struct ff_error *err = ff_read_all(fd, argv[4], MAX_BYTES, &text);
	if (!err)
		err = ff_json_parse(argv[4], text.p, text.n, &doc);
	if (!err && !json_object_get(doc, "schema") &&
		json_object_set_new(doc, "schema", json_string("firstfix.facts/1")) < 0)
		err = &ff_enomem;
	if (!err)
		err = ff_share(doc, &s);
	if (err)
		return err;
	enum ff_format format = strcmp(argv[1], "json") == 0 ? FF_JSON
		: strcmp(argv[1], "markdown") == 0	     ? FF_MARKDOWN
							     : FF_TEXT;
	struct ff_style style = {.utf8 = strcmp(argv[2], "ascii") != 0,
		.colour = strcmp(argv[2], "colour") == 0,
		.verbose = strcmp(argv[2], "verbose") == 0,
		.brief = strcmp(argv[2], "brief") == 0,
		.columns = atoi(argv[3])};
	return ff_emit(s, format, &style, ret);
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	if (argc != 5)
		return 2;
	_cleanup_error_ struct ff_error *err = render(argv, &text);
	if (err)
		fprintf(stderr, "%s\n", err->message);
	else
		fputs(text, stdout);
	return err ? 1 : 0;
}
