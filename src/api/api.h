// What the files of the facade share about each other's opaque types. Nobody else includes this.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

/** Facts of a document; with a reference of their own to it. */
struct ff_error *ff_facts_of_document(json_t *doc, struct ff_facts **ret);

/** The documents inside, borrowed. */
const json_t *ff_facts_document(const struct ff_facts *facts);
const json_t *ff_diagnosis_document(const struct ff_diagnosis *diagnosis);
