// Lanes of dead processes are kept for a while, bounded in number and size.
#pragma once

/** Remove the oldest lanes of processes that are gone, until at most 64 of them and 64 MiB are left. Best effort: what
    cannot be looked at or removed stays. */
void ff_lanes_prune(const char *dir);
