// Writes events into a lane. Reserve with one atomic add, fill, publish word 0 last, then tell the block with a second
// atomic add. See ring/format.h for the layout, doc/RING-FORMAT.md for why each order of steps is safe.
//
// A writer that dies or stalls between the two adds leaves a hole: readers find the next record by its CRC, and the
// block is passed over by later laps until the staller is through.
#include "ring/write.h"

#include "ring/clock.h"
#include "ring/crc.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)

// Initial-exec: the general model may allocate at a thread's first access, inside a signal handler too.
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
	uint32_t pid, tid;
} me;

static inline uint32_t thread_id(uint32_t pid)
{
	if (__builtin_expect(me.pid != pid, 0)) {
		me.tid = (uint32_t)syscall(SYS_gettid);
		me.pid = pid;
	}
	return me.tid;
}

struct slot {
	uint64_t pos;
	uint64_t *words;
	struct ff_ring_block *block;
};

// Words on their way into the ring; the CRC goes over them while they are still in registers.
struct stream {
	uint64_t *p;
	uint32_t crc;
	bool hardware;
};

static inline __attribute__((always_inline)) uint32_t crc_word(bool hardware, uint32_t crc, uint64_t word)
{
	return hardware ? ff_crc_word_hardware(crc, word) : ff_crc_word_portable(crc, word);
}

static inline __attribute__((always_inline)) void put(struct stream *s, uint64_t word)
{
	*s->p++ = word;
	s->crc = crc_word(s->hardware, s->crc, word);
}

static inline __attribute__((always_inline)) struct stream begin(
	const struct ff_lane *lane, const struct slot *slot, uint64_t word0)
{
	uint32_t crc = crc_word(lane->crc_hardware, lane->seed, slot->pos);
	return (struct stream){slot->words + 1, crc_word(lane->crc_hardware, crc, word0), lane->crc_hardware};
}

// Word 0 makes the record exist; the second add tells that nobody writes to these bytes any more.
static inline void publish(const struct slot *slot, uint64_t word0, uint32_t crc, uint32_t events, uint32_t bytes)
{
	atomic_store_explicit((_Atomic uint64_t *)slot->words, word0 | crc, memory_order_release);
	atomic_fetch_add_explicit(&slot->block->done, (uint64_t)events << 24 | bytes, memory_order_release);
}

static struct slot slot_of(struct ff_lane *lane, struct ff_ring_block *block, uint32_t lap, uint32_t at)
{
	uint64_t index = (uint64_t)(block - lane->blocks);
	uint64_t number = (uint64_t)lap * lane->n_blocks + index;
	return (struct slot){
		.pos = number * lane->block_size + at,
		.words = (uint64_t *)(lane->data + index * lane->block_size + at),
		.block = block,
	};
}

// The rest of a block, from `at` to its end, will hold nothing: it belongs to us alone, we say so and count it as done.
static void close_block(struct ff_lane *lane, struct ff_ring_block *block, uint32_t lap, uint32_t at)
{
	struct slot slot = slot_of(lane, block, lap, at);
	uint32_t rest = lane->block_size - at;
	uint64_t word0 = ff_ring_word0(rest / FF_RING_WORD, FF_RING_KIND_END, ff_ring_mark(lane->seed, slot.pos));
	publish(&slot, word0, begin(lane, &slot, word0).crc, 0, rest);
}

static void note_clock(struct ff_lane *lane, struct ff_ring_block *block, uint64_t number)
{
	struct ff_ring_anchor now = ff_ring_anchor_now(lane->clock);
	atomic_store_explicit(&block->anchor_of, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&block->ticks, now.ticks, memory_order_relaxed);
	atomic_store_explicit(&block->mono_ns, now.mono_ns, memory_order_relaxed);
	atomic_store_explicit(&block->real_ns, now.real_ns, memory_order_relaxed);
	atomic_store_explicit(&block->anchor_of, number + 1, memory_order_release);
}

// Laps wrap, so they compare by their difference.
static bool lap_is_older(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

// Take a slot of the table for a new lap, if nobody writes to its old one. Any number of threads may be at it, each
// step is done by one of them.
static void open_block(struct ff_lane *lane, struct ff_ring_block *block, uint32_t lap)
{
	uint32_t lap24 = lap & 0xffffff;
	uint64_t done = load_acquire(&block->done);
	if (lap_is_older(ff_ring_done_lap(done) << 8, lap << 8) && ff_ring_done_bytes(done) == lane->block_size &&
		atomic_compare_exchange_strong(&block->done, &done, (uint64_t)lap24 << 40))
		add_relaxed(&lane->live->overwritten, ff_ring_done_events(done));
	if (ff_ring_done_lap(load_acquire(&block->done)) != lap24)
		return; // somebody is still writing there, or it is at a later lap already
	uint64_t alloc = load_acquire(&block->alloc);
	while (lap_is_older(ff_ring_alloc_lap(alloc), lap) &&
		!atomic_compare_exchange_weak(&block->alloc, &alloc, (uint64_t)lap << 32)) {
	}
}

// Block `number` is full: go to the next one. Where that is still being written to, head passes over it.
static void advance(struct ff_lane *lane, uint64_t number)
{
	uint64_t next = number + 1;
	struct ff_ring_block *block = &lane->blocks[next % lane->n_blocks];
	if (load_acquire(&lane->live->head) != number)
		return;
	open_block(lane, block, (uint32_t)(next / lane->n_blocks));
	if (atomic_compare_exchange_strong(&lane->live->head, &number, next))
		note_clock(lane, block, next);
}

// One try in the block that is being filled; false when there is no room in it (any more).
static bool reserve_in(
	struct ff_lane *lane, struct ff_ring_block *block, uint32_t lap, uint32_t bytes, struct slot *ret)
{
	uint64_t alloc = load_acquire(&block->alloc);
	if (ff_ring_alloc_at(alloc) >= lane->block_size)
		return false;
	if (lap_is_older(ff_ring_alloc_lap(alloc), lap)) {
		// Opened by a thread that slept while head went round: too old to be used in order. Close it unused.
		uint64_t closed = (alloc & ~UINT64_C(0xffffffff)) | lane->block_size;
		if (atomic_compare_exchange_strong(&block->alloc, &alloc, closed))
			close_block(lane, block, ff_ring_alloc_lap(alloc), ff_ring_alloc_at(alloc));
		return false;
	}
	alloc = atomic_fetch_add_explicit(&block->alloc, bytes, memory_order_acq_rel);
	uint32_t at = ff_ring_alloc_at(alloc);
	if (at < lane->block_size && bytes <= lane->block_size - at) {
		*ret = slot_of(lane, block, ff_ring_alloc_lap(alloc), at);
		return true;
	}
	if (at < lane->block_size)
		close_block(lane, block, ff_ring_alloc_lap(alloc), at);
	return false;
}

static bool reserve(struct ff_lane *lane, uint32_t bytes, struct slot *ret)
{
	for (uint32_t tries = 0; tries < 2 * lane->n_blocks + 2; tries++) {
		uint64_t head = load_acquire(&lane->live->head);
		struct ff_ring_block *block = &lane->blocks[head % lane->n_blocks];
		if (reserve_in(lane, block, (uint32_t)(head / lane->n_blocks), bytes, ret))
			return true;
		advance(lane, head);
	}
	add_relaxed(&lane->live->dropped, 1);
	return false;
}

// Bytes that a record of these fields takes. Strings share what the rest leaves of 32 KiB, first come first served;
// `ret_left` is what they have to share.
static uint32_t measure(const struct ff_field *fields, size_t n, uint32_t *ret_left)
{
	uint32_t bytes = FF_RING_RECORD_WORDS * FF_RING_WORD;
	uint64_t text = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t type = fields[i].type;
		bytes += type == FF_FIELD_STRING || type == FF_FIELD_BOOL ? 8 : 16;
		if (type == FF_FIELD_STRING)
			text += ((uint64_t)fields[i].n + 7) & ~UINT64_C(7);
	}
	*ret_left = FF_RING_RECORD_MAX - bytes;
	return bytes + (text < *ret_left ? (uint32_t)text : *ret_left);
}

// The last n bytes (1 to 8) of a text of which at least `before` bytes lie in front of them, as a word padded with
// zeros. Loads of fixed size: a copy of n bytes into a word that is read back at once stalls the CPU for longer than
// the rest takes.
static inline uint64_t last_word(const char *s, uint32_t n, uint32_t before)
{
	uint64_t word = 0;
	uint32_t low, high;
	if (before + n >= 8) {
		memcpy(&word, s + n - 8, 8);
		return word >> (64 - 8 * n);
	}
	if (n >= 4) {
		memcpy(&low, s, 4);
		memcpy(&high, s + n - 4, 4);
		return low | (uint64_t)high << (8 * n - 32);
	}
	for (uint32_t i = 0; i < n; i++)
		word |= (uint64_t)(uint8_t)s[i] << (8 * i);
	return word;
}

static inline void put_text(struct stream *s, const char *text, uint32_t n)
{
	uint32_t at = 0;
	for (uint64_t word; n - at > 8; at += 8) {
		memcpy(&word, text + at, 8);
		put(s, word);
	}
	if (n)
		put(s, last_word(text + at, n - at, at));
}

static inline __attribute__((always_inline)) void put_field(struct stream *s, const struct ff_field *f, uint32_t *left)
{
	uint64_t head = (uint64_t)f->key | (uint64_t)f->type << 16;
	switch (f->type) {
	case FF_FIELD_STRING: {
		uint32_t take = f->n < *left ? f->n : *left;
		if (take < f->n)
			head |= (uint64_t)FF_RING_CUT << 24;
		put(s, head | (uint64_t)take << 32);
		put_text(s, f->s, take);
		*left -= (take + 7) & ~7u;
		return;
	}
	case FF_FIELD_BOOL:
		put(s, head | (uint64_t)f->b << 32);
		return;
	default:
		put(s, head);
		put(s, (uint64_t)f->i); // the bits of a real as well
	}
}

void ff_lane_write(struct ff_lane *lane, uint32_t kind, const struct ff_field *fields, size_t n)
{
	uint64_t ticks = ff_ring_ticks(lane->clock);
	uint64_t cut = n > FF_RING_FIELDS_MAX ? FF_RING_CUT : 0;
	if (cut)
		n = FF_RING_FIELDS_MAX;
	uint32_t left, bytes = measure(fields, n, &left);
	struct slot slot;
	if (!reserve(lane, bytes, &slot))
		return;
	uint64_t word0 = ff_ring_word0(bytes / FF_RING_WORD, (uint8_t)kind, ff_ring_mark(lane->seed, slot.pos));
	struct stream s = begin(lane, &slot, word0);
	put(&s, ticks);
	put(&s, thread_id(lane->pid) | (uint64_t)n << 32 | cut << 40);
	for (size_t i = 0; i < n; i++)
		put_field(&s, &fields[i], &left);
	publish(&slot, word0, s.crc, 1, bytes);
	if (lane->sync)
		ff_lane_sync(lane);
}

void ff_lane_sync(const struct ff_lane *lane)
{
	int saved = errno;
	msync(lane->base, lane->size, MS_SYNC);
	errno = saved;
}

void ff_lane_name(struct ff_ring_name *row, const char *name, size_t n)
{
	uint16_t none = 0;
	if (!n || n >= FF_RING_NAME_MAX || !atomic_compare_exchange_strong(&row->n, &none, UINT16_MAX))
		return;
	memcpy(row->name, name, n);
	atomic_store_explicit(&row->n, (uint16_t)n, memory_order_release);
}
