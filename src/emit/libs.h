// firstfix.libs/1 as text; Markdown is the text in a fence.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_libs_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_libs_markdown(const json_t *doc, const struct ff_style *style, char **ret);
