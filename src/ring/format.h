// The lane on disk: one file per recording process. Private to ring/; doc/RING-FORMAT.md tells it in prose.
//
//	0            header        written once, CRC'd: what this is, where the rest lies, who wrote it, clocks
//	live_at      live          head: number of the block being filled; dropped, overwritten, state
//	blocks_at    block table   per block: alloc, done, clock anchor
//	keys_at      key table     names of key ids; a name is there before the first event that uses it
//	kinds_at     kind table    names of event kinds
//	data_at      block 0 | block 1 | ... | block n-1        (page aligned)
//
//	block:  | record | record | record | END ...|     records lie at multiples of 8 and never cross a block
//
//	record: word 0   crc:32 | words:16 | kind:8 | mark:8    published last
//	        word 1   ticks of the clock
//	        word 2   tid:32 | fields:8 | flags:8 | 0:16
//	        fields   key:16 | type:8 | flags:8 | n:32, then 8 bytes (int, real), n bytes padded to 8 (string), none (bool)
//
// Block number N lives in slot N % n, lap N / n. A position is N * block_size + offset: it never repeats, and it is
// part of every CRC, so bytes of an earlier lap are never taken for a record. `alloc` is lap:32 | offset:32, a writer
// reserves by adding to it. `done` is lap:24 | events:16 | bytes:24, a writer adds to it after publishing; a slot is
// taken for a new lap only when all its bytes are done, so nobody writes into a block that somebody else is still
// writing to.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum {
	FF_RING_MAJOR = 1, // a reader refuses another major
	FF_RING_MINOR = 0, // and ignores what a later minor adds
	FF_RING_WORD = 8,
	FF_RING_RECORD_WORDS = 3,	// without fields
	FF_RING_RECORD_MAX = 32 * 1024, // bytes
	FF_RING_FIELDS_MAX = 64,
	FF_RING_KEYS = 512,
	FF_RING_KINDS = 64,
	FF_RING_NAME_MAX = 62, // with its terminating zero
	FF_RING_BLOCK_MIN = 64 * 1024,
	FF_RING_BLOCK_MAX = 1024 * 1024,
	FF_RING_BLOCKS_MIN = 4,
	FF_RING_BLOCKS_MAX = 4096,
	FF_RING_LIVE_AT = 512,
	FF_RING_BLOCKS_AT = 1024,
	FF_RING_KIND_END = 0, // nothing more in this block
	FF_RING_CUT = 1,      // flag of a record: fields are missing; of a field: the string is cut
};

/** The magic: "FFLANE1\n". It stands XOR'd in the code, and behind a volatile so that the compiler does not undo that:
    a search through memory finds lanes, not programs. */
static inline uint64_t ff_ring_magic(void)
{
	static const volatile uint64_t hidden = UINT64_C(0x506b1f141b161c1c);
	return hidden ^ UINT64_C(0x5a5a5a5a5a5a5a5a);
}
#define FF_RING_BYTE_ORDER 0x01020304u

/** One moment on three clocks. */
struct ff_ring_anchor {
	uint64_t ticks, mono_ns, real_ns;
};

enum ff_ring_clock {
	FF_RING_CLOCK_MONO,  /**< ticks are nanoseconds of CLOCK_MONOTONIC */
	FF_RING_CLOCK_TICKS, /**< ticks are the CPU's own counter, which the kernel trusts; anchors give its rate */
};

struct ff_ring_header {
	uint64_t magic;
	uint32_t byte_order;
	uint16_t major, minor;
	uint32_t header_size; /**< bytes that the CRC covers */
	uint32_t crc;	      /**< CRC-32C of the header with this field 0 */
	uint64_t file_size, data_at;
	uint32_t live_at, live_size;
	uint32_t blocks_at, block_entry, blocks, block_size;
	uint32_t keys_at, keys;
	uint32_t kinds_at, kinds;
	uint32_t name_entry; /**< bytes per row of the two name tables */
	uint32_t seed;	     /**< random: start of every record's CRC, so that recorded text cannot pose as a record */
	uint32_t clock;
	uint32_t pid, parent_pid, uid;
	uint64_t start_time; /**< of the process: field 22 of /proc/PID/stat */
	uint8_t boot_id[16];
	struct ff_ring_anchor first, second; /**< two moments while the lane was made */
	char writer[32];		     /**< program and version that wrote it */
};

enum ff_ring_state { FF_RING_OPEN = 1, FF_RING_CLOSED = 2 };

/** Written all the time; each group on a cache line of its own. */
struct ff_ring_live {
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t dropped;
	_Atomic uint64_t overwritten;
	_Atomic uint32_t state;
};

struct ff_ring_block {
	_Alignas(64) _Atomic uint64_t alloc;
	_Atomic uint64_t done;
	_Atomic uint64_t anchor_of; /**< 1 + the block number that the anchor belongs to; 0 while it is written */
	_Atomic uint64_t ticks, mono_ns, real_ns;
};

struct ff_ring_name {
	_Atomic uint16_t n; /**< 0 is no name; set last */
	char name[FF_RING_NAME_MAX];
};

_Static_assert(sizeof(struct ff_ring_header) <= FF_RING_LIVE_AT, "header and live part overlap");
_Static_assert(FF_RING_LIVE_AT + sizeof(struct ff_ring_live) <= FF_RING_BLOCKS_AT, "live part and block table overlap");
_Static_assert(sizeof(struct ff_ring_block) == 64 && sizeof(struct ff_ring_name) == 64, "rows are cache lines");

static inline uint32_t ff_ring_alloc_lap(uint64_t alloc)
{
	return (uint32_t)(alloc >> 32);
}
static inline uint32_t ff_ring_alloc_at(uint64_t alloc)
{
	return (uint32_t)alloc;
}
static inline uint32_t ff_ring_done_lap(uint64_t done)
{
	return (uint32_t)(done >> 40);
}
static inline uint32_t ff_ring_done_events(uint64_t done)
{
	return (uint32_t)(done >> 24) & 0xffff;
}
static inline uint32_t ff_ring_done_bytes(uint64_t done)
{
	return (uint32_t)done & 0xffffff;
}

static inline uint8_t ff_ring_mark(uint32_t seed, uint64_t pos)
{
	return (uint8_t)(seed ^ (pos / FF_RING_WORD));
}
/** Word 0 with the CRC still to be added. */
static inline uint64_t ff_ring_word0(uint32_t words, uint8_t kind, uint8_t mark)
{
	return (uint64_t)words << 32 | (uint64_t)kind << 48 | (uint64_t)mark << 56;
}
