// A Python script word by word, without Python: what it imports, the texts and the names in it.
#pragma once

#include "base/str.h"

enum ff_py_word {
	FF_PY_IMPORT, /**< a module that is imported ("torch.nn"); text is its name, `value` another name for it here */
	FF_PY_TAKEN,  /**< a name that is imported out of a module; `value` is the module */
	FF_PY_STRING, /**< a text of one line without escapes; f-strings with holes are passed over */
	FF_PY_NAME,   /**< a dotted name ("torch.compile") */
	FF_PY_GIVEN, /**< a name that something is given to: an argument or a variable; `value` is the word behind the = */
};

struct ff_py_token {
	enum ff_py_word kind;
	struct ff_span text;
	/** Of FF_PY_GIVEN: "True", "18000"; empty for a text or an expression. Of imports: see there */
	struct ff_span value;
	/** Of FF_PY_STRING: the name in front of it: "model" in model="x", "open" in open("x") */
	struct ff_span before;
	bool guarded; /**< of imports: indented (try, function, if) */
};

/** Start with {.rest = source}. */
struct ff_py_script {
	struct ff_span rest;
	struct ff_span before;	/**< the name read last */
	struct ff_span from;	/**< the module whose names this line takes */
	unsigned depth;		/**< of brackets */
	bool inside_line;	/**< something stood before on this line */
	bool indented, listing; /**< this line; within the names of an `import a, b` */
};

/** The next token; false at the end. */
bool ff_py_script_next(struct ff_py_script *script, struct ff_py_token *ret);
