// firstfix-top: the screen of `firstfix top`, a program of its own: no other command loads what draws on terminals.
//
//	firstfix-top http://127.0.0.1:9464 [--ascii] [--once] [--width=100]
//
// `firstfix top` (cmd_top.c) has judged these words. With --once it prints one screen as plain text, as high as it is.
#include "cli/top_screen.h"

#include "base/cleanup.h"
#include "base/complain.h"
#include "base/io.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { USUAL_WIDTH = 100 };

// The text without its inks.
static void strip(struct ff_buf *text)
{
	size_t n = 0;
	for (size_t i = 0; i < text->n; i++) {
		if ((unsigned char)text->p[i] > FF_INK_BAD)
			text->p[n++] = text->p[i];
	}
	text->n = n;
}

static int print_once(struct ff_feed *feed, const struct ff_top_screen *how, unsigned width)
{
	_cleanup_told_ struct ff_top_told told = {0};
	struct ff_page page = {.width = width, .utf8 = how->utf8};
	_cleanup_error_ struct ff_error *err = ff_feed_ask_all(feed);
	if (!err) {
		ff_feed_told(feed, &told);
		ff_top_draw(&(struct ff_top_frame){&told, how->url, time(NULL)}, &page);
		strip(&page.text);
		err = page.text.failed ? &ff_enomem
				       : ff_write_all(STDOUT_FILENO, "standard output", page.text.p, page.text.n);
	}
	ff_buf_deinit(&page.text);
	if (err)
		ff_complain("firstfix top: %s", err->message);
	return err ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct ff_top_screen how = {.url = argc > 1 ? argv[1] : ""};
	const struct ff_http_who who = ff_http_who();
	struct ff_feed *feed = NULL;
	bool once = false;
	unsigned width = USUAL_WIDTH;
	setlocale(LC_CTYPE, "");
	how.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	for (int i = 2; i < argc; i++) {
		once |= strcmp(argv[i], "--once") == 0;
		how.utf8 &= strcmp(argv[i], "--ascii") != 0;
		sscanf(argv[i], "--width=%u", &width);
	}
	struct ff_error *err = ff_feed_new(how.url, &who, &feed);
	if (!err && once)
		return print_once(feed, &how, width);
	err = err ? err : ff_feed_start(feed);
	err = err ? err : ff_top_screen(feed, &how);
	if (!err)
		return 0;
	ff_complain("firstfix top: %s", err->message);
	ff_error_destroy(err);
	return 2;
}
