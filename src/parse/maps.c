// Reads /proc/PID/maps. A path may hold blanks; a replaced or removed file ends in " (deleted)", which after an upgrade
// under a running worker is the very thing to know.
//
//	7f1c8e600000-7f1c8e628000 r-xp 00000000 08:01 1573 /usr/lib/x86_64-linux-gnu/libc.so.6
#include "parse/maps.h"

bool ff_map_next(struct ff_span *rest, struct ff_map_line *ret)
{
	for (struct ff_span line; ff_span_next(rest, '\n', &line);) {
		struct ff_span word, modes = {0};
		for (unsigned field = 1; field <= 5 && ff_span_next(&line, ' ', &word); field++) {
			if (field == 2)
				modes = word;
		}
		struct ff_map_line map = {.path = ff_span_trim(line)};
		map.executable = modes.n >= 3 && modes.p[2] == 'x';
		map.deleted = ff_span_ends(map.path, " (deleted)");
		if (map.deleted)
			map.path.n -= strlen(" (deleted)");
		if (!ff_span_starts(map.path, "/") || ff_span_starts(map.path, "/dev/") ||
			ff_span_starts(map.path, "/memfd:") || ff_span_starts(map.path, "/SYSV"))
			continue;
		*ret = map;
		return true;
	}
	return false;
}
