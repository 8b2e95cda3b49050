// firstfix.matrix/1: on which GPUs and drivers something runs.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_matrix_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_matrix_markdown(const json_t *doc, const struct ff_style *style, char **ret);
