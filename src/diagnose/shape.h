// What a single line looks like, before anything is known of the lines around it.
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "diagnose/line.h"

enum ff_shape_kind {
	FF_SHAPE_OTHER,
	FF_SHAPE_LOOSE, /**< "word: text": ends a traceback, is nothing elsewhere */
	FF_SHAPE_MARK,	/**< "   ^^^^", "[Previous line repeated 9 more times]", blank */
	FF_SHAPE_TRACEBACK,
	FF_SHAPE_FRAME,
	FF_SHAPE_CODE, /**< "---> 12 source", as IPython and rich show it; nothing elsewhere */
	FF_SHAPE_EXCEPTION,
	FF_SHAPE_CHAIN_CONTEXT,
	FF_SHAPE_CHAIN_CAUSE,
	FF_SHAPE_WARNING,
	FF_SHAPE_LOADER,
	FF_SHAPE_KERNEL,
	FF_SHAPE_NCCL,
	FF_SHAPE_DEATH,
};

/** Spans point into the line. */
struct ff_shape {
	enum ff_shape_kind kind;
	unsigned indent;
	bool blank;
	bool behind;			/**< of a frame: behind something that nobody knows */
	bool progress;			/**< a sign of health: a request answered, a step trained, a server ready */
	struct ff_span qualified, type; /**< of an exception, a warning */
	struct ff_span message;
	struct ff_span file, func; /**< of a frame */
	uint32_t frame_line;
};

struct ff_shapes;

struct ff_error *ff_shapes_create(struct ff_shapes **ret);
void ff_shapes_destroy(struct ff_shapes *shapes);
void ff_shapes_look(const struct ff_shapes *shapes, struct ff_span text, struct ff_shape *ret);

/** The level that the words of a line without a level prefix suggest. */
enum ff_level ff_shape_level(struct ff_span text);

/** Patterns of lines that must be read whether or not a signature stands in them, for the matcher; and that of health. */
extern const char *const ff_shape_marks[];
extern const size_t ff_shape_mark_count;
extern const char ff_shape_progress[];
