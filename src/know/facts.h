// Questions to a document of facts that rooms above share.
#pragma once

#include "base/json.h"

/** Does the document say that this part of it is whole ("python.packages", "env"), so that what is not there is
    absent? */
bool ff_facts_complete(const json_t *facts, const char *what);

/** The member of `packages` for a distribution, however its name is written; borrowed, NULL when it is not there. */
json_t *ff_facts_package(const json_t *packages, const char *name);
