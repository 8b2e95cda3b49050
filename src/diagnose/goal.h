// Whether what a fix makes so is what the failure asks for.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** Why one of a fix's goals (fix/goal.c) is decided by the facts or by a line that the `answer` of this cause rests on,
    as a sentence; NULL where none is. */
json_t *ff_goal_decided(const json_t *goals, const json_t *answer, const char *cause);

/** What is not known of the first goal; NULL without one. */
json_t *ff_goal_open(const json_t *goals);
