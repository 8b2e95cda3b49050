// Messages of the supervisor: one line each on stderr, "firstfix: ...". They never block and never fail.
#pragma once

#include <stddef.h>

/** Print one line. When stderr takes nothing for a tenth of a second, the line is dropped. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same without the "firstfix: " in front, for blocks of several lines. */
void say_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Bytes as they are, but for carriage returns where the terminal wants them. */
void say_bytes(const char *text, size_t n);

/** The terminal is in raw mode: end lines with a carriage return too. */
void say_raw(int raw);
