// Which layers make an image, in which order, and how it is to be run, by the documents that lie beside them.
#pragma once

#include "base/json.h"

struct ff_image_plan {
	const char *kind; /**< "docker archive" or "OCI layout" */
	char *tag;	  /**< what it is called there, NULL for nothing */
	json_t *config;	  /**< the document of the image's configuration */
	json_t *layers;	  /**< names of members, the lowest first */
	size_t others;	  /**< images beside the chosen one */
};

void ff_image_plan_deinit(struct ff_image_plan *plan);

#define _cleanup_image_plan_ __attribute__((__cleanup__(ff_image_plan_deinit)))

/** Read a document by the name of its member; NULL and no error: there is none. */
typedef struct ff_error *ff_image_document_fn(void *arg, const char *name, json_t **ret);

/** `arch` (as uname says it) chooses among images for several processors. */
struct ff_error *ff_image_plan(
	const char *name, const char *arch, ff_image_document_fn *document, void *arg, struct ff_image_plan *ret);

/** The configuration as live.json has it: {"env": {...}, "uname": {...}, "image": {...}}. What is of another kind than
    it should be is left out. */
struct ff_error *ff_image_live_of(const json_t *config, json_t **ret);
