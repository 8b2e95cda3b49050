// A firstfix.incident/1 for a person. Only emit.c includes this.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_incident_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_incident_markdown(const json_t *doc, const struct ff_style *style, char **ret);

/** The list of `firstfix incidents`: {"incidents": [...]}. */
struct ff_error *ff_incidents_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_incidents_markdown(const json_t *doc, const struct ff_style *style, char **ret);
