// Who said it, by frames, source lines, modules, loggers and programs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/emitter.h"

#include <stdlib.h>

static void take(const struct ff_line *line, void *context)
{
	ff_events_line(context, line);
	if (ff_events_current(context) == FF_EVENT_NO_INNER && line->text.n)
		ff_events_place(context, line, false);
}

static struct ff_events *events_of(const char *log)
{
	struct ff_events *events;
	struct ff_liner *liner;
	struct ff_span rest = ff_span_of(log), line;
	uint64_t number = 0;
	assert_null(ff_events_create(&events));
	assert_null(ff_liner_create(&liner));
	while (ff_span_next(&rest, '\n', &line))
		ff_liner_read(liner, line, ++number, take, events);
	assert_null(ff_liner_end(liner, number, take, events));
	assert_null(ff_events_end(events));
	ff_liner_destroy(liner);
	return events;
}

// Of the last event of a log: does this one, or this class, speak in it?
static bool says(const char *log, const char *who)
{
	struct ff_events *events = events_of(log);
	const struct ff_event *e = ff_events_at(events, ff_events_count(events) - 1);
	assert_non_null(e);
	struct ff_emitters said = ff_event_emitters(e);
	bool is = ff_emitters_include(&said, ff_span_of(who));
	ff_events_destroy(events);
	return is;
}

#define FRAME(package, source)                 \
	"Traceback (most recent call last):\n" \
	"  File \"/v/lib/python3.11/site-packages/" package "/a.py\", line 1, in f\n    " source "\n"

static void a_raise_is_of_the_frame_it_stands_in(void **state)
{
	(void)state;
	const char *raised = FRAME("pandas", "raise ValueError(\"no\")") "ValueError: no\n";
	assert_true(says(raised, "pandas"));
	assert_true(says(raised, "numbers"));
	assert_false(says(raised, "torch"));
	assert_false(says(raised, "transformers"));
	assert_true(says(FRAME("nobodyknows", "assert ok") "AssertionError: no\n", "other"));
}

static void a_call_may_be_of_a_library_without_frames(void **state)
{
	(void)state;
	const char *called = FRAME("transformers", "return torch.zeros(n)") "RuntimeError: no\n";
	assert_true(says(called, "torch")); // in C
	assert_true(says(called, "native"));
	assert_true(says(called, "transformers"));
	assert_false(says(called, "diffusers")); // in Python alone: its frame would be there
	const char *other = FRAME("transformers", "raise ValueError(f\"cannot load: {e}\")") "ValueError: no\n";
	assert_true(says(other, "torch")); // it tells another's words
	const char *hidden = "Traceback (most recent call last):\n"
			     "  File \"/v/lib/python3.11/site-packages/transformers/a.py\", line 1, in f\n"
			     "RuntimeError: no\n";
	assert_true(says(hidden, "torch")); // nobody sees what the line does
}

static void a_module_and_a_program_name_themselves(void **state)
{
	(void)state;
	assert_true(says("torch.OutOfMemoryError: no\n", "torch"));
	assert_true(says("nvidia-container-cli: initialization error: no\n", "container"));
	assert_false(says("nvidia-container-cli: initialization error: no\n", "driver"));
	assert_false(says("they said: initialization error\n", "container"));
	assert_true(says("(raylet pid=7) Error: no\n", "cluster"));
	assert_false(says("[pod/worker-0/vllm] Error: no\n", "engine")); // a container's name
}

static void who_hands_on_is_not_alone(void **state)
{
	(void)state;
	struct ff_events *events = events_of("nvidia-container-cli: libx.so.1: cannot open shared object file: no\n");
	struct ff_emitters said = ff_event_emitters(ff_events_at(events, 0));
	assert_true(said.relayed);
	assert_true(ff_emitters_include(&said, FF_SPAN("container")));
	assert_true(ff_emitters_include(&said, FF_SPAN("loader")));
	ff_events_destroy(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_raise_is_of_the_frame_it_stands_in),
		cmocka_unit_test(a_call_may_be_of_a_library_without_frames),
		cmocka_unit_test(a_module_and_a_program_name_themselves),
		cmocka_unit_test(who_hands_on_is_not_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
