// Writes an agent's file of samples from lines "TIME_MS RSS REQUESTS [TOTAL USED]..." on standard input: memory-oracle
// FILE.
#include "agent/history.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct ff_history *history;
	char line[1024];
	struct ff_error *err = argc == 2 ? ff_history_open(argv[1], false, &history) : NULL;
	if (argc != 2 || err)
		return 2;
	while (fgets(line, sizeof(line), stdin)) {
		struct ff_sample_row row = {0};
		char *at = line;
		for (size_t i = 0; i < FF_SAMPLE; i++)
			row.v[i] = -1;
		row.v[FF_COL_TIME_MS] = strtoll(at, &at, 10);
		row.v[FF_COL_RSS] = strtoll(at, &at, 10);
		row.v[FF_COL_REQUESTS] = strtoll(at, &at, 10);
		for (char *end; row.gpus < FF_HISTORY_GPUS; at = end, row.gpus++) {
			long long total = strtoll(at, &end, 10);
			if (end == at)
				break;
			row.v[FF_COLUMNS + row.gpus * FF_GPU_COLUMNS + FF_GPU_TOTAL] = total;
			row.v[FF_COLUMNS + row.gpus * FF_GPU_COLUMNS + FF_GPU_USED] = strtoll(end, &end, 10);
		}
		ff_history_add(history, &row);
	}
	ff_history_close(history);
	return 0;
}
