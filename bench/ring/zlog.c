// zlog: formats and writes to argv[1] in the caller.
#include "loop.h"

#include <inttypes.h>
#include <zlog.h>

static zlog_category_t *category;

static void event(int64_t i, double d, const char *text)
{
	zlog_info(category, "queue depth=%" PRId64 " duration_ms=%f request=%s", i, d, text);
}

static void flush(void)
{
}

int main(int argc, char **argv)
{
	char rules[512];
	snprintf(rules, sizeof(rules),
		"[formats]\nplain = \"%%d(%%F %%T).%%us %%p %%T %%m%%n\"\n[rules]\n*.* \"%s\"; plain\n",
		argc > 1 ? argv[1] : "/tmp/bench-zlog.log");
	if (zlog_init_from_string(rules) || !(category = zlog_get_category("bench")))
		return 1;
	static const struct writer writer = {"zlog", event, flush};
	loop_run(&writer);
	zlog_fini();
	return 0;
}
