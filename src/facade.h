// What the files of the facade share about each other's opaque types. Nobody else includes this.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

/** The documents inside, borrowed. */
const json_t *ff_facts_document(const struct ff_facts *facts);
const json_t *ff_diagnosis_document(const struct ff_diagnosis *diagnosis);
