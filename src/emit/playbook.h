// What rules know, as text and Markdown: pages of single causes, the list of rules, results of their cases.
#pragma once

#include "base/json.h"

#include <firstfix/firstfix.h>

/** {"playbook": [pages of ff_playbook()]} */
struct ff_error *ff_playbook_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_playbook_markdown(const json_t *doc, const struct ff_style *style, char **ret);

/** {"rules": [...]} and {"cases": [...]} */
struct ff_error *ff_rules_text(const json_t *doc, const struct ff_style *style, char **ret);
