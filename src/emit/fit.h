// firstfix.fit/1 as text and Markdown.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_fit_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fit_markdown(const json_t *doc, const struct ff_style *style, char **ret);
