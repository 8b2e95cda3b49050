// The answer of the incident step: firstfix.verdict/1 (see death.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { VERDICT_VARIABLES = 16 };

/** Borrowed from the text it was read from. */
struct verdict {
	bool restart;
	const char *incident, *cause, *fix, *say; /**< NULL where it said nothing */
	struct {
		const char *name, *value; /**< value NULL: to be unset */
	} variables[VERDICT_VARIABLES];
	size_t n_variables;
};

/** Read text[0..n), which is changed; text[n] must be writable. False when it is no verdict: *ret says give up then. */
bool verdict_read(char *text, size_t n, struct verdict *ret);
