// Lines of logs, and the events and tiers that come of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/finding.h"
#include "log/classify.h"
#include "log/event.h"
#include "log/landmark.h"

#include <stdio.h>
#include <stdlib.h>

// As the scanner would: it knows from the landmarks which lines are signs of health.
static void take(const struct ff_line *line, void *context)
{
	static struct ff_landmarks *landmarks;
	if (!landmarks)
		assert_null(ff_landmarks_create(&landmarks));
	ff_events_line(context, line);
	if (ff_landmarks_any(landmarks, FF_LANDMARK_READY, line->text, NULL))
		ff_events_progress(context, line->run, line->number, 0);
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

static const struct ff_event *at(const struct ff_events *events, size_t index)
{
	const struct ff_event *e = ff_events_at(events, index);
	assert_non_null(e);
	return e;
}

static void assert_exception(const struct ff_event *e, const char *qualified, const char *message, size_t frames)
{
	assert_int_equal(e->kind, FF_EVENT_EXCEPTION);
	assert_string_equal(e->qualified, qualified);
	assert_string_equal(e->message, message);
	assert_int_equal(e->frame_count, frames);
}

static void a_traceback_is_one_event(void **state)
{
	(void)state;
	struct ff_events *events = events_of("starting\n"
					     "Traceback (most recent call last):\n"
					     "  File \"/srv/a.py\", line 3, in f\n"
					     "    raise RuntimeError('inner: x')\n"
					     "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
					     "  File \"/srv/b.py\", line 14, in <lambda>\n"
					     "  [Previous line repeated 9 more times]\n"
					     "torch.OutOfMemoryError: CUDA out of memory.\n"
					     "Tried to allocate 2.00 GiB.\n"
					     "\n"
					     "bye\n");
	assert_int_equal(ff_events_count(events), 1);
	const struct ff_event *e = at(events, 0);
	assert_exception(e, "torch.OutOfMemoryError", "CUDA out of memory.\nTried to allocate 2.00 GiB.", 2);
	assert_string_equal(e->type, "OutOfMemoryError");
	assert_true(e->traceback);
	assert_int_equal(e->level, FF_LEVEL_ERROR);
	assert_int_equal(e->first, 2);
	assert_int_equal(e->last, 9);
	assert_string_equal(e->frames[1].file, "/srv/b.py");
	assert_string_equal(e->frames[1].func, "<lambda>");
	assert_int_equal(e->frames[1].line, 14);
	ff_events_destroy(events);
}

static void source_code_did_not_happen(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool source;
	} lines[] = {
		{"Traceback (most recent call last):", false},
		{"  File \"/srv/a.py\", line 3, in f", false},
		{"    raise MemoryError('CUDA out of memory')", true},
		{"Cell In[5], line 2", false},
		{"----> 2 raise MemoryError('CUDA out of memory')", true},
		{"      3 raise MemoryError('CUDA out of memory')", true},
		{"\xe2\x9d\xb1 12 \xe2\x94\x82   raise MemoryError('CUDA out of memory')", true},
		{"MemoryError: CUDA out of memory", false},
		{"12 raise MemoryError", false},
	};
	struct ff_events *events;
	assert_null(ff_events_create(&events));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct ff_line line = {.number = i + 1, .text = ff_span_of(lines[i].text), .source = FF_SPAN("")};
		ff_events_line(events, &line);
		assert_int_equal(ff_events_source_code(events), lines[i].source);
	}
	ff_events_destroy(events);
}

static const char chain[] = "Traceback (most recent call last):\n"
			    "  File \"a.py\", line 1, in f\n"
			    "KeyError: 'x'\n"
			    "\n"
			    "During handling of the above exception, another exception occurred:\n"
			    "\n"
			    "Traceback (most recent call last):\n"
			    "  File \"b.py\", line 2, in g\n"
			    "ValueError: no x\n"
			    "\n"
			    "The above exception was the direct cause of the following exception:\n"
			    "\n"
			    "Traceback (most recent call last):\n"
			    "  File \"c.py\", line 3, in h\n"
			    "RuntimeError: Engine core initialization failed\n";

static void a_chain_has_a_deepest_exception(void **state)
{
	(void)state;
	struct ff_events *events = events_of(chain);
	assert_int_equal(ff_events_count(events), 3);
	assert_int_equal(at(events, 0)->inner, FF_EVENT_NO_INNER);
	assert_int_equal(at(events, 1)->inner, 0);
	assert_int_equal(at(events, 1)->chain, FF_CHAIN_CONTEXT);
	assert_int_equal(at(events, 2)->inner, 1);
	assert_int_equal(at(events, 2)->chain, FF_CHAIN_CAUSE);
	assert_int_equal(ff_events_fatal(events), 2);
	assert_int_equal(ff_events_deepest(events, 2), 0);
	// The root stands over what follows from it, and both over an unrelated line.
	int root = ff_event_tier(events, 0), outer = ff_event_tier(events, 2);
	assert_true(root > outer);
	assert_int_equal(outer, ff_event_tier(events, 1));
	ff_events_destroy(events);
}

static void interleaved_ranks_do_not_mix(void **state)
{
	(void)state;
	struct ff_events *events = events_of("[rank0]: Traceback (most recent call last):\n"
					     "[rank1]: Traceback (most recent call last):\n"
					     "[rank0]:   File \"a.py\", line 1, in f\n"
					     "[rank1]:   File \"b.py\", line 2, in g\n"
					     "a line of nobody\n"
					     "[rank1]: KeyError: 'one'\n"
					     "[rank0]: ValueError: nought\n");
	assert_int_equal(ff_events_count(events), 2);
	assert_exception(at(events, 0), "ValueError", "nought", 1);
	assert_exception(at(events, 1), "KeyError", "'one'", 1);
	assert_string_equal(at(events, 0)->source, "rank0");
	assert_string_equal(at(events, 1)->frames[0].file, "b.py");
	ff_events_destroy(events);
}

static void health_cancels_what_was_before(void **state)
{
	(void)state;
	struct ff_events *events = events_of("/srv/x.py:3: UserWarning: slow\n"
					     "Traceback (most recent call last):\n"
					     "  File \"a.py\", line 1, in f\n"
					     "ImportError: flash_attn\n"
					     "INFO:     Application startup complete.\n"
					     "/srv/x.py:4: UserWarning: late\n"
					     "ValueError: at last\n");
	assert_int_equal(ff_events_count(events), 4);
	assert_int_equal(at(events, 0)->progress, 5);
	assert_int_equal(at(events, 1)->progress, 5);
	assert_int_equal(at(events, 2)->progress, 0);
	assert_int_equal(ff_events_fatal(events), 3);
	int warned = ff_event_tier(events, 0), failed = ff_event_tier(events, 1), late = ff_event_tier(events, 2);
	assert_true(warned < failed); // the request that failed did fail
	assert_true(warned < late);
	assert_true(failed < ff_event_tier(events, 3));
	ff_events_destroy(events);
}

static void other_kinds(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum ff_event_kind kind;
		enum ff_level level;
		const char *message;
	} samples[] = {
		{"NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.", FF_EVENT_KERNEL, FF_LEVEL_ERROR, NULL},
		{"INFO: oom-kill:constraint=CONSTRAINT_MEMCG,task=python", FF_EVENT_KERNEL, FF_LEVEL_ERROR,
			"oom-kill:constraint=CONSTRAINT_MEMCG,task=python"},
		{"w:7:9 [0] socket.cc:4 NCCL WARN Net: no route", FF_EVENT_NCCL, FF_LEVEL_ERROR, "Net: no route"},
		{"python: error while loading shared libraries: libcudart.so.12: cannot open shared object file",
			FF_EVENT_LOADER, FF_LEVEL_ERROR, NULL},
		{"/srv/a.py:3: FutureWarning: old", FF_EVENT_WARNING, FF_LEVEL_WARNING, "old"},
		{"Killed", FF_EVENT_DEATH, FF_LEVEL_ERROR, NULL},
		{"Segmentation fault (core dumped)", FF_EVENT_DEATH, FF_LEVEL_ERROR, NULL},
		{"worker exited with code 137", FF_EVENT_DEATH, FF_LEVEL_ERROR, NULL},
		{"Exception: EOF while parsing", FF_EVENT_EXCEPTION, FF_LEVEL_ERROR, "EOF while parsing"},
		{"WARNING: ImportError: no flash_attn", FF_EVENT_EXCEPTION, FF_LEVEL_WARNING, "no flash_attn"},
		{"INFO:root:ImportError: no flash_attn", FF_EVENT_EXCEPTION, FF_LEVEL_ERROR, "no flash_attn"},
		{"E       KeyError: 1", FF_EVENT_EXCEPTION, FF_LEVEL_ERROR, "1"},
		{"terminate called after throwing an instance of 'c10::Error'", FF_EVENT_EXCEPTION, FF_LEVEL_ERROR, ""},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct ff_events *events = events_of(samples[i].line);
		assert_int_equal(ff_events_count(events), 1);
		assert_int_equal(at(events, 0)->kind, samples[i].kind);
		assert_int_equal(at(events, 0)->level, samples[i].level);
		assert_string_equal(at(events, 0)->message, samples[i].message ? samples[i].message : samples[i].line);
		ff_events_destroy(events);
	}
	static const char *const nothing[] = {"error: subprocess-exited", "loss: 0.3", "a: b", "12 files", "", "   ^^^",
		"During handling of the above exception, another exception occurred:"};
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
		struct ff_events *events = events_of(nothing[i]);
		assert_int_equal(ff_events_count(events), 0);
		ff_events_destroy(events);
	}
}

static void kernel_lines_stay_after_health(void **state)
{
	(void)state;
	struct ff_events *events = events_of("NVRM: Xid (PCI:0000:01:00): 79\nUvicorn running on http://x\nKilled\n");
	assert_true(at(events, 0)->progress);
	assert_int_equal(ff_event_tier(events, 0), ff_event_tier(events, 1));
	ff_events_destroy(events);
}

static void notebooks_and_boxes(void **state)
{
	(void)state;
	struct ff_events *events =
		events_of("KeyError                                  Traceback (most recent call last)\n"
			  "Cell In[5], line 2\n"
			  "      1 import app\n"
			  "----> 2 app.load()\n"
			  "\n"
			  "File /srv/app.py:31, in load(*args)\n"
			  "     30 def load():\n"
			  "---> 31     return table['x']\n"
			  "\n"
			  "Cell In[3], line 7, in patched(self)\n"
			  "----> 7     return self.rows['x']\n"
			  "\n"
			  "KeyError: 'x'\n");
	assert_int_equal(ff_events_count(events), 1);
	assert_exception(at(events, 0), "KeyError", "'x'", 3);
	assert_string_equal(at(events, 0)->frames[1].func, "load");
	assert_string_equal(at(events, 0)->frames[2].func, "patched");
	ff_events_destroy(events);
	events = events_of("\xe2\x95\xad\xe2\x94\x80 Traceback (most recent call last) \xe2\x94\x80\xe2\x95\xae\n"
			   "\xe2\x94\x82 /srv/app.py:31 in        \xe2\x94\x82\n"
			   "\xe2\x94\x82 load                     \xe2\x94\x82\n"
			   "\xe2\x94\x82                          \xe2\x94\x82\n"
			   "\xe2\x94\x82 \xe2\x9d\xb1 31 \xe2\x94\x82   f()              \xe2\x94\x82\n"
			   "\xe2\x95\xb0\xe2\x94\x80\xe2\x94\x80\xe2\x95\xaf\n"
			   "RuntimeError: the message was longer than the box that it is in and\n"
			   "was broken where the next word would not have had room in the line\n"
			   "any more\n");
	assert_int_equal(ff_events_count(events), 1);
	assert_exception(at(events, 0), "RuntimeError",
		"the message was longer than the box that it is in and was broken where the next word would not have "
		"had "
		"room in the line any more",
		1);
	assert_true(at(events, 0)->rejoined);
	assert_string_equal(at(events, 0)->frames[0].func, "load");
	ff_events_destroy(events);
}

static void messages_of_lines_stay_lines(void **state)
{
	(void)state;
	struct ff_events *events = events_of("ValueError: two short lines\nare two lines\n");
	assert_string_equal(at(events, 0)->message, "two short lines\nare two lines");
	assert_false(at(events, 0)->rejoined);
	ff_events_destroy(events);
}

static void a_message_goes_on_behind_a_blank_line(void **state)
{
	(void)state;
	static const struct {
		const char *rest, *message;
	} rows[] = {
		{"\nPlease run this command:\n\n    python -m shelf\n",
			"no shelf:\n\nPlease run this command:\n\n    "
			"python -m shelf"},
		{"\nbye\n", "no shelf:"},
		{"\n\n\nPlease run this command\n", "no shelf:"},
		{"\nroot@pod:/# python serve.py --port 8000\n", "no shelf:"},
		{"\nINFO 05-01 12:00:00 [api.py:1] a shelf was found\n", "no shelf:"},
		{"\n[rank1]: Please run this command\n", "no shelf:"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char log[400];
		snprintf(log, sizeof(log),
			"Traceback (most recent call last):\n  File \"/a.py\", line 3, in f\n    g()\nRuntimeError: no "
			"shelf:\n%s",
			rows[i].rest);
		struct ff_events *events = events_of(log);
		assert_string_equal(at(events, 0)->message, rows[i].message);
		assert_int_equal(at(events, 0)->last, 4);
		ff_events_destroy(events);
	}
}

static void a_headline_alone_is_no_exception(void **state)
{
	(void)state;
	struct ff_events *events = events_of("Traceback (most recent call last):\nsomething else\n");
	assert_int_equal(at(events, 0)->kind, FF_EVENT_LINE);
	assert_int_equal(ff_events_fatal(events), FF_EVENT_NO_INNER);
	ff_events_destroy(events);
}

static void bounds_hold(void **state)
{
	(void)state;
	struct ff_buf log = {0};
	for (int i = 0; i < 3 * FF_EVENTS_KEPT; i++)
		ff_buf_printf(&log, "KeyError: %d\n", i);
	ff_buf_str(&log, "Traceback (most recent call last):\n");
	for (int i = 0; i < 2 * FF_FRAMES_MAX; i++)
		ff_buf_printf(&log, "  File \"a.py\", line %d, in f\n", i);
	ff_buf_str(&log, "ValueError: deep\n");
	for (int i = 0; i < 2 * FF_MESSAGE_LINES; i++)
		ff_buf_str(&log, "and so on\n");
	struct ff_events *events = events_of(log.p);
	assert_int_equal(ff_events_count(events), 3 * FF_EVENTS_KEPT + 1);
	assert_non_null(ff_events_at(events, FF_EVENTS_KEPT - 1));
	assert_null(ff_events_at(events, FF_EVENTS_KEPT));
	assert_string_equal(at(events, 3 * FF_EVENTS_KEPT - 1)->message, "6143");
	const struct ff_event *deep = at(events, 3 * FF_EVENTS_KEPT);
	assert_int_equal(deep->frame_count, FF_FRAMES_MAX);
	assert_int_equal(deep->frames[0].line, 0);
	assert_int_equal(deep->frames[FF_FRAMES_MAX - 1].line, 2 * FF_FRAMES_MAX - 1);
	assert_true(strlen(deep->message) < FF_MESSAGE_LINES * sizeof("and so on"));
	ff_events_destroy(events);
	ff_buf_deinit(&log);
}

// Signatures ask for the event of a line; of a plain line one is made.
static void a_signature_finds_its_event(void **state)
{
	(void)state;
	struct ff_events *events;
	struct ff_line line = {.number = 7, .text = FF_SPAN("CUDA failed to start"), .source = FF_SPAN("")};
	assert_null(ff_events_create(&events));
	ff_events_line(events, &line);
	assert_int_equal(ff_events_count(events), 0);
	assert_false(ff_events_busy(events, 8));
	assert_int_equal(ff_events_place(events, &line, true), 0);
	assert_int_equal(at(events, 0)->kind, FF_EVENT_LINE);
	assert_int_equal(at(events, 0)->level, FF_LEVEL_ERROR); // "failed"
	assert_int_equal(ff_events_place(events, &line, true), 0);
	assert_true(ff_events_busy(events, 8));
	assert_false(ff_events_busy(events, 80));
	ff_events_destroy(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_traceback_is_one_event),
		cmocka_unit_test(source_code_did_not_happen),
		cmocka_unit_test(a_chain_has_a_deepest_exception),
		cmocka_unit_test(interleaved_ranks_do_not_mix),
		cmocka_unit_test(health_cancels_what_was_before),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(kernel_lines_stay_after_health),
		cmocka_unit_test(notebooks_and_boxes),
		cmocka_unit_test(messages_of_lines_stay_lines),
		cmocka_unit_test(a_message_goes_on_behind_a_blank_line),
		cmocka_unit_test(a_headline_alone_is_no_exception),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(a_signature_finds_its_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
