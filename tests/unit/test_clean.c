// No byte string may act on a terminal or break out of its line.
#include "base/clean.h"
#include "base/utf8.h"
#include "base/wrap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check(const char *in, size_t n, bool utf8, const char *expected)
{
	struct ff_buf out = {0};
	_cleanup_free_ char *text = NULL;
	ff_clean(&out, (struct ff_span){in, n}, utf8);
	assert_null(ff_buf_finish(&out, &text));
	assert_string_equal(text, expected);
}

#define CHECK(in, utf8, expected) check(in, sizeof(in) - 1, utf8, expected)

static void test_escapes(void **state)
{
	(void)state;
	CHECK("plain text", true, "plain text");
	CHECK("a\nb\r\tc", true, "a\\nb\\r\\tc");
	CHECK("\033[31mred\033[0m", true, "\\x1b[31mred\\x1b[0m");
	CHECK("\033]0;title\007", true, "\\x1b]0;title\\x07");
	CHECK("\xc2\x9b"
	      "31m",
		true, "\\u009b31m");
	CHECK("a\0b", true, "a\\x00b");
	CHECK("x\xe2\x80\xaey", true, "x\\u202ey");
	CHECK("x\xe2\x80\xa8y", true, "x\\u2028y");
	CHECK("x\xf3\xa0\x81\x81y", true, "x\\U000e0041y");
	CHECK("\xff\xc0\xaf\xed\xa0\x80", true, "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
	CHECK("cut \xe2\x9c", true, "cut \\xe2\\x9c");
	CHECK("h\xc3\xa9 \xe2\x9c\x85", true, "h\xc3\xa9 \xe2\x9c\x85");
	CHECK("h\xc3\xa9 \xe2\x9c\x85 \xe2\x86\x92 \xf0\x9f\x8e\xae", false, "h\\u00e9 [ok] -> \\U0001f3ae");
}

// Every two bytes: what comes out is printable, valid, and one line.
static void test_all_pairs(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 65536; pair++) {
		const char in[] = {(char)(pair >> 8), (char)pair, 'z'};
		for (int utf8 = 0; utf8 < 2; utf8++) {
			_cleanup_buf_ struct ff_buf out = {0};
			ff_clean(&out, (struct ff_span){in, sizeof(in)}, utf8);
			for (size_t i = 0; i < out.n;) {
				uint32_t c = 0;
				size_t len = ff_utf8_decode(out.p + i, out.n - i, &c);
				assert_true(len > 0);
				assert_true(c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0));
				assert_true(utf8 || c < 0x80);
				i += len;
			}
		}
	}
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(ff_clean_width(FF_SPAN("abc")), 3);
	assert_int_equal(ff_clean_width(FF_SPAN("\xe6\x97\xa5\xe6\x9c\xac")), 4);
	assert_int_equal(ff_clean_width(FF_SPAN("e\xcc\x81")), 1);
	assert_int_equal(ff_clean_fit(FF_SPAN("\xe6\x97\xa5\xe6\x9c\xac"), 3), 3);
	assert_int_equal(ff_clean_fit(FF_SPAN("abcdef"), 4), 4);
	assert_int_equal(ff_clean_fit(FF_SPAN("\xe6\x97\xa5"), 1), 3); // always one character
	assert_int_equal(ff_clean_fit(FF_SPAN(""), 4), 0);
}

static void check_wrap(const struct ff_wrap *how, const char *in, size_t at, const char *expected, size_t end)
{
	struct ff_buf out = {0};
	_cleanup_free_ char *text = NULL;
	assert_int_equal(ff_wrap(how, ff_span_of(in), at, &out), end);
	assert_null(ff_buf_finish(&out, &text));
	assert_string_equal(text, expected);
}

static void test_wrap(void **state)
{
	(void)state;
	const struct ff_wrap ten = {.columns = 10, .indent = 2}, never = {0};
	const struct ff_wrap two = {.columns = 10, .indent = 2, .rows = 2, .more = "..."};
	check_wrap(&ten, "", 3, "", 3);
	check_wrap(&ten, "one two six", 0, "one two\n  six", 5);
	check_wrap(&ten, "one two", 7, "one\n  two", 5);
	check_wrap(&ten, "/a/long/path/of/it two", 0, "/a/long/path/of/it\n  two", 5);
	check_wrap(&ten, "one  two   sixteen", 0, "one  two\n  sixteen", 9);
	check_wrap(&never, "one two three four five", 0, "one two three four five", 23);
	check_wrap(&two, "one two six", 0, "one two\n  six", 5);
	check_wrap(&two, "one two six seven eight", 0, "one two\n  six ...", 9);
	const struct ff_wrap lists = {.columns = 10, .indent = 2, .lists = true};
	check_wrap(&lists, "/a/bin:/b:/c/lib:/d", 0, "/a/bin:/b:\n  /c/lib:\n  /d", 4);
	check_wrap(&lists, "PATH: /a/bin:/b:/c", 0, "PATH:\n  /a/bin:\n  /b:/c", 7);
	check_wrap(&lists, "see http://host/a:b", 0, "see\n  http://host/a:b", 17);
	check_wrap(&ten, "/a/bin:/b:/c/lib:/d", 0, "/a/bin:/b:/c/lib:/d", 19);
	const struct ff_wrap row = {.columns = 20, .rows = 1, .more = "..."};
	check_wrap(&row, "one two six seven eight", 0, "one two six ...", 15);
	check_wrap(&row, "one /a/path/that/is/long", 0, "one /a/path/that/...", 20);
	check_wrap(&two, "one two six sev", 0, "one two\n  six sev", 9);
	check_wrap(&two, "\xe6\x97\xa5\xe6\x9c\xac \xe6\x97\xa5\xe6\x9c\xac x", 0,
		"\xe6\x97\xa5\xe6\x9c\xac \xe6\x97\xa5\xe6\x9c\xac\n  x", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_all_pairs),
		cmocka_unit_test(test_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
