// A diagnosis for a person. Only emit.c includes this.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_diagnosis_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_diagnosis_markdown(const json_t *doc, const struct ff_style *style, char **ret);

struct ff_page;

/** The same as part of another page. */
void ff_diagnosis_write(const json_t *doc, struct ff_page *page);
