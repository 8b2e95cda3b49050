// `firstfix` alone on a terminal.
#pragma once

/** Say how this machine is and what to try; exit code 0, or 1 where something will fail. */
int ff_overview(void);
