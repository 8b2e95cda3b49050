// Xid lines: whatever a kernel log or a worker's log holds.
#include <stddef.h>
#include <stdint.h>

#include "parse/xid.h"

static void inside(struct ff_span part, const uint8_t *data, size_t size)
{
	const char *start = (const char *)data;
	if (part.n && (part.p < start || part.p + part.n > start + size))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_xid xid;
	if (!ff_xid_parse((struct ff_span){(const char *)data, size}, &xid))
		return 0;
	inside(xid.bus_id, data, size);
	inside(xid.process, data, size);
	inside(xid.text, data, size);
	return 0;
}
