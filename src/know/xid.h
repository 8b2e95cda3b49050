// What an Xid number means: rules/data/xid.tsv.
#pragma once

#include "base/str.h"

/** One Xid; spans into the embedded table, empty where it says nothing. */
struct ff_xid_info {
	struct ff_span number; /**< "79" */
	struct ff_span name;   /**< "GPU has fallen off the bus" */
	struct ff_span kind;   /**< app, memory, nvlink, gpu, node, power, driver, follow, info */
	struct ff_span action; /**< restart-app, reset-gpu, reboot, ignore, see-other, workflow, ... */
	struct ff_span cause;  /**< id of corpus/causes.tsv */
	struct ff_span note;
};

/** False when NVIDIA's catalogue has no such number in use. */
bool ff_know_xid(unsigned number, struct ff_xid_info *ret);

/** The whole catalogue, in order of numbers; how many there are, at most `max`. */
size_t ff_know_xids(size_t max, struct ff_xid_info ret[]);
