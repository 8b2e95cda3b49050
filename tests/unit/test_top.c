// `firstfix top`: text from outside in columns, and documents as lines, also hostile ones.
#include "cli/top_frame.h"
#include "cli/top_parts.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

// The text of a page without its inks; to be freed.
static char *plain(struct ff_page *page)
{
	char *text = NULL;
	size_t n = 0;
	assert_null(ff_buf_finish(&page->text, &text));
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p > FF_INK_BAD)
			text[n++] = *p;
	}
	text[n] = '\0';
	return text;
}

static void put_is(unsigned width, bool utf8, const char *given, const char *expected)
{
	struct ff_page page = {.width = width, .utf8 = utf8};
	ff_page_put(&page, FF_INK_PLAIN, given);
	char *text = plain(&page);
	assert_string_equal(text, expected);
	free(text);
}

static void test_foreign_text_is_shown_and_never_obeyed(void **state)
{
	(void)state;
	put_is(20, true,
		"a\x1b[2J\x07"
		"b",
		"a?[2J?b");
	put_is(20, true, "one\ttwo\r\n", "one two  ");
	put_is(20, true, "\xe2\x80\xaegnp.exe", "?gnp.exe"); // turns the direction of writing
	put_is(20, true, "\xff\xc3", "??");
	put_is(20, true,
		"\xc2\x9b"
		"2J",
		"?2J");			    // CSI in one character
	put_is(20, true, "\x01\x06", "??"); // the bytes of our own inks
	put_is(20, false,
		"Gr\xc3\xbc\xc3\x9f"
		"e",
		"Gr??e");
}

static void test_what_is_too_long_is_cut_at_a_column(void **state)
{
	(void)state;
	put_is(5, false, "abcde", "abcde");
	put_is(5, false, "abcdef", "abcd~");
	put_is(5, true, "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97",
		"\xe4\xb8\xad\xe6\x96\x87\xe2\x80\xa6"); // two columns each
	put_is(4, true, "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", "\xe4\xb8\xad\xe2\x80\xa6");
	put_is(3, true, "e\xcc\x81xy", "exy"); // a mark of no width
	put_is(0, true, "x", "");
}

static void test_words_are_wrapped(void **state)
{
	(void)state;
	struct ff_page page = {.width = 12};
	ff_page_wrap(&page, FF_INK_PLAIN, 2, 3, "  one two three abcdefghijklmnopqrstuvwxyz four");
	char *text = plain(&page);
	assert_string_equal(text, "  one two\n  three\n  abcdefghi~\n");
	free(text);
}

// The screen of these documents.
static char *screen_of(struct ff_top_told *told, unsigned width)
{
	struct ff_page page = {.width = width, .utf8 = true};
	ff_top_draw(&(struct ff_top_frame){told, "http://127.0.0.1:9464", 1795918167}, &page);
	ff_top_told_deinit(told);
	return plain(&page);
}

static void test_nothing_known_is_no_crash(void **state)
{
	(void)state;
	struct ff_top_told told = {.trouble = "connection refused"};
	char *text = screen_of(&told, 80);
	assert_non_null(strstr(text, "The agent does not answer  connection refused"));
	free(text);
}

static void test_documents_of_wrong_shape_are_no_crash(void **state)
{
	static const char *const odd[] = {"{}", "[]", "null",
		"{\"state\":3,\"checks\":{},\"rows\":[[]],\"columns\":[],\"gpu_columns\":[1],\"incidents\":[0],"
		"\"totals\":[],\"in_flight\":7}",
		"{\"rows\":[1,null,[1e308,-1e308]],\"columns\":[\"time_ms\",\"rss\"],\"gpu_columns\":[\"used\"],"
		"\"per_second\":[-1e300,null,\"x\"],\"last_minute\":{\"p50_ms\":1e300},\"slowest\":[{\"duration_ms\":-"
		"1}],\"totals\":{\"ok\":1}}",
		"{\"process\":{\"cmdline\":[1,null],\"started\":\"9999999-13-40T99:99:99\"},\"diagnoses\":[{\"fixes\":{"
		"}},1]}"};
	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct ff_top_told told = {0};
		for (size_t k = 0; k < FF_TOLD_N; k++)
			told.of[k] = json_loads(odd[i], JSON_DECODE_ANY, NULL);
		char *text = screen_of(&told, 20 + 40 * (unsigned)i);
		assert_true(text[0] != '\0');
		free(text);
	}
}

static void test_each_gpu_has_a_line_and_no_line_is_too_wide(void **state)
{
	(void)state;
	for (unsigned width = 20; width < 200; width += 30) {
		struct ff_top_told told = {0};
		json_t *row = json_pack("[I,i]", (json_int_t)1795918167000, 1 << 30);
		for (int i = 0; i < 16; i++)
			json_array_append_new(row, json_integer((json_int_t)1 << 34));
		told.of[FF_TOLD_HEALTH] = json_pack("{ss,ss}", "state", "busy", "why",
			"two requests in work and a long reason for it, in many words");
		told.of[FF_TOLD_MEMORY] = json_pack(
			"{s[ss],s[ss],s[o]}", "columns", "time_ms", "rss", "gpu_columns", "used", "total", "rows", row);
		char *text = screen_of(&told, width);
		struct ff_page measure = {.utf8 = true};
		int gpus = 0;
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			assert_true(ff_page_columns(&measure, line) <= width);
			gpus += strncmp(line, "GPU ", 4) == 0 && (strstr(line, "16.0 of 16.0 GB") || width < 50);
		}
		assert_int_equal(gpus, 8);
		free(text);
	}
}

static void test_durations(void **state)
{
	(void)state;
	char text[32];
	ff_top_duration(59.4, text);
	assert_string_equal(text, "59 s");
	ff_top_duration(3725, text);
	assert_string_equal(text, "1 h 2 min");
	ff_top_duration(-1e300, text);
	assert_string_equal(text, "0 s");
	assert_int_equal(ff_top_seconds("2026-11-29T02:09:26.840Z"), 1795918166);
	assert_int_equal(ff_top_seconds("yesterday"), 0);
	assert_int_equal(ff_top_seconds(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign_text_is_shown_and_never_obeyed),
		cmocka_unit_test(test_what_is_too_long_is_cut_at_a_column),
		cmocka_unit_test(test_words_are_wrapped),
		cmocka_unit_test(test_nothing_known_is_no_crash),
		cmocka_unit_test(test_documents_of_wrong_shape_are_no_crash),
		cmocka_unit_test(test_each_gpu_has_a_line_and_no_line_is_too_wide),
		cmocka_unit_test(test_durations),
	};
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
