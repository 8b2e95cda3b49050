// What a single line looks like, before anything is known of the lines around it.
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "log/line.h"

enum ff_line_class {
	FF_CLASS_OTHER,
	FF_CLASS_LOOSE, /**< "word: text": ends a traceback, is nothing elsewhere */
	FF_CLASS_MARK,	/**< "   ^^^^", "[Previous line repeated 9 more times]", blank */
	FF_CLASS_TRACEBACK,
	FF_CLASS_FRAME,
	FF_CLASS_CODE, /**< "---> 12 source", as IPython and rich show it; nothing elsewhere */
	FF_CLASS_EXCEPTION,
	FF_CLASS_CHAIN_CONTEXT,
	FF_CLASS_CHAIN_CAUSE,
	FF_CLASS_WARNING,
	FF_CLASS_LOADER,
	FF_CLASS_KERNEL,
	FF_CLASS_NCCL,
	FF_CLASS_DEATH,
};

/** Spans point into the line. */
struct ff_classified {
	enum ff_line_class kind;
	unsigned indent;
	bool blank;
	bool behind;			/**< of a frame: behind something that nobody knows */
	struct ff_span qualified, type; /**< of an exception, a warning */
	struct ff_span message;
	struct ff_span file, func; /**< of a frame */
	uint32_t frame_line;
};

struct ff_classifier;

struct ff_error *ff_classifier_create(struct ff_classifier **ret);
void ff_classifier_destroy(struct ff_classifier *classifier);
void ff_classify(const struct ff_classifier *classifier, struct ff_span text, struct ff_classified *ret);

/** True for a source line that raises an exception with words of its own: not `raise`, not `raise e`, and no other
    exception's words in a string. */
bool ff_raises(const struct ff_classifier *classifier, struct ff_span source);

/** "    ValueError: If the dimensions do not match." under a docstring's "Raises:", or its name alone. */
bool ff_documents(const struct ff_classified *classified);

/** Words of nobody else's, three or more: no line of its own, and no prompt of a shell. */
bool ff_prose(const struct ff_classified *classified, struct ff_span text);

/** The level that the words of a line without a level prefix suggest. */
enum ff_level ff_level_of_words(const struct ff_classifier *classifier, struct ff_span text);

/** A pattern of lines that must be read whether or not a signature stands in them, for the matcher. */
struct ff_line_mark {
	const char *pattern;
	bool wrapped; /**< it says that a text is inside, not what that text is */
};

extern const struct ff_line_mark ff_line_marks[];
extern const size_t ff_line_mark_count;
