// Xid lines of the NVIDIA kernel driver, in the kernel's log or in any log that has them.
#pragma once

#include "base/str.h"

/** One report; spans into the line, empty where it says nothing. */
struct ff_xid {
	unsigned number;	/**< 79 also for the wordings that have no number: "... has fallen off the bus" */
	struct ff_span bus_id;	/**< "PCI:0000:05:00", "0000:05:00.0" */
	struct ff_span process; /**< "python3" */
	struct ff_span text;	/**< what follows the number */
	uint64_t pid;		/**< 0: not said (the pid is the host's, not the container's) */
	bool has_time;
	uint64_t time_us; /**< since boot, when the line is a record of /dev/kmsg */
};

/** Reads one line, with or without the prefix of /dev/kmsg ("4,1234,56789012,-;NVRM: Xid ...") or dmesg ("[ 12.3]
    NVRM: ..."). False when it is no Xid. */
bool ff_xid_parse(struct ff_span line, struct ff_xid *ret);
