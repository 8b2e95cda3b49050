// Hostile lanes. A lane is large and full of CRCs, so the input is a list of changes to one that was written for real:
//
//	byte 0    bit 0: the rest is the file itself; bit 1: make the header's CRC right again; bit 2: the records' of block 0 too
//	then      offset:24 | n:8 | n bytes      over and over
#include <stddef.h>
#include <stdint.h>

#include "ring/crc.h"
#include "ring/json.h"
#include "ring/lane.h"
#include "ring/read.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { RAW = 1, SEAL_HEADER = 2, SEAL_RECORDS = 4, EVENTS_MAX = 20000 };

static uint8_t *pattern;
static size_t pattern_size;
static struct ff_lane lane;

static void make_pattern(void)
{
	int fd = memfd_create("lane", MFD_CLOEXEC);
	const struct ff_lane_spec spec = {.size = 4 * FF_RING_BLOCK_MIN};
	if (ff_lane_make(fd, &spec, &lane))
		abort();
	for (int i = 0; i < 40; i++) {
		const struct ff_field fields[] = {FF_INT(COUNT, i), FF_STR(BODY, "a line of a log"),
			FF_REAL(DURATION_MS, i / 3.0), FF_BOOL(FORKED, i & 1), FF_STR(EXCEPTION_MESSAGE, "")};
		ff_lane_write(&lane, 1 + (uint32_t)i % (FF_EV_END_ - 1), fields, (size_t)i % 6);
	}
	pattern = lane.base;
	pattern_size = lane.size;
}

static void seal_header(uint8_t *bytes)
{
	struct ff_ring_header h;
	uint64_t words[sizeof(h) / 8];
	memcpy(&h, bytes, sizeof(h));
	h.crc = 0;
	memcpy(words, &h, sizeof(words));
	h.crc = ff_crc_words(ff_crc_hardware(), 0, words, sizeof(words) / 8);
	memcpy(bytes, &h, sizeof(h));
}

static void seal_records(uint8_t *bytes)
{
	uint64_t *words = (uint64_t *)(void *)(bytes + (lane.data - lane.base));
	size_t n = lane.block_size / 8;
	for (size_t at = 0, length; at < n && (length = words[at] >> 32 & 0xffff) >= 3 && length <= n - at;
		at += length) {
		const uint64_t head[] = {at * 8, words[at] & ~UINT64_C(0xffffffff)};
		uint32_t crc = ff_crc_words(ff_crc_hardware(), lane.seed, head, 2);
		words[at] = head[1] | ff_crc_words(ff_crc_hardware(), crc, words + at + 1, length - 1);
	}
}

static void read_everything(const uint8_t *bytes, size_t n)
{
	struct ff_lane_reader *r;
	struct ff_ring_source source = {.fd = -1, .bytes = bytes, .n = n};
	struct ff_error *err = ff_lane_reader_create(source, "lane", false, &r);
	if (err) {
		ff_error_destroy(err);
		return;
	}
	const struct ff_event *event;
	for (int i = 0; i < EVENTS_MAX && ff_lane_reader_next(r, &event) == FF_LANE_EVENT; i++)
		json_decref(ff_event_to_json(event));
	ff_lane_reader_counts(r);
	ff_lane_reader_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!pattern)
		make_pattern();
	if (!size)
		return 0;
	if (data[0] & RAW) {
		read_everything(data + 1, size - 1);
		return 0;
	}
	uint8_t *bytes = malloc(pattern_size);
	if (!bytes)
		return 0;
	memcpy(bytes, pattern, pattern_size);
	for (size_t at = 1; size - at > 4;) {
		size_t to = (size_t)(data[at] << 16 | data[at + 1] << 8 | data[at + 2]) % pattern_size,
		       n = data[at + 3];
		at += 4;
		n = n < size - at ? n : size - at;
		n = n < pattern_size - to ? n : pattern_size - to;
		memcpy(bytes + to, data + at, n);
		at += n;
	}
	if (data[0] & SEAL_RECORDS)
		seal_records(bytes);
	if (data[0] & SEAL_HEADER)
		seal_header(bytes);
	read_everything(bytes, pattern_size);
	free(bytes);
	return 0;
}
