// The table of keys of this process. Rows are claimed with one compare-and-swap and never given back, so ids stay valid
// in children made by fork, whose lanes get a copy.
#include "ring/keys.h"

#include "ring/write.h"

#include <firstfix/event.h>

// sizeof counts the terminating zero, which is not part of the name.
#define ROW(name) {sizeof(name) - 1, name},

static struct ff_ring_name keys[FF_RING_KEYS] = {
#define FF_KEY(id, name, help) ROW(name)
#include <firstfix/event.def>
};

static struct ff_ring_name kinds[FF_RING_KINDS] = {[FF_EV_NONE] = ROW("firstfix.none")
#define FF_KIND(id, name, help) [FF_EV_##id] = ROW(name)
#include <firstfix/event.def>
};

_Static_assert((int)FF_KEY_END_ <= FF_RING_KEYS / 2, "the table needs room for keys of the worker");
_Static_assert((int)FF_EV_END_ <= FF_RING_KINDS, "more kinds than the lane has rows");

static void copy(struct ff_ring_name *to, struct ff_ring_name *from, size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		uint16_t n = atomic_load_explicit(&from[i].n, memory_order_acquire);
		if (n && n < FF_RING_NAME_MAX)
			ff_lane_name(&to[i], from[i].name, n);
	}
}

void ff_keys_copy(struct ff_ring_name lane[FF_RING_KEYS])
{
	copy(lane, keys, FF_RING_KEYS);
}

void ff_kinds_copy(struct ff_ring_name lane[FF_RING_KINDS])
{
	copy(lane, kinds, FF_RING_KINDS);
}

uint16_t ff_keys_id(const char *name, struct ff_ring_name *lane)
{
	size_t n = strlen(name);
	if (!n || n >= FF_RING_NAME_MAX)
		return FF_KEY_OVERFLOW;
	for (size_t i = 0; i < FF_RING_KEYS; i++) {
		uint16_t have = atomic_load_explicit(&keys[i].n, memory_order_acquire);
		if (have == n && !memcmp(keys[i].name, name, n))
			return (uint16_t)i;
		if (have || !atomic_compare_exchange_strong(&keys[i].n, &have, UINT16_MAX))
			continue;
		memcpy(keys[i].name, name, n);
		if (lane)
			ff_lane_name(&lane[i], name, n);
		atomic_store_explicit(&keys[i].n, (uint16_t)n, memory_order_release);
		return (uint16_t)i;
	}
	return FF_KEY_OVERFLOW;
}
