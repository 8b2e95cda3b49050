// A value as one character: how full a column is.
#pragma once

#include <stdbool.h>

/** The mark of `value` of `most` (nothing is known below 0: a blank). */
const char *ff_spark(double value, double most, bool utf8);
