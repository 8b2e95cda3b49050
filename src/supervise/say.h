// Messages of the supervisor: one line each on stderr, "firstfix: ...". They never block and never fail.
#pragma once

#include <stddef.h>

/** Print one line. When stderr takes nothing for a tenth of a second, the line is dropped. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same without the "firstfix: " in front, for blocks of several lines. */
void say_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** What is said between these two is one block: with FIRSTFIX_LOG=json one object, which `event` names. */
void say_begin(void);
void say_end(const char *event);

/** Bytes as they are, but for carriage returns where the terminal wants them. */
void say_bytes(const char *text, size_t n);

/** The terminal is in raw mode: end lines with a carriage return too. */
void say_raw(int raw);
