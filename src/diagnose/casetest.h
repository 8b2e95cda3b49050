// Runs the cases beside a folder of rules.
#pragma once

#include "base/json.h"

/** Every *.case of DIR and DIR/cases, with the rules of DIR: [{"file", "name", "ok": true} or {..., "ok": false,
    "why"}]. The format stands in doc/HOWTO-ADD-A-RULE.md. FF_EUSAGE when a file is malformed or a rule is. */
struct ff_error *ff_rules_test(const char *dir, json_t **ret);
