// The file of samples.
//
//	"FFMEMORY" | layout | columns | where the next block goes, per ring | ... | fine blocks | coarse blocks
//	block:  number:64 | used:32 | samples:32 | gpus:8 whole sample | differences ...
//
// A number is zigzag and seven bits a byte, as in protocol buffers: a difference of 0 is one byte. A sample that does
// not change is so many bytes as it has columns; runs of zeros are one byte 0 and their length.
#include "agent/history.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096, BLOCK = 4096, FINE = 96, COARSE = 64, LAYOUT = 1, NUMBER_MAX = 10, RINGS = 2 };

const char *const ff_column_names[FF_COLUMNS] = {
	"time_ms", "rss", "pss", "cgroup", "cgroup_limit", "shm", "requests", "in_flight", "state"};
const char *const ff_gpu_column_names[FF_GPU_COLUMNS] = {
	"total", "used", "worker", "allocated", "reserved", "utilization", "temperature"};

struct block {
	_Atomic uint64_t number; // from 1; 0: never used
	_Atomic uint32_t used;	 // bytes that count
	uint32_t reserved;
	uint8_t bytes[BLOCK - 16];
};

struct header {
	char magic[8];
	uint32_t layout, columns;
	_Atomic uint64_t last[RINGS]; // number of the block that is being filled
};

struct ff_history {
	struct header *header;
	struct block *rings[RINGS];
	bool writable;
	struct ff_sample_row before[RINGS]; // the last sample in the block that is being filled
	int64_t coarse_at;
};

static const char magic[8] = {'F', 'F', 'M', 'E', 'M', 'O', 'R', 'Y'};
static const uint64_t sizes[RINGS] = {FINE, COARSE};

static size_t file_size(void)
{
	return PAGE + (FINE + COARSE) * sizeof(struct block);
}

static size_t put(uint8_t *to, int64_t value)
{
	uint64_t z = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
	size_t n = 0;
	for (; z >= 0x80; z >>= 7)
		to[n++] = (uint8_t)(z | 0x80);
	to[n++] = (uint8_t)z;
	return n;
}

static bool get(const uint8_t **at, const uint8_t *end, int64_t *ret)
{
	uint64_t z = 0;
	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;
		z |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*ret = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
		return true;
	}
	return false;
}

static size_t columns_of(const struct ff_sample_row *row)
{
	return FF_COLUMNS + row->gpus * FF_GPU_COLUMNS;
}

// The difference of two samples; runs of zeros are 0 and their length.
static size_t encode(const struct ff_sample_row *row, const struct ff_sample_row *before, uint8_t *to)
{
	size_t n = 0, columns = columns_of(row);
	for (size_t i = 0; i < columns;) {
		size_t zeros = 0;
		while (i + zeros < columns && row->v[i + zeros] == before->v[i + zeros])
			zeros++;
		if (zeros) {
			to[n++] = 0;
			to[n++] = (uint8_t)zeros;
			i += zeros;
			continue;
		}
		n += put(to + n, (int64_t)((uint64_t)row->v[i] - (uint64_t)before->v[i]));
		i++;
	}
	return n;
}

static bool decode(const uint8_t **at, const uint8_t *end, struct ff_sample_row *row)
{
	size_t columns = columns_of(row);
	for (size_t i = 0; i < columns;) {
		int64_t difference;
		if (!get(at, end, &difference))
			return false;
		if (difference == 0) {
			size_t zeros = *at < end ? *(*at)++ : 0;
			if (!zeros || zeros > columns - i)
				return false;
			i += zeros;
			continue;
		}
		row->v[i] = (int64_t)((uint64_t)row->v[i] + (uint64_t)difference);
		i++;
	}
	return true;
}

static struct block *block_of(const struct ff_history *h, int ring, uint64_t number)
{
	return &h->rings[ring][number % sizes[ring]];
}

static void next_block(struct ff_history *h, int ring, const struct ff_sample_row *row)
{
	uint64_t number = h->header->last[ring] + 1;
	struct block *b = block_of(h, ring, number);
	atomic_store(&b->number, 0);
	atomic_store(&b->used, 0);
	b->bytes[0] = (uint8_t)row->gpus;
	atomic_store_explicit(&b->number, number, memory_order_release);
	atomic_store_explicit(&h->header->last[ring], number, memory_order_release);
	h->before[ring] = (struct ff_sample_row){.gpus = row->gpus};
	atomic_store_explicit(&b->used, 1, memory_order_release);
}

static void add_to(struct ff_history *h, int ring, const struct ff_sample_row *row)
{
	uint8_t bytes[2 * FF_SAMPLE * NUMBER_MAX];
	uint64_t last = h->header->last[ring];
	struct block *b = block_of(h, ring, last);
	size_t n = encode(row, &h->before[ring], bytes);
	if (!last || h->before[ring].gpus != row->gpus || !h->before[ring].v[FF_COL_TIME_MS] ||
		b->used + n > sizeof(b->bytes)) {
		next_block(h, ring, row);
		b = block_of(h, ring, last + 1);
		n = encode(row, &h->before[ring], bytes);
	}
	memcpy(b->bytes + b->used, bytes, n);
	atomic_store_explicit(&b->used, b->used + (uint32_t)n, memory_order_release);
	h->before[ring] = *row;
}

void ff_history_add(struct ff_history *h, const struct ff_sample_row *row)
{
	int64_t now = row->v[FF_COL_TIME_MS];
	if (!h->writable || now <= 0 || row->gpus > FF_HISTORY_GPUS)
		return;
	add_to(h, 0, row);
	if (now >= h->coarse_at || now < h->coarse_at - 2 * FF_HISTORY_COARSE_S * 1000) { // or the clock was set back
		add_to(h, 1, row);
		h->coarse_at = now + FF_HISTORY_COARSE_S * 1000;
	}
}

typedef bool taker(const struct ff_sample_row *row, void *arg);

struct reading {
	int64_t since_ms, until_ms;
	taker *take;
	void *arg;
	bool stopped;
};

static void read_block(const struct ff_history *h, int ring, uint64_t number, struct reading *r)
{
	const struct block *b = block_of(h, ring, number);
	static _Thread_local uint8_t bytes[sizeof(b->bytes)];
	uint32_t used = atomic_load_explicit(&b->used, memory_order_acquire);
	if (b->number != number || used < 1 || used > sizeof(bytes))
		return;
	memcpy(bytes, b->bytes, used);
	atomic_thread_fence(memory_order_acquire);
	if (b->number != number) // the writer went round meanwhile
		return;
	struct ff_sample_row row = {.gpus = bytes[0]};
	const uint8_t *at = bytes + 1, *end = bytes + used;
	if (row.gpus > FF_HISTORY_GPUS)
		return;
	while (!r->stopped && at < end && decode(&at, end, &row)) {
		int64_t time = row.v[FF_COL_TIME_MS];
		if (time >= r->since_ms && time < r->until_ms)
			r->stopped = !r->take(&row, r->arg);
	}
}

static void read_ring(const struct ff_history *h, int ring, struct reading *r)
{
	uint64_t last = h->header->last[ring], n = last < sizes[ring] ? last : sizes[ring];
	for (; n && !r->stopped; n--)
		read_block(h, ring, last - n + 1, r);
}

static bool take_first(const struct ff_sample_row *row, void *arg)
{
	*(int64_t *)arg = row->v[FF_COL_TIME_MS];
	return false;
}

void ff_history_read(const struct ff_history *h, int64_t since_ms, taker *take, void *arg)
{
	int64_t first = INT64_MAX;
	struct reading fine = {since_ms, INT64_MAX, take_first, &first, false};
	read_ring(h, 0, &fine);
	struct reading coarse = {since_ms, first, take, arg, false};
	read_ring(h, 1, &coarse);
	fine = (struct reading){since_ms, INT64_MAX, take, arg, coarse.stopped};
	read_ring(h, 0, &fine);
}

static bool is_good(const struct header *h)
{
	return memcmp(h->magic, magic, sizeof(magic)) == 0 && h->layout == LAYOUT && h->columns == FF_SAMPLE;
}

static bool take_last(const struct ff_sample_row *row, void *arg)
{
	*(struct ff_sample_row *)arg = *row;
	return true;
}

// Where the one before us ended: its next difference is to its last sample.
static void go_on(struct ff_history *h)
{
	for (int ring = 0; ring < RINGS; ring++) {
		struct reading last = {0, INT64_MAX, take_last, &h->before[ring], false};
		if (h->header->last[ring])
			read_block(h, ring, h->header->last[ring], &last);
	}
	h->coarse_at = h->before[1].v[FF_COL_TIME_MS] ? h->before[1].v[FF_COL_TIME_MS] + FF_HISTORY_COARSE_S * 1000 : 0;
}

static struct ff_error *map_file(const char *path, bool read_only, void **ret)
{
	_cleanup_close_ int fd =
		open(path, (read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode) || (!read_only && st.st_uid != geteuid()))
		return ff_error_create(FF_EDENIED, "%s: not a file of ours", path);
	bool fits = (size_t)st.st_size == file_size();
	if (!fits && read_only)
		return ff_error_create(FF_EFORMAT, "%s: no samples of this version", path);
	int code = fits ? 0 : ftruncate(fd, 0) < 0 ? errno : posix_fallocate(fd, 0, (off_t)file_size());
	void *map = code ? MAP_FAILED
			 : mmap(NULL, file_size(), PROT_READ | (read_only ? 0 : PROT_WRITE), MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ff_error_os(code ? code : errno, "%s", path);
	*ret = map;
	return NULL;
}

struct ff_error *ff_history_open(const char *path, bool read_only, struct ff_history **ret)
{
	void *map = NULL;
	struct ff_error *err = map_file(path, read_only, &map);
	if (err || !map)
		return err;
	struct header *header = map;
	struct ff_history *h = calloc(1, sizeof(*h));
	bool good = is_good(header);
	if (!h || (!good && read_only)) {
		err = h ? ff_error_create(FF_EFORMAT, "%s: no samples of this version", path) : &ff_enomem;
		munmap(map, file_size());
		free(h);
		return err;
	}
	if (!good) {
		memset(map, 0, file_size());
		header->layout = LAYOUT;
		header->columns = FF_SAMPLE;
		memcpy(header->magic, magic, sizeof(magic));
	}
	*h = (struct ff_history){.header = header, .writable = !read_only};
	h->rings[0] = (struct block *)((char *)map + PAGE);
	h->rings[1] = h->rings[0] + FINE;
	if (!read_only)
		go_on(h);
	*ret = h;
	return NULL;
}

void ff_history_close(struct ff_history *h)
{
	if (!h)
		return;
	munmap(h->header, file_size());
	free(h);
}
