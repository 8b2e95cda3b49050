// How wide the terminal is, and text within it.
#pragma once

#include <stddef.h>
#include <stdio.h>

/** Columns of the terminal that `to` is, within what can be read (40 to 120); 0 where it is none. */
int ff_columns(FILE *to);

/** Print `text` and a newline, wrapped to that; it goes on at column `at`, further lines begin at `indent`. SIZE_MAX
    for `indent`: not wrapped, as what is to be copied. Off a terminal it is one line. */
void ff_print_wrapped(FILE *to, const char *text, size_t indent, int at);
