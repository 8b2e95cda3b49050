// Whether a text holds what a sentence says: a word or version as it stands, a size by its bytes.
#pragma once

#include "base/str.h"

struct ff_quantity {
	double value, half; /**< in bytes where it has a unit; half of what its last digit counts */
	bool unit;
};

/** True for letters, digits and '_'. */
bool ff_word_byte(char c);

/** The token stands in the text, and not inside of a longer word or number. "sm_90" is found as "9.0", "cu124" as
    "12.4". */
bool ff_holds(struct ff_span text, struct ff_span token);

/** A number at the front of *rest, with the unit behind it; *rest goes on behind the number. */
bool ff_quantity_take(struct ff_span *rest, struct ff_quantity *ret);

/** The text holds a number that is the same within the digits of both. */
bool ff_holds_quantity(struct ff_span text, const struct ff_quantity *said);
