// Which texts a pattern cannot match without. A log is searched for these first; patterns are tried on the lines that
// hold one.
#pragma once

#include "base/str.h"

enum {
	FF_LITERAL_MAX = 8, /**< Vectorscan looks at no more at first */
	FF_LITERALS_MAX = 96,
	FF_LITERAL_DIGIT = 1, /**< in a text: any digit */
};

struct ff_literal {
	char text[FF_LITERAL_MAX];
	unsigned char n;
};

/** One of them stands in every text that the pattern matches. */
struct ff_literals {
	struct ff_literal list[FF_LITERALS_MAX];
	size_t n;
	unsigned cost; /**< an estimate of how often they stand in healthy logs */
};

/** Of all such sets the one that is rarest in `healthy`, lines of healthy logs in lower case with zeros for digits.
    False when the pattern has no set of texts of three bytes, or says more than is understood here. */
bool ff_literals_of(const char *pattern, struct ff_span healthy, struct ff_literals *ret);

/** False when every digit is as good as any other where the pattern wants one: then what it says of a line, it says of
    all lines that differ from it in digits only. */
bool ff_pattern_tells_digits(const char *pattern);

/** True when it asks for more than three certain digits in a row. */
bool ff_pattern_tells_long_numbers(const char *pattern);
