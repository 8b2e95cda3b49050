// Which library the bitsandbytes of a facts document loads.
#pragma once

#include "base/json.h"

/** {"wanted", "wanted_because", "wanted_if", "note", "found", "outcome"} as they stand in the facts under
    `bitsandbytes`, from bitsandbytes.{version,binaries}, torch, gpus, cuda and driver; `env` holds the process's
    variables. *ret is NULL where the question has no answer: without torch bitsandbytes cannot be imported.
    FF_EUNSUPPORTED when the version is not in the table. */
struct ff_error *ff_bnb_choice_of(const json_t *facts, const json_t *env, json_t **ret);
