// firstfix: a lane in argv[1].
#include "loop.h"

#include <firstfix/event.h>

static uint16_t key_depth;

static void event(int64_t i, double d, const char *text)
{
	ff_event(FF_EV_CUSTOM, ff_int(key_depth, i), FF_REAL(DURATION_MS, d), FF_STR(REQUEST_ID, text));
}

static void flush(void)
{
}

int main(int argc, char **argv)
{
	const struct ff_record_options options = {.dir = argc > 1 ? argv[1] : "/tmp/bench-ring", .no_fallback = true};
	if (ff_record_start(&options))
		return 1;
	key_depth = ff_key("acme.queue.depth");
	static const struct writer writer = {"firstfix", event, flush};
	loop_run(&writer);
	ff_record_stop();
	return 0;
}
