// A command line as a shell would read it back.
#pragma once

#include <stddef.h>

/** At most `n` bytes with the terminating zero; cut where it does not fit. */
void quote_command(char *const argv[], size_t n, char *ret);

/** 16 hexadecimal digits that are the same for the same words and the same folder. */
void command_key(char *const argv[], const char *cwd, char ret[17]);
