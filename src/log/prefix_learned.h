// A prefix that no table knows, learned from a traceback: what stands before its first line and again before its
// frames.
#pragma once

#include "base/str.h"

enum { FF_LEARNED_MAX = 100 };

/** What is known of one log's own prefix; zero-initialised is nothing. */
struct ff_learner {
	char wanted[FF_LEARNED_MAX + 1]; /**< stood before a "Traceback (most recent call last)", or a logger's head */
	char prefix[FF_LEARNED_MAX + 1]; /**< learned: a mark for each number that changes from line to line */
	char own[FF_LEARNED_MAX]; /**< whose traceback it was learned from: the first line was handed out nameless */
	size_t own_n;
	bool by_head; /**< the head of a logger stood behind it */
};

/** Take the learned prefix off, after learning from this line. The prefix without what changes in it is put into
    `source`, which has room for FF_LEARNED_MAX bytes; *ret_n is 0 when the line has no such prefix, or that which was
    learned from. */
struct ff_span ff_learner_strip(struct ff_learner *learner, struct ff_span text, char *source, size_t *ret_n);
