// ring: what is written to a lane is read back, in order, whole; overflow, dead writers, torn files, other versions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "ring/crc.h"
#include "ring/json.h"
#include "ring/lane.h"
#include "ring/read.h"
#include "ring/write.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SMALL = 4 * FF_RING_BLOCK_MIN };

struct bench_lane {
	int fd;
	struct ff_lane lane;
};

static struct bench_lane make_lane(size_t size)
{
	struct bench_lane b = {.fd = memfd_create("lane", MFD_CLOEXEC)};
	const struct ff_lane_spec spec = {.size = size};
	assert_int_equal(ff_lane_make(b.fd, &spec, &b.lane), 0);
	return b;
}

static void drop_lane(struct bench_lane *b)
{
	munmap(b->lane.base, b->lane.size);
	close(b->fd);
}

static struct ff_lane_reader *read_lane(const struct bench_lane *b)
{
	struct ff_lane_reader *r;
	struct ff_ring_source source = {.fd = dup(b->fd)};
	assert_null(ff_lane_reader_create(source, "lane", false, &r));
	return r;
}

static void write_number(struct ff_lane *lane, int64_t i)
{
	const struct ff_field f[] = {FF_INT(COUNT, i), FF_STR(BODY, "payload")};
	ff_lane_write(lane, FF_EV_LOG, f, 2);
}

// Reads to the end; the numbers must rise by one. Returns how many, the first in *first.
static size_t read_numbers(struct ff_lane_reader *r, int64_t *first)
{
	const struct ff_event *e;
	size_t n = 0;
	int64_t last = 0;
	while (ff_lane_reader_next(r, &e) == FF_LANE_EVENT) {
		if (e->kind == FF_EV_LOST)
			continue;
		assert_int_equal(e->fields[0].key, FF_KEY_COUNT);
		if (n == 0)
			*first = e->fields[0].i;
		else
			assert_int_equal(e->fields[0].i, last + 1);
		last = e->fields[0].i;
		n++;
	}
	return n;
}

static void crc_both_ways_agree(void **state)
{
	(void)state;
	uint64_t words[9];
	for (size_t i = 0; i < 9; i++)
		words[i] = 0x9e3779b97f4a7c15u * (i + 1);
	for (size_t n = 0; n <= 9; n++)
		assert_int_equal(ff_crc_words(false, 7, words, n), ff_crc_words(ff_crc_hardware(), 7, words, n));
	// The published check value of CRC-32C over "123456789" has 9 bytes; the one of 32 zero bytes is 8a9136aa.
	const uint64_t zeros[4] = {0};
	assert_int_equal(~ff_crc_words(false, ~0u, zeros, 4), 0x8a9136aa);
}

static void every_type_comes_back(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(0);
	const struct ff_field f[] = {FF_STR(BODY, "a line"), FF_INT(COUNT, INT64_MIN), FF_REAL(DURATION_MS, 1.5),
		FF_BOOL(FORKED, true), FF_STRN(EXCEPTION_MESSAGE, "nul\0in", 6), FF_STR(OUTCOME, ""),
		FF_STR(MODEL, NULL)};
	struct timespec before, after;
	clock_gettime(CLOCK_REALTIME, &before);
	ff_lane_write(&b.lane, FF_EV_LOG, f, 7);
	clock_gettime(CLOCK_REALTIME, &after);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	const struct ff_event *e;
	assert_int_equal(ff_lane_reader_next(r, &e), FF_LANE_EVENT);
	assert_int_equal(e->kind, FF_EV_LOG);
	assert_string_equal(e->name, "log");
	assert_int_equal(e->n, 7);
	assert_int_equal(e->pid, getpid());
	assert_memory_equal(e->fields[0].s, "a line", 6);
	assert_true(e->fields[1].i == INT64_MIN);
	assert_true(e->fields[2].d == 1.5);
	assert_true(e->fields[3].b);
	assert_int_equal(e->fields[4].n, 6);
	assert_int_equal(e->fields[5].n, 0);
	assert_string_equal(e->keys[4], "exception.message");
	// The clock of the record is right to a millisecond.
	assert_true(e->time_ns + 1000000 > (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec);
	assert_true(e->time_ns < (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec + 1000000);
	_cleanup_json_ json_t *doc = ff_event_to_json(e);
	assert_string_equal(json_string_value(json_object_get(doc, "schema")), "firstfix.event/1");
	assert_string_equal(json_string_value(json_object_get(doc, "body")), "a line");
	assert_true(json_is_true(json_object_get(doc, "firstfix.forked")));
	assert_int_equal(ff_lane_reader_next(r, &e), FF_LANE_NOTHING);
	drop_lane(&b);
}

static void too_much_is_cut_not_lost(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(0);
	_cleanup_free_ char *big = malloc(100000);
	memset(big, 'x', 100000);
	const struct ff_field f[] = {FF_STRN(BODY, big, 100000), FF_INT(COUNT, 5), FF_STR(OUTCOME, "ok")};
	ff_lane_write(&b.lane, FF_EV_LOG, f, 3);
	struct ff_field many[70];
	for (int i = 0; i < 70; i++)
		many[i] = FF_INT(COUNT, i);
	ff_lane_write(&b.lane, FF_EV_LOG, many, 70);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	const struct ff_event *e;
	assert_int_equal(ff_lane_reader_next(r, &e), FF_LANE_EVENT);
	assert_int_equal(e->n, 3);
	assert_true(e->fields[0].truncated);
	assert_true(e->fields[0].n > 32000);
	assert_int_equal(e->fields[1].i, 5);
	assert_int_equal(e->fields[2].n, 0);
	assert_true(e->fields[2].truncated);
	assert_int_equal(ff_lane_reader_next(r, &e), FF_LANE_EVENT);
	assert_int_equal(e->n, 64);
	drop_lane(&b);
}

static void overflow_keeps_the_newest_and_counts(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	const int64_t written = 50000;
	for (int64_t i = 1; i <= written; i++)
		write_number(&b.lane, i);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	int64_t first;
	size_t n = read_numbers(r, &first);
	assert_int_equal(first + (int64_t)n - 1, written);
	assert_true(n > 3 * FF_RING_BLOCK_MIN / 64 / 2);
	struct ff_lane_counts counts = ff_lane_reader_counts(r);
	assert_int_equal(counts.lost, first - 1);
	assert_int_equal(counts.torn, 0);
	assert_int_equal(counts.dropped, 0);
	drop_lane(&b);
}

static void a_follower_that_is_overtaken_is_told_how_many(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	int64_t next = 1, got = 0, lost = 0, last = 0;
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < (round % 3 == 2 ? 20000 : 500); i++)
			write_number(&b.lane, next++);
		const struct ff_event *e;
		while (ff_lane_reader_next(r, &e) == FF_LANE_EVENT) {
			if (e->kind == FF_EV_LOST) {
				lost += e->fields[0].i;
				continue;
			}
			assert_true(e->fields[0].i > last);
			last = e->fields[0].i;
			got++;
		}
		assert_int_equal(last, next - 1);
		assert_int_equal(got + lost, next - 1);
	}
	assert_true(lost > 0);
	drop_lane(&b);
}

// A writer that dies between reserving and publishing: its bytes stay what they were.
static void a_dead_writer_hides_nothing(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	write_number(&b.lane, 1);
	atomic_fetch_add(&b.lane.blocks[0].alloc, 128);
	write_number(&b.lane, 2);
	atomic_fetch_add(&b.lane.blocks[0].alloc, 24);
	write_number(&b.lane, 3);
	{
		_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
		int64_t first;
		assert_int_equal(read_numbers(r, &first), 3);
		assert_int_equal(first, 1);
		assert_int_equal(ff_lane_reader_counts(r).torn, 2);
	}
	// The block it died in is passed over from now on; the others go round.
	for (int64_t i = 4; i < 40000; i++)
		write_number(&b.lane, i);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	const struct ff_event *e;
	int64_t last = 0, n = 0;
	for (; ff_lane_reader_next(r, &e) == FF_LANE_EVENT; n++) {
		assert_true(e->fields[0].i > last);
		last = e->fields[0].i;
	}
	assert_int_equal(last, 39999);
	assert_true(n > 2000);
	drop_lane(&b);
}

// Text that looks like records, where a record is missing: nothing is invented.
static void recorded_text_cannot_pose_as_a_record(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	write_number(&b.lane, 1);
	// A real record's bytes, recorded as the text of another event, whose own word 0 is then lost.
	char copy[64];
	memcpy(copy, b.lane.data, sizeof(copy));
	const struct ff_field f[] = {FF_STRN(BODY, copy, sizeof(copy))};
	uint64_t *second = (uint64_t *)(b.lane.data + ff_ring_alloc_at(b.lane.blocks[0].alloc));
	ff_lane_write(&b.lane, FF_EV_LOG, f, 1);
	*second = 0;
	write_number(&b.lane, 2);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	int64_t first;
	assert_int_equal(read_numbers(r, &first), 2);
	drop_lane(&b);
}

static void *write_many(void *p)
{
	for (int i = 0; i < 20000; i++)
		write_number(p, i);
	return NULL;
}

static void threads_lose_nothing(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(16 << 20);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_many, &b.lane);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	const struct ff_event *e;
	struct {
		uint32_t tid;
		int64_t next;
	} seen[4] = {0};
	size_t n = 0;
	for (; ff_lane_reader_next(r, &e) == FF_LANE_EVENT; n++) {
		size_t t = 0;
		while (t < 4 && seen[t].tid && seen[t].tid != e->tid)
			t++;
		assert_true(t < 4);
		seen[t].tid = e->tid;
		assert_int_equal(e->fields[0].i, seen[t].next++);
	}
	assert_int_equal(n, 80000);
	assert_int_equal(ff_lane_reader_counts(r).dropped, 0);
	drop_lane(&b);
}

static void threads_that_overwrite_add_up(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_many, &b.lane);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	_cleanup_lane_reader_ struct ff_lane_reader *r = read_lane(&b);
	const struct ff_event *e;
	uint64_t n = 0;
	while (ff_lane_reader_next(r, &e) == FF_LANE_EVENT)
		n++;
	struct ff_lane_counts counts = ff_lane_reader_counts(r);
	assert_int_equal(n + counts.lost + counts.dropped, 80000);
	assert_int_equal(counts.torn, 0);
	assert_true(n > 500);
	drop_lane(&b);
}

// Every event that is read from a damaged lane was written, numbers only rise, and it ends.
static size_t read_damaged(const uint8_t *bytes, size_t n)
{
	struct ff_lane_reader *r;
	struct ff_ring_source source = {.fd = -1, .bytes = bytes, .n = n};
	struct ff_error *err = ff_lane_reader_create(source, "lane", false, &r);
	if (err) {
		ff_error_destroy(err);
		return 0;
	}
	const struct ff_event *e;
	int64_t last = 0;
	size_t events = 0;
	for (; ff_lane_reader_next(r, &e) == FF_LANE_EVENT; events++) {
		if (e->kind == FF_EV_LOST)
			continue;
		assert_int_equal(e->n, 2);
		assert_true(e->fields[0].i > last && e->fields[0].i <= 3000);
		assert_int_equal(e->fields[1].n, 7);
		assert_memory_equal(e->fields[1].s, "payload", 7);
		last = e->fields[0].i;
	}
	ff_lane_reader_destroy(r);
	return events;
}

static void torn_lanes_give_what_is_whole(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	for (int64_t i = 1; i <= 3000; i++)
		write_number(&b.lane, i);
	_cleanup_free_ uint8_t *bytes = malloc(b.lane.size);
	size_t size = b.lane.size, data_at = (size_t)(b.lane.data - b.lane.base);
	for (size_t cut = 0; cut < size; cut += 1009) { // cut short anywhere
		memcpy(bytes, b.lane.base, size);
		size_t n = read_damaged(bytes, cut);
		assert_true(cut < data_at + 4096 || n > 0);
	}
	srand(4);
	for (int round = 0; round < 300; round++) { // flipped bytes, pages of zeros
		memcpy(bytes, b.lane.base, size);
		size_t at = data_at + (size_t)rand() % (3000 * 64);
		if (round % 2)
			memset(bytes + at / 4096 * 4096, 0, 4096);
		else
			bytes[at] ^= (uint8_t)(1 + rand() % 255);
		size_t n = read_damaged(bytes, size);
		assert_true(n >= (round % 2 ? 3000 - 4096 / 56 - 2 : 2999));
	}
	for (int round = 0; round < 300; round++) { // header and tables
		memcpy(bytes, b.lane.base, size);
		bytes[(size_t)rand() % data_at] ^= (uint8_t)(1 + rand() % 255);
		read_damaged(bytes, size);
	}
	drop_lane(&b);
}

static void expect_refusal(uint8_t *bytes, size_t n, const char *why)
{
	struct ff_lane_reader *r;
	struct ff_ring_source source = {.fd = -1, .bytes = bytes, .n = n};
	struct ff_error *err = ff_lane_reader_create(source, "lane", false, &r);
	assert_non_null(err);
	if (!strstr(err->message, why))
		fail_msg("'%s' does not say '%s'", err->message, why);
	ff_error_destroy(err);
}

static void other_versions_and_other_files_are_refused_with_a_reason(void **state)
{
	(void)state;
	struct bench_lane b = make_lane(SMALL);
	_cleanup_free_ uint8_t *bytes = malloc(b.lane.size);
	memcpy(bytes, b.lane.base, b.lane.size);
	struct ff_ring_header *h = (struct ff_ring_header *)bytes;
	h->major = 2;
	expect_refusal(bytes, b.lane.size, "lane format 2, this program reads 1");
	h->major = 1;
	h->pid++;
	expect_refusal(bytes, b.lane.size, "the header is damaged");
	h->byte_order = __builtin_bswap32(h->byte_order);
	expect_refusal(bytes, b.lane.size, "other byte order");
	h->magic = 0;
	expect_refusal(bytes, b.lane.size, "not finished");
	h->magic = 1;
	expect_refusal(bytes, b.lane.size, "not a lane");
	expect_refusal(bytes, 10, "too short");
	drop_lane(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_both_ways_agree),
		cmocka_unit_test(every_type_comes_back),
		cmocka_unit_test(too_much_is_cut_not_lost),
		cmocka_unit_test(overflow_keeps_the_newest_and_counts),
		cmocka_unit_test(a_follower_that_is_overtaken_is_told_how_many),
		cmocka_unit_test(a_dead_writer_hides_nothing),
		cmocka_unit_test(recorded_text_cannot_pose_as_a_record),
		cmocka_unit_test(threads_lose_nothing),
		cmocka_unit_test(threads_that_overwrite_add_up),
		cmocka_unit_test(torn_lanes_give_what_is_whole),
		cmocka_unit_test(other_versions_and_other_files_are_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
