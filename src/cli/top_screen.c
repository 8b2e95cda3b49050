// The terminal, through ncurses: no colour where NO_COLOR is set or it has none, marks in bold then.
//
//	q quit, arrows and pages move, c copies the fix (OSC 52: through ssh into the clipboard of who sits there)
//
// How it lies: it may be of any size, also no line high, and change that at any time; TERM may name what nobody knows.
#include "cli/top_screen.h"

#include "base/cleanup.h"

#define NCURSES_WIDECHAR 1
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REDRAW_MS = 250, WIDTH_MIN = 20, COPY_MAX = 4096, SAID_S = 3, CTRL_L = 12 };

struct view {
	const struct ff_top_screen *how;
	int top, lines; // the first line that is shown, and how many there are
	char fix[COPY_MAX];
	const char *said; // below, until said_until
	time_t said_until;
};

static const struct {
	short colour; // -1: the terminal's own
	attr_t with, without;
} inks[] = {
	[FF_INK_PLAIN] = {-1, A_NORMAL, A_NORMAL},
	[FF_INK_DIM] = {COLOR_CYAN, A_NORMAL, A_NORMAL},
	[FF_INK_TITLE] = {-1, A_BOLD, A_BOLD},
	[FF_INK_GOOD] = {COLOR_GREEN, A_BOLD, A_BOLD},
	[FF_INK_WARN] = {COLOR_YELLOW, A_BOLD, A_BOLD},
	[FF_INK_BAD] = {COLOR_RED, A_BOLD, A_REVERSE},
};

static struct ff_error *open_terminal(SCREEN **ret)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	*ret = newterm(NULL, stdout, stdin);
	if (!*ret)
		return ff_error_create(FF_EUNSUPPORTED,
			"no terminal of the kind '%s' is known (TERM); --once prints one screen", term ? term : "");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	set_escdelay(25);
	timeout(REDRAW_MS);
	if (has_colors() && !(no_color && no_color[0])) {
		start_color();
		use_default_colors();
		for (int i = FF_INK_PLAIN; i <= FF_INK_BAD; i++)
			init_pair((short)i, inks[i].colour, -1);
	}
	return NULL;
}

static attr_t attributes(enum ff_ink ink)
{
	const char *no_color = getenv("NO_COLOR");
	if (!has_colors() || (no_color && no_color[0]))
		return inks[ink].without;
	return inks[ink].with | (attr_t)COLOR_PAIR((int)ink);
}

// One line: a byte below FF_INK_BAD + 1 changes the ink of what follows.
static void draw_line(int y, const char *p, size_t n)
{
	move(y, 0);
	attrset(A_NORMAL);
	for (size_t i = 0; i < n;) {
		size_t end = i;
		while (end < n && (unsigned char)p[end] > FF_INK_BAD)
			end++;
		addnstr(p + i, (int)(end - i));
		if (end < n)
			attrset((int)attributes((enum ff_ink)p[end]));
		i = end + 1;
	}
	attrset(A_NORMAL);
	clrtoeol();
}

static void draw_foot(const struct view *v, int rows)
{
	char text[256];
	bool more = v->lines > rows - 1;
	snprintf(text, sizeof(text), " q quit%s%s%s", more ? "  arrows: more" : "", v->fix[0] ? "  c copy the fix" : "",
		v->said && time(NULL) < v->said_until ? v->said : "");
	move(rows - 1, 0);
	attrset(A_REVERSE);
	addnstr(text, COLS - 1 > 0 ? COLS - 1 : 0);
	for (int x = getcurx(stdscr); x < COLS - 1; x++)
		addch(' ');
	attrset(A_NORMAL);
}

static void draw(struct ff_feed *feed, struct view *v)
{
	_cleanup_told_ struct ff_top_told told = {0};
	struct ff_page page = {.width = COLS > WIDTH_MIN ? (unsigned)COLS : WIDTH_MIN, .utf8 = v->how->utf8};
	const char *fix, *p;
	int rows = LINES, line = 0;
	ff_feed_told(feed, &told);
	ff_top_draw(&(struct ff_top_frame){&told, v->how->url, time(NULL)}, &page);
	fix = ff_top_fix(&told);
	snprintf(v->fix, sizeof(v->fix), "%s", fix && strlen(fix) < sizeof(v->fix) ? fix : "");
	v->lines = 0;
	for (size_t i = 0; i < page.text.n; i++)
		v->lines += page.text.p[i] == '\n';
	int last = v->lines - (rows - 1);
	v->top = v->top > last ? last : v->top;
	v->top = v->top < 0 ? 0 : v->top;
	erase();
	for (p = page.text.p; p && p < page.text.p + page.text.n; line++) {
		const char *end = memchr(p, '\n', page.text.n - (size_t)(p - page.text.p));
		if (line >= v->top && line - v->top < rows - 1)
			draw_line(line - v->top, p, (size_t)(end - p));
		p = end + 1;
	}
	if (rows > 0)
		draw_foot(v, rows);
	refresh();
	ff_buf_deinit(&page.text);
}

// Ask the terminal to put the fix into its clipboard.
static void copy_fix(struct view *v)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(v->fix);
	if (!n)
		return;
	fputs("\033]52;c;", stdout);
	for (size_t i = 0; i < n; i += 3) {
		unsigned long three = 0;
		for (size_t k = 0; k < 3; k++)
			three = three << 8 | (i + k < n ? (unsigned char)v->fix[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			putchar(i + k > n ? '=' : digits[three >> (18 - 6 * k) & 63]);
	}
	fputs("\a", stdout);
	fflush(stdout);
	v->said = "  sent to the terminal's clipboard";
	v->said_until = time(NULL) + SAID_S;
}

// Where a key moves to; false when it is q.
static bool take_key(struct view *v, int key)
{
	const struct {
		int key, by;
	} moves[] = {{KEY_UP, -1}, {'k', -1}, {KEY_DOWN, 1}, {'j', 1}, {KEY_PPAGE, 2 - LINES}, {KEY_NPAGE, LINES - 2},
		{' ', LINES - 2}, {KEY_HOME, -v->lines}, {KEY_END, v->lines}};
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		v->top += moves[i].key == key ? moves[i].by : 0;
	if (key == 'c')
		copy_fix(v);
	if (key == CTRL_L)
		clearok(curscr, TRUE);
	return key != 'q' && key != 'Q';
}

struct ff_error *ff_top_screen(struct ff_feed *feed, const struct ff_top_screen *how)
{
	struct view view = {.how = how};
	SCREEN *screen = NULL;
	struct ff_error *err = open_terminal(&screen);
	if (err)
		return err;
	do
		draw(feed, &view);
	while (take_key(&view, getch()));
	endwin();
	delscreen(screen);
	return NULL;
}
