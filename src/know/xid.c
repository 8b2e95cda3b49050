// Looks up an Xid number, the code that the NVIDIA kernel driver logs when a GPU fails:
//
//	NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
#include "know/xid.h"

#include "base/table.h"

#include <stdio.h>

FF_EMBEDDED(ff_table, xid);

enum { XID, NAME, CLASS, ACTION, CAUSE, NOTE };

static struct ff_xid_info info_of(const struct ff_table_row *row)
{
	return (struct ff_xid_info){row->cells[XID], row->cells[NAME], row->cells[CLASS], row->cells[ACTION],
		row->cells[CAUSE], row->cells[NOTE]};
}

bool ff_know_xid(unsigned number, struct ff_xid_info *ret)
{
	char key[16];
	snprintf(key, sizeof(key), "%u", number);
	struct ff_table_row row;
	if (!ff_table_find(ff_table_xid, ff_span_of(key), &row))
		return false;
	*ret = info_of(&row);
	return true;
}

size_t ff_know_xids(size_t max, struct ff_xid_info ret[])
{
	struct ff_table table = ff_table_of(ff_table_xid);
	struct ff_table_row row;
	size_t n = 0;
	while (n < max && ff_table_next(&table, &row))
		ret[n++] = info_of(&row);
	return n;
}
