// What is wrong, to the person at the terminal. Names of files, arguments and what a document holds stand in it, and
// all of them can be made by somebody else: nothing of it acts on the terminal, nothing forges a second line.
#pragma once

/** One line on stderr, made safe as ff_clean() does it. The format has no newline. */
void ff_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** From now on a line is an object (base/logline.h) where FIRSTFIX_LOG=json asks for it: what belongs to `firstfix run`
    stands in a worker's output. */
void ff_complain_as_asked(void);
