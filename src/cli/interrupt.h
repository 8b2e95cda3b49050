// Ctrl-C and a polite end as a flag, for a command that must put something back before it leaves.
#pragma once

/** Not 0 once SIGINT, SIGTERM or SIGHUP came, after ff_interrupt_catch(). */
extern volatile int ff_interrupted;

void ff_interrupt_catch(void);
