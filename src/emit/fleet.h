// What a fleet says, for a person: firstfix.fleet-top/1, fleet-failure/1, fleet-explain/1, fleet-worker/1.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

struct ff_error *ff_fleet_top_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_top_markdown(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_failure_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_failure_markdown(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_explain_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_explain_markdown(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_worker_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_fleet_worker_markdown(const json_t *doc, const struct ff_style *style, char **ret);
