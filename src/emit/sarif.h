// SARIF 2.1.0: a diagnosis as tools of code review show it, at the lines of the files that they look at.
#pragma once

#include "base/json.h"

/** Of a masked firstfix.diagnosis/1; FF_EFORMAT for another document. The caller frees *ret. */
struct ff_error *ff_emit_sarif(const json_t *doc, char **ret);
