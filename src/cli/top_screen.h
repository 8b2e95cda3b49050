// `firstfix top` on a terminal: draws four times a second, hears the keys, follows its size.
#pragma once

#include "cli/top_frame.h"

/** How. */
struct ff_top_screen {
	const char *url;
	bool utf8;
};

/** Until q is typed. */
struct ff_error *ff_top_screen(struct ff_feed *feed, const struct ff_top_screen *how);
