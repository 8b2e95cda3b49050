// Variables that `firstfix fix --apply` left for the next starts of `firstfix run`.
#pragma once

/** Put them into this process's environment and say each on stderr. A file that somebody else could have written is not
    used, and said. */
void ff_next_start_apply(void);
