// How a machine is and what to try, for a person. Only emit.c includes this.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_overview_text(const json_t *doc, const struct ff_style *style, char **ret);
