// What a pattern needs: a text that is left out of the filter by mistake would be a failure that is never found.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/literal.h"

#include <stdio.h>

static const char healthy[] = "loading weights took 3 s\nloading done\ndefault\n";

// The set as "a|b", "" for none.
static const char *needs(const char *pattern)
{
	static char text[FF_LITERALS_MAX * (FF_LITERAL_MAX + 1)];
	struct ff_literals set;
	size_t n = 0;
	if (ff_literals_of(pattern, FF_SPAN(healthy), &set)) {
		for (size_t i = 0; i < set.n; i++) {
			if (i)
				text[n++] = '|';
			memcpy(text + n, set.list[i].text, set.list[i].n);
			n += set.list[i].n;
		}
	}
	text[n] = 0;
	return text;
}

static void finds_what_is_needed(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *needs;
	} cases[] = {
		{"SIGBUS", "sigbus"}, {"Bus error: core", "bus erro"}, // eight bytes, the first of equal ones
		{"(?:SIGBUS|core dumped)", "sigbus|core dum"}, {"cu\\w*[^\\n]{0,60}\\(804\\)", "(804)"},
		{"\\bXid[ :=]+(?<n>79)\\b", "xid"}, {"colou?red", "colo"}, // an optional character ends a text
		{"abc(?:def)?ghij", "ghij"}, {"abc(?:def){0,2}", "abc"}, {"(?:abcd)+x", "abcd"}, {"ab+cde", "bcde"},
		{"abx*cde", "cde"}, {"abc{2}defg", "cdefg"}, {"abcd(?!efghij)", "abcd"}, // look-arounds need nothing
		{"(?<=efghij)abcd", "abcd"}, {"a\\.b\\[c", "a.b[c"}, {"abc[]x]def[^]]ghi", "abc"}, {"ab[.]cd", "ab.cd"},
		{"loading (?:shards|failed)", "shards|failed"}, // the rarer part
		{"^Killed$", "killed"}, {"caf\xc3\xa9", "caf\xc3\xa9"}, {"(?i)abcdef", "abcdef"},
		{"(?-i:abc)def|(?i:ghi)", "abc|ghi"}, {"\\.py:\\d+ in ", ".py:\x01"}, // any digit
		{"took \\d+ s|at \\d{2,} in", "took \x01|at \x01"},
		{"(?:error 804|no device)", "error |no devic"}, // a text without a certain digit is better
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(needs(cases[i].pattern), cases[i].needs);
}

// What it does not understand, or what needs no text of three bytes, is left to the whole pattern.
static void leaves_the_rest(void **state)
{
	(void)state;
	static const char *const patterns[] = {"", "ab", "\\d+", "abc|de", "abc|", "(?:abcdef)?", "abc\\x41def",
		"(abc)\\1def", "abcdef(", "abcdef)", "abc[de", "abc[[:alpha:]]def", "(?>abcdef)", "(?P<n>abcdef)",
		"\\Qabcdef\\E", "abcdef\\"};
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		assert_string_equal(needs(patterns[i]), "");
}

static void digits(void **state)
{
	(void)state;
	static const char *const blind[] = {"", "abc", "\\d+ of \\d{2,30}", "[0-9a-f]{8}", "[^\\n]{0,60}x", "[\\d.]+",
		"[\\w./-]+", "(?<name2>\\S+)", "(?<=x)y", "[!-~]", "[^]:]\\d"};
	static const char *const telling[] = {"804", "exit code [1-9]", "cu1[12]", "40[13]", "(a)\\1", "\\x31",
		"[[:digit:]]", "(?<n>0)", "[^5]", "[\\w-]4", "\\Q1\\E", "[]5]"};
	for (size_t i = 0; i < sizeof(blind) / sizeof(*blind); i++)
		assert_false(ff_pattern_tells_digits(blind[i]));
	for (size_t i = 0; i < sizeof(telling) / sizeof(*telling); i++)
		assert_true(ff_pattern_tells_digits(telling[i]));
}

static void long_numbers(void **state)
{
	(void)state;
	assert_true(ff_pattern_tells_long_numbers("error 1455\\b"));
	assert_true(ff_pattern_tells_long_numbers("a|(?:b){2,3}0000"));
	static const char *const no[] = {"804", "\\d{1234}x", "(?<n1234>a)", "12[0-9]34", "1 2 3 4", "\\b429\\b"};
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(ff_pattern_tells_long_numbers(no[i]));
}

static void bounded(void **state)
{
	(void)state;
	char deep[256], many[4096] = "abcdef";
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	assert_string_equal(needs(deep), "");
	for (size_t i = 0, n = strlen(many); i < FF_LITERALS_MAX; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "|word%zu", i);
	assert_string_equal(needs(many), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_needed),
		cmocka_unit_test(leaves_the_rest),
		cmocka_unit_test(digits),
		cmocka_unit_test(long_numbers),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
