// Looks up an Xid number, the code that the NVIDIA kernel driver logs when a GPU fails:
//
//	NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
#include "know/xid.h"

#include "base/table.h"

#include <stdio.h>

FF_EMBEDDED(ff_table, xid);

enum { XID, NAME, CLASS, ACTION, CAUSE, NOTE };

bool ff_know_xid(unsigned number, struct ff_xid_info *ret)
{
	char key[16];
	snprintf(key, sizeof(key), "%u", number);
	struct ff_table_row row;
	if (!ff_table_find(ff_table_xid, ff_span_of(key), &row))
		return false;
	*ret = (struct ff_xid_info){
		row.cells[NAME], row.cells[CLASS], row.cells[ACTION], row.cells[CAUSE], row.cells[NOTE]};
	return true;
}
