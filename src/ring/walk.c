// Walks a lane block by block, oldest first. Within a block it goes from record to record by their lengths; where there
// is none (a writer died or stalled there) it looks at every further word until a record is right again.
//
// A block is copied, then its lap is looked at again: if the writer went round meanwhile the copy is thrown away, and
// what was in it and not read counts as lost.
#include "ring/reader.h"

#include "ring/clock.h"

// Looking for a record in a hole tries CRCs over bytes that are no record. So many words per word of a block are enough
// for any hole that a writer leaves, and bound the time that a hostile file takes.
enum { COST_PER_WORD = 64 };
static const uint64_t patience_ns = 100000000;

// --- the table of blocks ---

static bool read_row(const struct ff_lane_reader *r, uint64_t index, struct ff_ring_block *ret)
{
	return ff_source_some(&r->source, r->h.blocks_at + index * r->h.block_entry, sizeof(*ret), ret) == sizeof(*ret);
}

// The number that a row holds now; false when it was never used.
static bool number_of(const struct ff_lane_reader *r, uint64_t index, const struct ff_ring_block *row, uint64_t *ret)
{
	uint32_t lap = ff_ring_alloc_lap(atomic_load(&row->alloc));
	*ret = (uint64_t)lap * r->h.blocks + index;
	return lap != UINT32_MAX;
}

static bool read_table(struct ff_lane_reader *r)
{
	size_t n = (size_t)r->h.blocks * r->h.block_entry;
	return ff_source_some(&r->source, r->h.blocks_at, n, r->table) == n;
}

static struct ff_ring_block row_of_table(const struct ff_lane_reader *r, uint64_t index)
{
	struct ff_ring_block row;
	memcpy(&row, r->table + index * r->h.block_entry, sizeof(row));
	return row;
}

// The lowest number of at least `from` in the table.
static bool find_block(struct ff_lane_reader *r, uint64_t from, uint64_t *ret)
{
	bool found = false;
	if (!read_table(r))
		return false;
	for (uint64_t i = 0; i < r->h.blocks; i++) {
		struct ff_ring_block row = row_of_table(r, i);
		uint64_t number;
		if (!number_of(r, i, &row, &number) || number < from)
			continue;
		if (!found || number < *ret)
			*ret = number;
		found = true;
	}
	return found;
}

// Of the events that the writer has overwritten, those that we had read are not lost. The counter is read before the
// table: a block whose loss it counts shows its new lap in `done` already.
static void count_lost(struct ff_lane_reader *r)
{
	uint64_t overwritten = ff_reader_live(r, offsetof(struct ff_ring_live, overwritten));
	if (!read_table(r))
		return;
	for (uint64_t i = 0; i < r->h.blocks; i++) {
		struct ff_ring_block row = row_of_table(r, i);
		uint32_t lap = (uint32_t)(r->seen[i].number / r->h.blocks) & 0xffffff;
		if (r->seen[i].n && ff_ring_done_lap(atomic_load(&row.done)) != lap) {
			r->gone += r->seen[i].n;
			r->seen[i].n = 0;
		}
	}
	uint64_t since = overwritten - r->overwritten_before;
	if (overwritten >= r->overwritten_before && since > r->gone && since - r->gone > r->counts.lost)
		r->counts.lost = since - r->gone;
}

// --- one block ---

static bool enter_block(struct ff_lane_reader *r)
{
	uint64_t number;
	if (!find_block(r, r->number, &number))
		return false;
	if (number != r->number && r->number)
		count_lost(r);
	r->number = number;
	struct ff_lane_seen *seen = &r->seen[number % r->h.blocks];
	r->gone += seen->n; // of the lap that this one overwrote
	*seen = (struct ff_lane_seen){.number = number};
	r->loaded = true;
	r->at = r->n = 0;
	r->cost = r->hole_since = 0;
	return true;
}

static void leave_block(struct ff_lane_reader *r)
{
	r->loaded = false;
	r->number++;
}

// Copy the current block from `at` on. False when it has been overwritten.
static bool load_block(struct ff_lane_reader *r)
{
	uint64_t index = r->number % r->h.blocks, number;
	struct ff_ring_block row, after;
	if (!read_row(r, index, &row) || !number_of(r, index, &row, &number) || number != r->number)
		return false;
	uint32_t end = ff_ring_alloc_at(atomic_load(&row.alloc));
	r->closed = end >= r->h.block_size;
	end = r->closed ? r->h.block_size : end & ~(uint32_t)(FF_RING_WORD - 1);
	if (end > r->at) {
		size_t n = end - r->at;
		size_t got = ff_source_some(
			&r->source, r->h.data_at + index * r->h.block_size + r->at, n, (char *)r->block + r->at);
		if (got < n) { // the file was cut short
			r->closed = true;
			end = r->at + (uint32_t)(got & ~(size_t)(FF_RING_WORD - 1));
		}
	}
	atomic_thread_fence(memory_order_acquire);
	if (!read_row(r, index, &after) || !number_of(r, index, &after, &number) || number != r->number)
		return false;
	ff_reader_anchor(r, &row);
	r->n = end > r->at ? end : r->at;
	return true;
}

static enum ff_record_is look(struct ff_lane_reader *r, size_t *ret_words)
{
	uint64_t pos = r->number * r->h.block_size + r->at;
	return ff_record_check(
		&r->rules, r->block + r->at / FF_RING_WORD, (r->n - r->at) / FF_RING_WORD, pos, ret_words, &r->cost);
}

// `at` is where a record should be and is none. True when the caller should look again, false to wait.
static bool handle_hole(struct ff_lane_reader *r)
{
	size_t words;
	uint64_t now = ff_ring_ns(CLOCK_MONOTONIC);
	if (!r->hole_since) { // perhaps it was published since we copied it
		r->hole_since = now;
		if (!load_block(r))
			leave_block(r), count_lost(r);
		return true;
	}
	if (r->patient && now - r->hole_since < patience_ns) {
		if (!load_block(r))
			leave_block(r), count_lost(r);
		else if (look(r, &words) == FF_RECORD_NONE)
			return false;
		return true;
	}
	r->counts.torn++;
	r->hole_since = 0;
	uint64_t limit = (uint64_t)COST_PER_WORD * r->h.block_size / FF_RING_WORD;
	do {
		r->at += FF_RING_WORD;
		if (r->cost > limit)
			r->at = r->n;
	} while (r->at < r->n && look(r, &words) == FF_RECORD_NONE);
	return true;
}

// Nothing is left of the copy. True when the caller should look again, false when there is no more now.
static bool handle_end(struct ff_lane_reader *r)
{
	uint64_t later;
	if (!load_block(r)) {
		leave_block(r);
		count_lost(r);
		return true;
	}
	if (r->n > r->at)
		return true;
	if (!r->closed && !find_block(r, r->number + 1, &later))
		return false;
	// A later block is in use: what was added to this one before that happened is in it by now.
	if (load_block(r) && r->n > r->at)
		return true;
	leave_block(r);
	return true;
}

// --- events ---

static const char *kind_name(const struct ff_lane_reader *r, uint32_t kind)
{
	return kind < FF_RING_KINDS && r->kinds[kind].name[0] ? r->kinds[kind].name : "firstfix.event.unnamed";
}

static void make_event(struct ff_lane_reader *r, const uint64_t *words, size_t n)
{
	uint64_t end = r->number * r->h.block_size + r->at; // `at` is behind it already
	uint32_t kind = words[0] >> 48 & 0xff;
	r->event = (struct ff_event){
		.kind = kind,
		.name = kind_name(r, kind),
		.time_ns = ff_reader_time(r, words[1]),
		.pid = r->h.pid,
		.tid = (uint32_t)words[2],
		.lane = r->name,
		.n = ff_record_fields(&r->rules, words, n, r->fields),
		.fields = r->fields,
		.keys = r->field_keys,
		.position = end,
		.mono_ns = ff_reader_mono(r, words[1]),
	};
	for (size_t i = 0; i < r->event.n; i++)
		r->field_keys[i] = ff_reader_key(r, r->fields[i].key);
}

static bool take_lost(struct ff_lane_reader *r)
{
	if (r->counts.lost == r->lost_told)
		return false;
	r->fields[0] = FF_INT(COUNT, (int64_t)(r->counts.lost - r->lost_told));
	r->field_keys[0] = "firstfix.count";
	r->lost_told = r->counts.lost;
	uint64_t last = r->event.time_ns, last_mono = r->event.mono_ns;
	r->event = (struct ff_event){
		.kind = FF_EV_LOST,
		.name = "firstfix.lost",
		.time_ns = last ? last : r->h.first.real_ns,
		.pid = r->h.pid,
		.lane = r->name,
		.n = 1,
		.fields = r->fields,
		.keys = r->field_keys,
		.mono_ns = last ? last_mono : r->h.first.mono_ns,
	};
	return true;
}

enum ff_lane_got ff_lane_reader_next(struct ff_lane_reader *r, const struct ff_event **ret)
{
	for (;;) {
		if (take_lost(r)) {
			*ret = &r->event;
			return FF_LANE_EVENT;
		}
		if (!r->loaded && !enter_block(r))
			return FF_LANE_NOTHING;
		if (r->at >= r->n) {
			if (!handle_end(r))
				return FF_LANE_NOTHING;
			continue;
		}
		size_t words = 0;
		enum ff_record_is is = look(r, &words);
		if (is == FF_RECORD_NONE) {
			if (!handle_hole(r))
				return FF_LANE_NOTHING;
			continue;
		}
		const uint64_t *record = r->block + r->at / FF_RING_WORD;
		r->hole_since = 0;
		r->at += (uint32_t)(words * FF_RING_WORD);
		if (is == FF_RECORD_END)
			continue;
		r->seen[r->number % r->h.blocks].n++;
		r->given++;
		make_event(r, record, words);
		*ret = &r->event;
		return FF_LANE_EVENT;
	}
}

uint64_t ff_lane_reader_ordinal(const struct ff_lane_reader *r)
{
	return r->overwritten_before + r->lost_told + r->given;
}

struct ff_lane_counts ff_lane_reader_counts(const struct ff_lane_reader *r)
{
	struct ff_lane_counts counts = r->counts;
	uint64_t dropped = ff_reader_live(r, offsetof(struct ff_ring_live, dropped));
	counts.dropped = dropped;
	counts.lost += r->overwritten_before;
	return counts;
}
