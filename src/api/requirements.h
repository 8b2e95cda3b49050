// A file of packages as it is read (requirements.c), and what follows from it (requirements_follow.c).
#pragma once

#include "base/json.h"
#include "base/str.h"

/** What was read. All but `doc` are of it, or of the reading alone. */
struct ff_asked {
	json_t *doc;   /**< the facts */
	json_t *pins;  /**< requirements.pins */
	json_t *steps; /**< requirements.steps: what one installer is asked for, {"build": "+cu121", "options": [...]} */
	json_t *chosen; /**< name -> number of the step that its version is of */
	json_t *open;	/**< names that a lock has in several versions, of which a group or an extra takes one */
	bool lock;	/**< resolved already: nothing in it excludes each other */
};

/** A version is asked for in a step. */
void ff_asked_choose(struct ff_asked *a, const char *name, struct ff_span version, size_t step);

/** The image that the file builds upon or runs: what its name tells of what is in it. */
struct ff_error *ff_asked_image(struct ff_asked *a, struct ff_span image, const char *file, unsigned line);

/** The CUDA build ("+cu124") that an index of torch's serves; false for other indexes. */
bool ff_asked_build(struct ff_span url, char ret[24]);

/** Put to the facts what follows: what comes with what is asked for, torch, what excludes each other. */
struct ff_error *ff_asked_follow(struct ff_asked *a);
