// Lines that tell where a run begins, how far it came and how it ended: the table rules/data/landmarks.tsv.
#pragma once

#include "base/error.h"
#include "base/str.h"

enum ff_landmark_kind {
	FF_LANDMARK_SESSION, /**< all that a service does begins anew */
	FF_LANDMARK_START,   /**< a program begins */
	FF_LANDMARK_ROLE,    /**< stands in the source, not in the text: a new pid is a new start */
	FF_LANDMARK_LOAD,    /**< it installs or loads: a sign of a run, none of health */
	FF_LANDMARK_READY,
	FF_LANDMARK_WORK, /**< frequent: looked for only where something waits for it */
	FF_LANDMARK_FINISHED,
	FF_LANDMARK_OVER,    /**< it came to its end: well, if nothing failed */
	FF_LANDMARK_STOPPED, /**< from outside */
	FF_LANDMARK_GONE,    /**< it is no more, whatever the reason */
	FF_LANDMARK_DIED,
	FF_LANDMARK_HARMLESS, /**< what the line says does not matter */
	FF_LANDMARK_NOTE,     /**< an installer's remark */
	FF_LANDMARK_IGNORED,  /**< the traceback below it was caught */
	FF_LANDMARK_ONWARD,   /**< in spite of the traceback below it the program goes on by another way */
	FF_LANDMARK_APART,    /**< the traceback below it kept a plugin from being loaded */
	FF_LANDMARK_SKIPPED,  /**< the part whose traceback stands above it is left out */
	FF_LANDMARK_FAILED, /**< a server told its caller that it failed: what is raised beside it was about that request */
	FF_LANDMARK_REFUSED, /**< a server told its caller that the request was wrong: the traceback above it was its */
	FF_LANDMARK_LAST,    /**< in the last lines of a log: it failed, as far as these words tell */
	FF_LANDMARK_UNSAID,  /**< there or below: it did not */
	FF_LANDMARK_KINDS,
};

struct ff_landmark {
	enum ff_landmark_kind kind;
	const char *who, *pattern;
};

struct ff_landmarks;

struct ff_error *ff_landmarks_create(struct ff_landmarks **ret);
void ff_landmarks_destroy(struct ff_landmarks *landmarks);

size_t ff_landmarks_count(const struct ff_landmarks *landmarks);
const struct ff_landmark *ff_landmarks_at(const struct ff_landmarks *landmarks, size_t index);

/** True when the landmark stands in the text of a line. */
bool ff_landmarks_stands(struct ff_landmarks *landmarks, size_t index, struct ff_span text);

/** True when one of this kind does; also in a line that still has its prefixes, where the pattern allows it. `ret_at`,
    which may be NULL, is where it begins. */
bool ff_landmarks_any(struct ff_landmarks *landmarks, enum ff_landmark_kind kind, struct ff_span text, size_t *ret_at);

/** True for the kinds that are looked for in every line of a log. */
bool ff_landmark_sought(enum ff_landmark_kind kind);

/** The pid in a source that a role of the table names itself with; 0 when none does. */
uint64_t ff_landmarks_role(struct ff_landmarks *landmarks, struct ff_span source);
