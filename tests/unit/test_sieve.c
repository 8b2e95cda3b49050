// Which lines are sifted out: all that some pattern may match, however often lines like them came before.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/diagnose.h"
#include "diagnose/sieve.h"
#include "log/chunk.h"

#include <hs.h>
#include <stdio.h>
#include <stdlib.h>

static struct ff_rules *rules;
static struct ff_matcher *matcher;

static int set_up(void **state)
{
	(void)state;
	return ff_rules_load(NULL, true, &rules) || ff_matcher_create(rules, &matcher);
}

static int tear_down(void **state)
{
	(void)state;
	ff_matcher_destroy(matcher);
	ff_rules_destroy(rules);
	return 0;
}

// The lines that were sifted out, one a line, with an exclamation mark where digits matter.
static void sift(struct ff_sieve *sieve, struct ff_span chunk, struct ff_buf *ret)
{
	const struct ff_sifted *list;
	size_t n;
	ret->n = 0;
	ff_buf_str(ret, "");
	assert_null(ff_sieve_begin(sieve, chunk));
	do {
		assert_null(ff_sieve_next(sieve, &list, &n));
		for (size_t i = 0; i < n; i++) {
			ff_buf_add(ret, chunk.p + list[i].start, list[i].end - list[i].start);
			ff_buf_printf(ret, "%s %d\n", list[i].digits ? "!" : "", (int)list[i].number);
		}
	} while (n);
}

static void lines_that_may_matter(void **state)
{
	(void)state;
	struct ff_sieve *sieve;
	_cleanup_buf_ struct ff_buf found = {0};
	assert_null(ff_sieve_create(matcher, &sieve));
	for (int i = 0; i < 3; i++) { // the second time they are known
		sift(sieve,
			FF_SPAN("heron 1\nheron 2\rsegfault at 12\r\n\nheron 3\r\nerror [WinError 112]\nheron "
				"(113)\negret "
				"[WinError 112]"),
			&found);
		assert_string_equal(found.p, "segfault at 12 1\nerror [WinError 112]! 4\negret [WinError 112]! 6\n");
	}
	sift(sieve, FF_SPAN(""), &found);
	assert_string_equal(found.p, "");
	ff_sieve_destroy(sieve);
}

// What the matcher finds in a line, it finds in every line that is not sifted out because of another of its kind.
static void misses_none(void **state)
{
	(void)state;
	struct ff_sieve *sieve;
	_cleanup_buf_ struct ff_buf found = {0}, log = {0};
	assert_null(ff_sieve_create(matcher, &sieve));
	for (int i = 0; i < 1000; i++)
		ff_buf_printf(
			&log, "worker %d exited with code %d\nheron took %d s\negret - 4%02d\n", i, i % 150, i, i % 30);
	sift(sieve, (struct ff_span){log.p, log.n}, &found);
	for (int i = 0; i < 1000; i++) {
		char line[64];
		snprintf(line, sizeof(line), "worker %d exited with code %d! %d\n", i, i % 150, i * 3);
		assert_non_null(strstr(found.p, line));
	}
	assert_null(strstr(found.p, "heron took 428"));
	assert_non_null(strstr(found.p, "egret - 429! 89\n"));
	assert_null(strstr(found.p, "egret - 428"));
	ff_sieve_destroy(sieve);
}

// Signs of work are found among lines that are handed out and among those that are not, and in order.
static void signs_of_work(void **state)
{
	(void)state;
	static const char text[] = "heron\nstep:12 - egret\nsegfault at 12\n"
				   "Avg generation throughput: 2.5 tokens/s\nibis\n";
	struct ff_sieve *sieve;
	struct ff_sieve_place at;
	_cleanup_buf_ struct ff_buf found = {0};
	bool works;
	assert_null(ff_sieve_create(matcher, &sieve));
	for (int i = 0; i < 2; i++) { // the second time they are known
		sift(sieve, FF_SPAN(text), &found);
		assert_non_null(strstr(found.p, "segfault at 12 2\n"));
		assert_true(ff_sieve_work(sieve, 0, &at));
		assert_int_equal(at.number, 1);
		assert_int_equal(at.at, strchr(text, '\n') + 1 - text);
		assert_true(ff_sieve_work(sieve, at.at + 1, &at));
		assert_int_equal(at.number, 3);
		assert_false(ff_sieve_work(sieve, at.at + 1, &at));
	}
	assert_null(ff_matcher_works(matcher, FF_SPAN("step:12 - egret"), &works));
	assert_true(works);
	assert_null(ff_matcher_works(matcher, FF_SPAN("step:egret - 12"), &works));
	assert_false(works);
	ff_sieve_destroy(sieve);
}

// A kind in which nothing mattered is not sifted out again, but for lines with the digits that somebody asks for.
static void certain_digits_of_a_forgotten_kind(void **state)
{
	(void)state;
	struct ff_sieve *sieve;
	const struct ff_sifted *list;
	size_t n;
	_cleanup_buf_ struct ff_buf found = {0};
	assert_null(ff_sieve_create(matcher, &sieve));
	sift(sieve, FF_SPAN("segfault at - 428\n"), &found);
	assert_string_equal(found.p, "segfault at - 428 0\n");
	assert_null(ff_sieve_begin(sieve, FF_SPAN("segfault at - 428\n")));
	assert_null(ff_sieve_next(sieve, &list, &n));
	assert_int_equal(n, 1);
	ff_sieve_forget(sieve, list[0].kind);
	sift(sieve, FF_SPAN("segfault at - 428\nsegfault at - 429\n"), &found);
	assert_string_equal(found.p, "segfault at - 429! 1\n");
	ff_sieve_destroy(sieve);
}

// Wherever the digits stand in lines of a kind, and however often they were others there.
static void certain_digits_anywhere(void **state)
{
	enum { LONG = 70000, TIMES = 300 };
	struct ff_sieve *sieve;
	_cleanup_buf_ struct ff_buf found = {0}, line = {0};
	char *expected;
	(void)state;
	assert_null(ff_sieve_create(matcher, &sieve));
	for (unsigned i = 0; i < TIMES; i++) {
		line.n = 0;
		for (unsigned k = 0; i % 100 == 99 && k < LONG; k++)
			ff_buf_char(&line, 'k');
		ff_buf_printf(&line, "- %u heron - %u egret %u ibis - %u", i % 50 == 7 ? 429 : 400 + i % 20,
			i % 50 == 8 ? 429 : 400 + i % 20, i, i % 100 == 99 ? 429 : 400 + i % 20);
		bool certain = i % 50 == 7 || i % 50 == 8 || i % 100 == 99;
		assert_true(asprintf(&expected, certain ? "%s! 0\n" : "", line.p) >= 0);
		sift(sieve, (struct ff_span){line.p, line.n}, &found);
		assert_string_equal(found.p, expected);
		free(expected);
	}
	ff_sieve_destroy(sieve);
}

// More lines than one batch, longer ones than its room, kinds that push each other out.
static void many_kinds(void **state)
{
	(void)state;
	struct ff_sieve *sieve;
	_cleanup_buf_ struct ff_buf found = {0}, log = {0};
	size_t lines = 0;
	assert_null(ff_sieve_create(matcher, &sieve));
	for (unsigned i = 0, x = 1; log.n < FF_CHUNK_MAX - 20000; i++) {
		for (unsigned k = 0; k < (i % 100 ? 2 : 5000); k++)
			ff_buf_char(&log, (char)('a' + (x = x * 1103515245 + 12345) % 23));
		ff_buf_str(&log, i % 7 ? "\n" : " Fatal Python error: egret\n");
		lines += i % 7 == 0;
	}
	for (int i = 0; i < 2; i++) {
		size_t n = 0;
		sift(sieve, (struct ff_span){log.p, log.n}, &found);
		for (const char *p = found.p; (p = strstr(p, "Fatal Python")); p++)
			n++;
		assert_int_equal(n, lines);
	}
	ff_sieve_destroy(sieve);
}

static void count_signature(int what, size_t end, void *context)
{
	unsigned *reported = context;
	(void)end;
	if (what >= 0)
		reported[what]++;
}

// Vectorscan reports more than there is, but no pattern may shrink to something that stands in every other line: each
// such line would be read.
static void healthy_lines_are_few_candidates(void **state)
{
	(void)state;
	size_t n = ff_rules_signature_count(rules);
	_cleanup_free_ unsigned *reported = calloc(n, sizeof(*reported));
	_cleanup_buf_ struct ff_buf log = {0};
	FILE *file = fopen(getenv("FF_HEALTHY"), "re");
	assert_non_null(file);
	for (int c; (c = fgetc(file)) != EOF;)
		ff_buf_char(&log, (char)c);
	fclose(file);
	struct ff_span rest = {log.p, log.n}, line;
	unsigned lines = 0;
	while (rest.n && ff_span_next(&rest, '\n', &line)) {
		lines++;
		assert_null(ff_matcher_scan(matcher, line, count_signature, reported));
	}
	for (size_t i = 0; i < n; i++) {
		const struct ff_signature *s = ff_rules_signature_at(rules, i);
		if (!s->context && reported[i] * 20 > lines)
			fail_msg("reported in %u of %u lines: %s", reported[i], lines, s->pattern);
	}
}

// To allocate one, Vectorscan reads a database through; from the book's own it need not even grow.
static void the_books_scratch_fits_each_database(void **state)
{
	(void)state;
#ifdef __x86_64__
	if (!__builtin_cpu_supports("avx2"))
		skip(); // the build could not try the wide forms
#endif
	hs_scratch_t *scratch = NULL;
	size_t before, after;
	assert_true(ff_book.scratch.n > 0);
	assert_int_equal(hs_clone_scratch((const void *)ff_book.scratch.p, &scratch), HS_SUCCESS);
	assert_int_equal(hs_scratch_size(scratch, &before), HS_SUCCESS);
	const hs_scratch_t *cloned = scratch;
	for (size_t i = 0; i < FF_BOOK_DATABASES * FF_BOOK_FORMS; i++) {
		struct ff_span image = ff_book.databases[i / FF_BOOK_FORMS][i % FF_BOOK_FORMS];
		if (image.n)
			assert_int_equal(hs_alloc_scratch((const void *)image.p, &scratch), HS_SUCCESS);
	}
	assert_ptr_equal(scratch, cloned);
	assert_int_equal(hs_scratch_size(scratch, &after), HS_SUCCESS);
	assert_int_equal(after, before);
	hs_free_scratch(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_may_matter),
		cmocka_unit_test(misses_none),
		cmocka_unit_test(many_kinds),
		cmocka_unit_test(signs_of_work),
		cmocka_unit_test(certain_digits_of_a_forgotten_kind),
		cmocka_unit_test(certain_digits_anywhere),
		cmocka_unit_test(healthy_lines_are_few_candidates),
		cmocka_unit_test(the_books_scratch_fits_each_database),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
