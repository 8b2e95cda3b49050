// Values that stand as literals in Python source, read without Python: torch/version.py, dependency_versions_table.py.
#pragma once

#include "base/str.h"

enum ff_py_kind {
	FF_PY_TEXT,
	FF_PY_NONE,
	FF_PY_TRUE,
	FF_PY_FALSE,
};

struct ff_py_value {
	enum ff_py_kind kind;
	struct ff_span text; /**< of FF_PY_TEXT, without quotes; escapes are not resolved */
};

/** The last assignment of a literal to a name at the start of a line ("cuda: Optional[str] = '12.1'").
    False when there is none, or when what is assigned is something else. */
bool ff_py_assigned(struct ff_span source, const char *name, struct ff_py_value *ret);

/** The next pair of texts ("torch": "torch>=2.0",) in a dict literal of texts, from anywhere in it. False at its
    end. */
bool ff_py_dict_next(struct ff_span *rest, struct ff_span *ret_key, struct ff_span *ret_value);
