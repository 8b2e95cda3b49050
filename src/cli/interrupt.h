// Ctrl-C and a polite end as a flag, for a command that must put something back before it leaves.
#pragma once

/** Not 0 once SIGINT, SIGTERM or SIGHUP came, after ff_interrupt_catch(). */
extern volatile int ff_interrupted;

void ff_interrupt_catch(void);

/** From now on a page of a mapped file that is no longer there (SIGBUS) ends the program with exit code 2 and these
    words; a helper process it ends silently. */
void ff_interrupt_torn(const char *words);
