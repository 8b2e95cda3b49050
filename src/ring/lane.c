// Makes a lane: reserves the file, maps it, writes header and tables, and the magic last, so that a file without magic
// is one that is still being made (or whose maker died). Only system calls and memory: runs in signal handlers.
#include "ring/lane.h"

#include "ring/clock.h"
#include "ring/crc.h"
#include "ring/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_SIZE = 1024 * 1024, MANY_BLOCKS = 16 };

// Whole of a small file of /proc or /sys; terminated.
static size_t read_small(const char *path, size_t n, char *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, ret, n - 1);
	if (fd >= 0)
		close(fd);
	ret[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void ff_lane_boot_id(uint8_t ret[16])
{
	char text[64];
	memset(ret, 0, 16);
	read_small("/proc/sys/kernel/random/boot_id", sizeof(text), text);
	int digits = 0;
	for (const char *p = text; *p && digits < 32; p++)
		if (hex_digit(*p) >= 0) {
			ret[digits / 2] = (uint8_t)(ret[digits / 2] << 4 | hex_digit(*p));
			digits++;
		}
}

static char *put_text(char *p, const char *end, const char *text)
{
	while (p < end && *text)
		*p++ = *text++;
	return p;
}

static char *put_number(char *p, const char *end, uint64_t v)
{
	char digits[24], *d = digits + sizeof(digits);
	*--d = '\0';
	do
		*--d = (char)('0' + v % 10);
	while (v /= 10);
	return put_text(p, end, d);
}

bool ff_lane_start_time(uint32_t pid, uint64_t *ret)
{
	char path[32] = "/proc/", stat[1024];
	char *p = put_number(path + 6, path + 20, pid);
	*put_text(p, path + sizeof(path) - 1, "/stat") = '\0';
	if (!read_small(path, sizeof(stat), stat))
		return false;
	const char *at = strrchr(stat, ')'); // the name before it may hold anything
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	uint64_t v = 0;
	for (at++; *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	*ret = v;
	return true;
}

bool ff_lane_path(const char *dir, uint32_t pid, uint64_t start, unsigned again, size_t n, char *ret)
{
	const char *end = ret + n - 1;
	char *p = put_text(put_text(ret, end, dir), end, "/");
	p = put_number(p, end, pid);
	p = put_number(put_text(p, end, "-"), end, start);
	if (again)
		p = put_number(put_text(p, end, "-"), end, again);
	p = put_text(p, end, ".ring");
	*p = '\0';
	return p < end;
}

enum ff_ring_clock ff_ring_clock_choose(void)
{
	char name[32];
	read_small("/sys/devices/system/clocksource/clocksource0/current_clocksource", sizeof(name), name);
	return !strcmp(name, "tsc\n") || !strcmp(name, "arch_sys_counter\n") ? FF_RING_CLOCK_TICKS : FF_RING_CLOCK_MONO;
}

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

// Where everything lies, for so many bytes of events.
static struct ff_ring_header plan(size_t size)
{
	struct ff_ring_header h = {
		.byte_order = FF_RING_BYTE_ORDER,
		.major = FF_RING_MAJOR,
		.minor = FF_RING_MINOR,
		.header_size = sizeof(h),
		.live_at = FF_RING_LIVE_AT,
		.live_size = sizeof(struct ff_ring_live),
		.blocks_at = FF_RING_BLOCKS_AT,
		.block_entry = sizeof(struct ff_ring_block),
		.block_size = FF_RING_BLOCK_MIN,
		.keys = FF_RING_KEYS,
		.kinds = FF_RING_KINDS,
		.name_entry = sizeof(struct ff_ring_name),
	};
	if (!size)
		size = DEFAULT_SIZE;
	while (h.block_size < FF_RING_BLOCK_MAX && size / h.block_size > MANY_BLOCKS * 2)
		h.block_size *= 2;
	uint64_t blocks = round_up(size, h.block_size) / h.block_size;
	h.blocks = (uint32_t)(blocks < FF_RING_BLOCKS_MIN ? FF_RING_BLOCKS_MIN : blocks);
	if (blocks > FF_RING_BLOCKS_MAX)
		h.blocks = FF_RING_BLOCKS_MAX;
	h.keys_at = h.blocks_at + h.blocks * h.block_entry;
	h.kinds_at = h.keys_at + h.keys * h.name_entry;
	h.data_at = round_up(h.kinds_at + h.kinds * h.name_entry, (uint64_t)sysconf(_SC_PAGESIZE));
	h.file_size = h.data_at + (uint64_t)h.blocks * h.block_size;
	return h;
}

static void seal_header(struct ff_ring_header *h, uint8_t *base)
{
	h->magic = ff_ring_magic();
	h->crc = 0;
	uint64_t words[sizeof(*h) / 8];
	memcpy(words, h, sizeof(words));
	h->crc = ff_crc_words(ff_crc_hardware(), 0, words, sizeof(words) / 8);
	uint64_t magic = h->magic;
	memcpy(base + sizeof(magic), (uint8_t *)h + sizeof(magic), sizeof(*h) - sizeof(magic));
	atomic_store_explicit((_Atomic uint64_t *)base, magic, memory_order_release);
}

_Static_assert(sizeof(struct ff_ring_header) % 8 == 0, "the CRC runs over words");

static void init_tables(struct ff_lane *lane)
{
	for (uint32_t i = 0; i < lane->n_blocks; i++) {
		struct ff_ring_block *b = &lane->blocks[i];
		// As if a lap before the first had been filled; block 0 is open at lap 0.
		atomic_init(&b->alloc, i ? (uint64_t)UINT32_MAX << 32 | lane->block_size : 0);
		atomic_init(&b->done, i ? UINT64_C(0xffffff) << 40 | lane->block_size : 0);
	}
	atomic_store(&lane->live->state, FF_RING_OPEN);
}

int ff_lane_make(int fd, const struct ff_lane_spec *spec, struct ff_lane *ret)
{
	struct ff_ring_header h = plan(spec->size);
	h.clock = ff_ring_clock_choose();
	h.first = ff_ring_anchor_now(h.clock);
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < h.file_size)
		return EFBIG; // trying would send SIGXFSZ, which kills the worker
	int err = posix_fallocate(fd, 0, (off_t)h.file_size);
	if (err)
		return err;
	uint8_t *base = mmap(NULL, h.file_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (base == MAP_FAILED)
		return errno;
	ret->base = base; // known before it is touched: the file may be cut already
	ret->size = h.file_size;
	h.pid = (uint32_t)getpid();
	h.parent_pid = (uint32_t)getppid();
	h.uid = geteuid();
	if (getrandom(&h.seed, sizeof(h.seed), GRND_NONBLOCK) != sizeof(h.seed))
		h.seed = (uint32_t)(h.first.ticks ^ h.pid * 2654435761u);
	ff_lane_start_time(h.pid, &h.start_time);
	memcpy(h.boot_id, spec->boot_id, sizeof(h.boot_id));
	memcpy(h.writer, "firstfix " FF_VERSION, sizeof("firstfix " FF_VERSION));
	struct ff_lane lane = {
		.base = base,
		.size = h.file_size,
		.live = (struct ff_ring_live *)(base + h.live_at),
		.blocks = (struct ff_ring_block *)(base + h.blocks_at),
		.keys = (struct ff_ring_name *)(base + h.keys_at),
		.data = base + h.data_at,
		.n_blocks = h.blocks,
		.block_size = h.block_size,
		.seed = h.seed,
		.clock = h.clock,
		.crc_hardware = ff_crc_hardware(),
		.sync = spec->sync,
		.pid = h.pid,
	};
	init_tables(&lane);
	ff_kinds_copy((struct ff_ring_name *)(base + h.kinds_at));
	ff_keys_copy(lane.keys);
	h.second = ff_ring_anchor_now(h.clock);
	seal_header(&h, base);
	*ret = lane;
	return 0;
}
