// Opens a lane for reading: header, names, clock. The walk over its events is in ring/walk.c.
//
// Everything in the header is checked before it is used: its CRC says that the writer meant it, not that it makes
// sense.
#include "ring/reader.h"

#include "base/cleanup.h"
#include "ring/clock.h"
#include "ring/crc.h"

#include <sys/stat.h>
#include <unistd.h>

size_t ff_source_some(const struct ff_ring_source *s, uint64_t at, size_t n, void *ret)
{
	if (s->fd < 0) {
		if (at >= s->n)
			return 0;
		n = n < s->n - at ? n : s->n - at;
		memcpy(ret, s->bytes + at, n);
		return n;
	}
	size_t got = 0;
	while (got < n) {
		ssize_t r = pread(s->fd, (char *)ret + got, n - got, (off_t)(at + got));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

static bool source_read(const struct ff_ring_source *s, uint64_t at, size_t n, void *ret)
{
	return ff_source_some(s, at, n, ret) == n;
}

uint64_t ff_reader_live(const struct ff_lane_reader *r, size_t offset)
{
	uint64_t v = 0;
	source_read(&r->source, r->h.live_at + offset, sizeof(v), &v);
	return v;
}

static bool fits(uint64_t at, uint64_t rows, uint64_t row, uint64_t size)
{
	return at % FF_RING_WORD == 0 && at <= size && rows * row <= size - at; // all three are below 2^32 or checked
}

static const char *header_is_wrong(const struct ff_ring_header *h, uint64_t size)
{
	if (h->block_size < FF_RING_RECORD_MAX || h->block_size > FF_RING_BLOCK_MAX || h->block_size % FF_RING_WORD)
		return "size of its blocks";
	if (h->blocks < 2 || h->blocks > FF_RING_BLOCKS_MAX)
		return "number of its blocks";
	if (h->block_entry < sizeof(struct ff_ring_block) || h->block_entry > 1024 ||
		!fits(h->blocks_at, h->blocks, h->block_entry, size))
		return "block table";
	if (h->name_entry != sizeof(struct ff_ring_name) || h->keys == 0 || h->keys > UINT16_MAX ||
		h->kinds > FF_RING_KINDS || !fits(h->keys_at, h->keys, h->name_entry, size) ||
		!fits(h->kinds_at, h->kinds, h->name_entry, size))
		return "names";
	if (!fits(h->live_at, 1, sizeof(struct ff_ring_live), size))
		return "live part";
	if (h->clock > FF_RING_CLOCK_TICKS)
		return "clock";
	if (h->data_at > size)
		return "data";
	return NULL;
}

static uint32_t header_crc(const struct ff_lane_reader *r)
{
	// A later minor has a longer header: the CRC runs over all of it.
	uint64_t words[FF_RING_LIVE_AT / 8];
	size_t n = r->h.header_size;
	if (n > sizeof(words) || n % 8 || n < sizeof(r->h) || !source_read(&r->source, 0, n, words))
		return ~r->h.crc;
	memset((char *)words + offsetof(struct ff_ring_header, crc), 0, sizeof(r->h.crc));
	return ff_crc_words(r->rules.crc_hardware, 0, words, n / 8);
}

static struct ff_error *read_header(struct ff_lane_reader *r)
{
	struct ff_ring_header *h = &r->h;
	bool whole = source_read(&r->source, 0, sizeof(*h), h);
	if (!whole && r->source.n)
		return ff_error_create(FF_EFORMAT, "%s: too short for a lane", r->name);
	if (!whole || h->magic == 0)
		return ff_error_create(
			FF_EABSENT, "%s: not finished: its writer is making it, or died doing so", r->name);
	if (h->magic != ff_ring_magic())
		return ff_error_create(FF_EFORMAT, "%s: not a lane of firstfix", r->name);
	if (h->byte_order != FF_RING_BYTE_ORDER)
		return ff_error_create(FF_EUNSUPPORTED, "%s: written on a machine of the other byte order", r->name);
	if (h->major != FF_RING_MAJOR)
		return ff_error_create(
			FF_EUNSUPPORTED, "%s: lane format %u, this program reads %d", r->name, h->major, FF_RING_MAJOR);
	if (header_crc(r) != h->crc)
		return ff_error_create(FF_EFORMAT, "%s: the header is damaged", r->name);
	const char *wrong = header_is_wrong(h, r->source.n);
	return wrong ? ff_error_create(FF_EFORMAT, "%s: the header makes no sense: %s", r->name, wrong) : NULL;
}

static void read_name(const struct ff_lane_reader *r, uint64_t at, struct ff_lane_name *ret)
{
	struct ff_ring_name row;
	uint16_t n = 0;
	if (source_read(&r->source, at, sizeof(row), &row))
		n = atomic_load(&row.n);
	if (n >= FF_RING_NAME_MAX)
		n = 0; // being written
	memcpy(ret->name, row.name, n);
	ret->name[n] = '\0';
}

// A key's name is in the table before the first event that uses it, but perhaps came after we opened the lane.
const char *ff_reader_key(struct ff_lane_reader *r, uint16_t key)
{
	struct ff_lane_name *row = &r->keys[key];
	if (!row->name[0])
		read_name(r, r->h.keys_at + (uint64_t)key * r->h.name_entry, row);
	return row->name[0] ? row->name : "firstfix.key.unnamed";
}

static void set_rate(struct ff_lane_reader *r, struct ff_ring_anchor late)
{
	struct ff_ring_anchor first = r->h.first;
	if (r->h.clock == FF_RING_CLOCK_MONO)
		r->ns_per_tick = 1;
	else if (late.ticks > first.ticks && late.mono_ns > first.mono_ns)
		r->ns_per_tick = (double)(late.mono_ns - first.mono_ns) / (double)(late.ticks - first.ticks);
	if (!(r->ns_per_tick > 1e-3 && r->ns_per_tick < 1e6))
		r->ns_per_tick = 1;
}

// The rate of the counter: from the two moments furthest apart that we know. The block's own moment, where it has one,
// also gives the time of day, so that a clock that was set in between is right again from the next block on.
void ff_reader_anchor(struct ff_lane_reader *r, const struct ff_ring_block *row)
{
	uint64_t of = atomic_load(&row->anchor_of);
	if (of != r->number + 1)
		return;
	struct ff_ring_anchor a = {atomic_load(&row->ticks), atomic_load(&row->mono_ns), atomic_load(&row->real_ns)};
	if (a.mono_ns < r->h.first.mono_ns || a.ticks < r->h.first.ticks)
		return;
	r->anchor = a;
	set_rate(r, a);
}

static uint64_t time_of(const struct ff_lane_reader *r, uint64_t ticks, uint64_t anchor_ns)
{
	double ns = (double)(int64_t)(ticks - r->anchor.ticks) * r->ns_per_tick;
	double at = (double)anchor_ns + ns;
	if (!(at > 0 && at < 1.8e19))
		return 0;
	// Through an integer: a double holds the time of day only to a quarter of a microsecond.
	return anchor_ns + (uint64_t)(int64_t)ns;
}

uint64_t ff_reader_time(const struct ff_lane_reader *r, uint64_t ticks)
{
	return time_of(r, ticks, r->anchor.real_ns);
}

uint64_t ff_reader_mono(const struct ff_lane_reader *r, uint64_t ticks)
{
	return time_of(r, ticks, r->anchor.mono_ns);
}

static struct ff_error *reader_open(struct ff_lane_reader *r, const char *name)
{
	r->name = strdup(name);
	if (!r->name)
		return &ff_enomem;
	struct stat st;
	if (r->source.fd >= 0) {
		if (fstat(r->source.fd, &st) < 0)
			return ff_error_os(errno, "%s", name);
		if (!S_ISREG(st.st_mode))
			return ff_error_create(FF_EFORMAT, "%s: not a file", name);
		r->source.n = (uint64_t)st.st_size;
	}
	r->rules.crc_hardware = ff_crc_hardware();
	struct ff_error *err = read_header(r);
	if (err)
		return err;
	r->rules.seed = r->h.seed;
	r->rules.names = r->h.keys;
	r->keys = calloc(r->h.keys, sizeof(*r->keys));
	r->seen = calloc(r->h.blocks, sizeof(*r->seen));
	r->block = malloc(r->h.block_size);
	r->table = malloc((size_t)r->h.blocks * r->h.block_entry);
	if (!r->keys || !r->seen || !r->block || !r->table)
		return &ff_enomem;
	for (uint32_t i = 0; i < r->h.kinds; i++)
		read_name(r, r->h.kinds_at + (uint64_t)i * r->h.name_entry, &r->kinds[i]);
	r->overwritten_before = ff_reader_live(r, offsetof(struct ff_ring_live, overwritten));
	r->anchor = r->h.first;
	set_rate(r, r->h.second);
	return NULL;
}

struct ff_error *ff_lane_reader_create(
	struct ff_ring_source source, const char *name, bool patient, struct ff_lane_reader **ret)
{
	_cleanup_lane_reader_ struct ff_lane_reader *r = calloc(1, sizeof(*r));
	if (!r) {
		if (source.fd >= 0)
			close(source.fd);
		return &ff_enomem;
	}
	r->source = source;
	r->patient = patient;
	struct ff_error *err = reader_open(r, name);
	if (err)
		return err;
	*ret = ff_take(&r);
	return NULL;
}

void ff_lane_reader_destroy(struct ff_lane_reader *r)
{
	if (!r)
		return;
	if (r->source.fd >= 0)
		close(r->source.fd);
	free(r->name);
	free(r->keys);
	free(r->seen);
	free(r->block);
	free(r->table);
	free(r);
}
