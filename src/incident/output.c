// What a worker printed, without what our Python package printed in it: a line that we wrote ourselves is no evidence.
//
//	----------------------------------------------------------------------
//	DISK DIAGNOSTICS                                         a part of a report, up to the diagnosis behind it
//	...
//	======================================================================
//	REQUEST FAILED  20261123-031403-5f1c2a77                 a block, up to the line that says where it is stored
//	======================================================================
//	...
//	   Stored: firstfix incidents show 20261123-031403-5f1c2a77		(or "Not stored: incident ID")
//
// What torch's allocator said at that moment ("GPU MEMORY DIAGNOSTICS" of a process that ends) stays: nobody else knows
// it.
#include "incident/assemble.h"

#include <stdio.h>

static const char heavy[] = "======================================================================\n",
		  light[] = "----------------------------------------------------------------------\n",
		  ending[] = " DIAGNOSTICS\n", object[] = "{\"schema\": \"firstfix.event/1\",";

enum { ID_LENGTH = 8 + 1 + 6 + 1 + 8 };

// The first byte behind the block whose title stands at `title`, NULL when it is none of ours.
static const char *end_of_block(const char *title)
{
	const char *end = strchr(title, '\n');
	static const char *const lasts[] = {
		"Stored: firstfix incidents show", "Not stored yet: incident", "Not stored: incident"};
	if (!end || end - title < ID_LENGTH + 2 || strncmp(end + 1, heavy, sizeof(heavy) - 1) != 0)
		return NULL;
	const char *id = end - ID_LENGTH;
	if (id[-1] != ' ' || id[8] != '-' || id[15] != '-')
		return NULL;
	const char *found = NULL;
	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
		char line[96];
		snprintf(line, sizeof(line), "%s %.*s\n", lasts[i], (int)ID_LENGTH, id);
		const char *last = strstr(end, line);
		if (last && (!found || last < found))
			found = last;
	}
	return found ? strchr(found, '\n') + 1 : NULL;
}

// The same of a part of a report, which ends where a diagnosis begins.
static const char *end_of_part(const char *heading)
{
	const char *line_end = strchr(heading, '\n');
	const char *body = line_end ? line_end + 1 : heading;
	const char *end = strstr(body, heavy);
	bool ours = end && (size_t)(body - heading) >= sizeof(ending) &&
		strncmp(body - (sizeof(ending) - 1), ending, sizeof(ending) - 1) == 0 &&
		strncmp(heading, "GPU ", 4) != 0;
	return ours ? end : NULL;
}

// The same of what FIRSTFIX_LOG=json makes one object a line (base/logline.h).
static const char *end_of_object(const char *line)
{
	static const char name[] = "\"event.name\": \"";
	const char *end = strchr(line, '\n'), *event = strstr(line, name);
	if (!end || !event || event > end)
		return NULL;
	event += sizeof(name) - 1;
	return ff_starts(event, "firstfix.") && !ff_starts(event, "firstfix.memory\"") ? end + 1 : NULL;
}

void ff_incident_add_output(struct ff_buf *log, const char *text)
{
	const char *from = text;
	for (const char *line = text; line && *line;) {
		const char *end = NULL, *next = strchr(line, '\n');
		if (ff_starts(line, heavy))
			end = end_of_block(line + sizeof(heavy) - 1);
		else if (ff_starts(line, light))
			end = end_of_part(line + sizeof(light) - 1);
		else if (ff_starts(line, object))
			end = end_of_object(line);
		if (end) {
			ff_buf_add(log, from, (size_t)(line - from));
			from = end;
		}
		line = end ? end : next ? next + 1 : NULL;
	}
	ff_buf_printf(log, "%s\n", from);
}
