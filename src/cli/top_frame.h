// What a worker's agent told as lines for a terminal. A pure function: the same documents give the same lines.
#pragma once

#include "cli/top_feed.h"
#include "cli/top_page.h"

#include <stdint.h>

/** What is drawn. */
struct ff_top_frame {
	const struct ff_top_told *told;
	const char *url;
	int64_t now_s; /**< seconds of the epoch */
};

/** Append the lines: the state first, then what to do, memory, requests, incidents. */
void ff_top_draw(const struct ff_top_frame *frame, struct ff_page *page);

/** The command of the fix to try first, NULL where there is none; borrowed from the documents. */
const char *ff_top_fix(const struct ff_top_told *told);
