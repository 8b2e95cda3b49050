// base: spans, the buffer, the cursor, dotted paths, errors.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/json.h"
#include "base/regex.h"
#include "base/since.h"
#include "base/str.h"
#include "base/words.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

static void span_numbers_reject_everything_else(void **state)
{
	(void)state;
	uint64_t v = 7;
	assert_true(ff_span_u64(FF_SPAN("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	assert_false(ff_span_u64(FF_SPAN("18446744073709551616"), &v));
	assert_false(ff_span_u64(FF_SPAN("-1"), &v));
	assert_false(ff_span_u64(FF_SPAN(""), &v));
	assert_false(ff_span_u64(FF_SPAN("1 "), &v));
	assert_true(v == UINT64_MAX); // untouched on failure
}

static void span_pieces_include_empty_ones(void **state)
{
	(void)state;
	struct ff_span rest = ff_span_of("a::b"), piece;
	size_t lengths[3], n = 0;
	while (ff_span_next(&rest, ':', &piece))
		lengths[n++] = piece.n;
	assert_int_equal(n, 3);
	assert_int_equal(lengths[1], 0);
}

static void buffer_grows_and_finishes_empty(void **state)
{
	(void)state;
	struct ff_buf b = {0};
	char *text;
	assert_null(ff_buf_finish(&b, &text));
	assert_string_equal(text, "");
	free(text);
	for (int i = 0; i < 1000; i++)
		ff_buf_printf(&b, "%d,", i);
	assert_null(ff_buf_finish(&b, &text));
	assert_int_equal(strlen(text), 10 * 2 + 90 * 3 + 900 * 4);
	free(text);
}

static void cursor_never_reads_past_the_end(void **state)
{
	(void)state;
	const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct ff_cursor c = ff_cursor_of("x.so", bytes, sizeof(bytes));
	assert_int_equal(ff_cursor_u32(&c), 0x04030201);
	assert_null(ff_cursor_check(&c, "header"));
	assert_int_equal(ff_cursor_u16(&c), 0);
	assert_int_equal(ff_cursor_u8(&c), 0); // sticky: nothing is read after a failure
	struct ff_error *err = ff_cursor_check(&c, "header");
	assert_non_null(err);
	assert_string_equal(err->message, "x.so: at 0x4: header is cut short");
	ff_error_destroy(err);
	c = ff_cursor_of("x.so", bytes, sizeof(bytes));
	ff_cursor_skip(&c, UINT64_MAX);
	assert_true(c.short_read);
}

static void json_paths(void **state)
{
	(void)state;
	_cleanup_json_ json_t *doc = json_object();
	assert_null(ff_json_put(doc, "system.os.id", json_string("debian")));
	assert_string_equal(ff_json_text(doc, "system.os.id"), "debian");
	assert_null(ff_json_text(doc, "system.os.id.deeper"));
	assert_null(ff_json_at(doc, "system..id"));
	assert_null(ff_json_put(doc, "gpus", json_pack("[{s:i}]", "index", 4)));
	int64_t index;
	assert_true(ff_json_int(doc, "gpus.0.index", &index));
	assert_int_equal(index, 4);
	assert_ptr_equal(ff_json_put(doc, "x", NULL), &ff_enomem);
}

static void json_strings_survive_any_bytes(void **state)
{
	(void)state;
	_cleanup_json_ json_t *s = ff_json_string("a\xff\xed\xa0\x80z", 6);
	assert_non_null(s);
	assert_string_equal(json_string_value(s), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

static void json_errors_name_the_place(void **state)
{
	(void)state;
	json_t *doc = NULL;
	struct ff_error *err = ff_json_parse("facts.json", "{\"a\": 1, \"a\": 2}", 16, &doc);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "facts.json: line 1, column "));
	assert_null(doc);
	ff_error_destroy(err);
}

static void errors_carry_kind_and_place(void **state)
{
	(void)state;
	struct ff_error *err = ff_error_os(EACCES, "/dev/kmsg");
	assert_string_equal(err->message, "/dev/kmsg: Permission denied");
	assert_string_equal(ff_code_name(err->code), "denied");
	ff_error_destroy(err);
	ff_error_destroy(&ff_enomem);
	ff_error_destroy(NULL);
}

static void times_are_rfc3339(void **state)
{
	(void)state;
	char text[FF_TIME_LEN];
	ff_clock_format(1795403643123456789ULL, text);
	assert_string_equal(text, "2026-11-23T03:14:03.123Z");
}

static void a_new_file_replaces_only_files(void **state)
{
	(void)state;
	char dir[] = "/tmp/ff-new-XXXXXX", path[64], link[64], fifo[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(link, sizeof(link), "%s/l", dir);
	snprintf(fifo, sizeof(fifo), "%s/p", dir);
	assert_int_equal(symlink("f", link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	struct stat st;
	struct ff_new_file file = {.fd = -1};
	assert_null(ff_new_file_open(link, &file));
	assert_null(ff_write_all(file.fd, "x", "text", 4));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0); // not before the commit
	assert_null(ff_new_file_commit(&file, 0644));
	ff_new_file_deinit(&file);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	int reader = open(fifo, O_RDONLY | O_NONBLOCK);
	assert_null(ff_new_file_open(fifo, &file));
	assert_null(ff_new_file_commit(&file, 0644));
	ff_new_file_deinit(&file);
	close(reader);
	assert_int_equal(lstat(fifo, &st), 0);
	assert_true(S_ISFIFO(st.st_mode)); // /dev/null stays a device, too
	unlink(path);
	unlink(link);
	unlink(fifo);
	assert_int_equal(rmdir(dir), 0); // and no temporary is left
}

static void moments_are_taken_as_people_write_them(void **state)
{
	(void)state;
	uint64_t at, now = (uint64_t)time(NULL) * 1000000000u;
	assert_true(ff_since_parse("@12.5", &at));
	assert_int_equal(at, 12500000000u);
	assert_true(ff_since_parse("1970-01-02T00:00:01.5Z", &at));
	assert_int_equal(at, 86401500000000u);
	assert_true(ff_since_parse("2h", &at));
	assert_in_range(now - at, 7190000000000u, 7210000000000u);
	assert_true(ff_since_parse("99999999d", &at)); // before the epoch: all there is
	assert_int_equal(at, 0);
	static const char *const wrong[] = {
		"", "2", "-1h", "h", "2h3", "@", "@-1", "yesterday", "2026-11-23", "2026-11-23T03:14:03+01:00"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(ff_since_parse(wrong[i], &at));
}

// ---- words and hashes, which read many bytes at once ----

struct found {
	unsigned char word[4096];
	size_t at[4096], n;
};

static bool note(size_t word, size_t at, void *context)
{
	struct found *found = context;
	found->word[found->n] = (unsigned char)word;
	found->at[found->n++] = at;
	return true;
}

static void find_one_by_one(const char *const *list, size_t n, bool caseless, struct ff_span text, struct found *ret)
{
	for (size_t at = 0; at + 1 < text.n; at++)
		for (size_t word = 0; word < n; word++) {
			size_t length = strlen(list[word]);
			if (length <= text.n - at &&
				(caseless ? strncasecmp(text.p + at, list[word], length)
					  : memcmp(text.p + at, list[word], length)) == 0)
				note(word, at, ret);
		}
}

static void words_are_found_wherever_they_stand(void **state)
{
	(void)state;
	static const char *const list[] = {"ab", "abc", "bab", "c-", "b\xe2\x9d", "caba", "aaaaaaaaaaaaaaaaaaaab"};
	static const char alphabet[] = "aAbBc-\xe2\x9d";
	enum { WORDS = sizeof(list) / sizeof(*list) };
	uint32_t seed = 7;
	for (size_t round = 0; round < 2000; round++) {
		char bytes[130];
		size_t n = round % sizeof(bytes);
		bool caseless = round & 1;
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = alphabet[(seed >> 24) % (sizeof(alphabet) - 1)];
		}
		struct ff_words words;
		ff_words_init(&words, list, WORDS, caseless);
		struct found ours = {.n = 0}, theirs = {.n = 0};
		_cleanup_free_ char *exact = malloc(n ? n : 1); // so that a sanitizer sees a byte too many
		memcpy(exact, bytes, n);
		ff_words_find(&words, (struct ff_span){exact, n}, note, &ours);
		find_one_by_one(list, WORDS, caseless, (struct ff_span){exact, n}, &theirs);
		assert_int_equal(ours.n, theirs.n);
		assert_memory_equal(ours.at, theirs.at, ours.n * sizeof(*ours.at));
		assert_memory_equal(ours.word, theirs.word, ours.n);
	}
}

static void texts_that_differ_in_digits_alone_have_one_hash(void **state)
{
	(void)state;
	char text[70], other[70], zeros[70];
	for (size_t n = 1; n < sizeof(text); n++) {
		for (size_t i = 0; i < n; i++) {
			bool digit = i % 3 == 1;
			text[i] = digit ? (char)('0' + i % 10) : "/:a9"[i % 2];
			other[i] = digit ? (char)('9' - i % 7) : text[i];
			zeros[i] = digit ? '0' : text[i];
		}
		uint64_t hash = ff_hash((struct ff_span){text, n}, true);
		assert_true(hash == ff_hash((struct ff_span){other, n}, true));
		assert_true(hash == ff_hash((struct ff_span){zeros, n}, false));
		text[n - 1] = '/' - 1;
		assert_true(hash != ff_hash((struct ff_span){text, n}, true));
	}
}

// The same as one that is compiled at once; one that cannot be compiled matches nothing, and says that it gave up.
static void a_late_pattern_is_compiled_when_asked(void **state)
{
	(void)state;
	struct ff_regex *late, *broken, *none;
	struct ff_match m;
	assert_null(ff_regex_create_late("rank (?<rank>\\d+)", true, true, &late));
	assert_int_equal(ff_regex_group(late, "rank"), 0);
	assert_true(ff_regex_match(late, FF_SPAN("Rank 17 of 20"), 0, &m) && !ff_regex_limited(late));
	assert_int_equal(ff_regex_group(late, "rank"), 1);
	assert_true(ff_span_eq(m.group[1], "17"));
	assert_false(ff_regex_match(late, FF_SPAN("a rank 17"), 0, &m) || ff_regex_limited(late));
	ff_regex_destroy(late);
	assert_null(ff_regex_create_late("rank (", true, true, &broken));
	for (int i = 0; i < 2; i++)
		assert_true(!ff_regex_match(broken, FF_SPAN("rank ("), 0, &m) && ff_regex_limited(broken));
	ff_regex_destroy(broken);
	struct ff_error *err = ff_regex_create("rank (", true, true, &none);
	assert_non_null(err);
	ff_error_destroy(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_pattern_is_compiled_when_asked),
		cmocka_unit_test(span_numbers_reject_everything_else),
		cmocka_unit_test(span_pieces_include_empty_ones),
		cmocka_unit_test(buffer_grows_and_finishes_empty),
		cmocka_unit_test(cursor_never_reads_past_the_end),
		cmocka_unit_test(json_paths),
		cmocka_unit_test(words_are_found_wherever_they_stand),
		cmocka_unit_test(texts_that_differ_in_digits_alone_have_one_hash),
		cmocka_unit_test(json_strings_survive_any_bytes),
		cmocka_unit_test(json_errors_name_the_place),
		cmocka_unit_test(errors_carry_kind_and_place),
		cmocka_unit_test(times_are_rfc3339),
		cmocka_unit_test(a_new_file_replaces_only_files),
		cmocka_unit_test(moments_are_taken_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
