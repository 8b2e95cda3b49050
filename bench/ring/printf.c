// fprintf() and fflush() per event, into argv[1]: what a plain log costs that is in the file when the call returns.
#include "loop.h"

#include <inttypes.h>

static FILE *log_file;

static void event(int64_t i, double d, const char *text)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	fprintf(log_file, "%lld.%09ld queue depth=%" PRId64 " duration_ms=%f request=%s\n", (long long)t.tv_sec,
		t.tv_nsec, i, d, text);
	fflush(log_file);
}

static void flush(void)
{
}

int main(int argc, char **argv)
{
	log_file = fopen(argc > 1 ? argv[1] : "/tmp/bench-printf.log", "w");
	if (!log_file)
		return 1;
	static const struct writer writer = {"fprintf", event, flush};
	loop_run(&writer);
	fclose(log_file);
	return 0;
}
