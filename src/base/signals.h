// How a server is told to end.
#pragma once

/** From now on SIGTERM, SIGINT and SIGHUP come through the descriptor that is returned (signalfd(2), not blocking,
    close-on-exec; -1 with errno), in every thread that is started later too, and SIGPIPE is ignored. */
int ff_signals_of_end(void);
