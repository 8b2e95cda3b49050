// What a library's own message asks for, from the atlas: the tool has read what each release can raise, warn of and
// log as an error, and keeps of each message only the hash of a few of its words (tools/atlaslib/said.py).
//
//	"moe_runner_backend=cutlass is not supported for NVFP4 MoE. Use --moe-runner-backend flashinfer_cutlass instead."
//	-> the run "is not supported for" of sglang, and a second run to be sure; class q, name moe_runner_backend
//
// Words are runs of ASCII letters, digits and underscores. How the source lies: a message may be as long as a log, and
// quote another one.
#include "know/atlas_ask.h"

#include <stdio.h>

enum { TEXT_MAX = 1500, WORDS_MAX = 200, RUN_MAX = 4, PACKAGE_NAME_MAX = 128 };
enum { CHECK, KIND, NAME, MORE, PACKAGE, CELLS }; // what the text of a message holds, by tabs (tools/atlaslib/pack.py)

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static size_t split(struct ff_span text, struct ff_span *words)
{
	size_t n = 0;
	if (text.n > TEXT_MAX)
		text.n = TEXT_MAX;
	for (size_t i = 0; i < text.n && n < WORDS_MAX;) {
		size_t start = i;
		while (i < text.n && is_word(text.p[i]))
			i++;
		if (i > start)
			words[n++] = (struct ff_span){text.p + start, i - start};
		else
			i++;
	}
	return n;
}

struct check {
	unsigned int length, hash;
};

// "3:1a2b3c4d": somewhere in the message stands a run of three words with this hash; "0:1a2b3c4d": so ends the key.
static bool read_check(struct ff_span cell, struct check *ret)
{
	char text[24];
	snprintf(text, sizeof(text), "%.*s", (int)(cell.n < sizeof(text) ? cell.n : 0), cell.p);
	return sscanf(text, "%1u:%8x", &ret->length, &ret->hash) == 2 && ret->length <= RUN_MAX;
}

static bool stands(struct check check, uint64_t key, const struct ff_span *words, size_t n)
{
	size_t length = check.length;
	if (!length)
		return (uint32_t)key == check.hash;
	for (size_t i = 0; i + length <= n; i++) {
		uint64_t h = FF_ATLAS_HASH;
		for (size_t k = 0; k < length; k++) {
			h = k ? ff_atlas_hash(h, FF_SPAN(" ")) : h;
			h = ff_atlas_hash(h, words[i + k]);
		}
		if ((uint32_t)h == check.hash)
			return true;
	}
	return false;
}

static bool read_cells(const char *text, struct ff_span cells[static CELLS])
{
	struct ff_span rest = ff_span_of(text);
	for (size_t i = 0; i < CELLS; i++) {
		const char *tab = memchr(rest.p, '\t', rest.n);
		size_t size = tab ? (size_t)(tab - rest.p) : rest.n;
		if (!tab && i + 1 < CELLS)
			return false;
		cells[i] = (struct ff_span){rest.p, size};
		rest = tab ? (struct ff_span){tab + 1, rest.n - size - 1} : (struct ff_span){rest.p + size, 0};
	}
	return cells[KIND].n == 1 || cells[KIND].n == 2; // a letter behind it: it is printed, not raised
}

// 0: no message of this key; 1: one that is known by this run alone; 2: one whose second run stands there too.
static size_t answer(const struct ff_atlas *a, struct ff_span shard, uint64_t key, const struct ff_span *words,
	size_t n, struct ff_atlas_message *ret)
{
	struct ff_atlas_entry entry;
	struct ff_atlas_package p;
	struct ff_span cells[CELLS];
	struct check check;
	char name[PACKAGE_NAME_MAX];
	if (!ff_atlas_find(a, shard, key, &entry) || !entry.text || !read_cells(entry.text, cells) ||
		!read_check(cells[CHECK], &check) || !stands(check, key, words, n))
		return 0;
	struct ff_span package = cells[PACKAGE].n ? cells[PACKAGE] : shard;
	snprintf(name, sizeof(name), "%.*s", (int)package.n, package.p);
	if (!ff_atlas_package(a, name, &p))
		return 0;
	*ret = (struct ff_atlas_message){.kind = *cells[KIND].p,
		.level = cells[KIND].n > 1 ? cells[KIND].p[1] : 0,
		.package = package,
		.name = cells[NAME],
		.more = cells[MORE],
		.first = "",
		.last = ""};
	uint64_t set = entry.set & ff_atlas_all(&p);
	if (set) {
		ret->first = ff_atlas_string(a, p.releases[__builtin_ctzll(set)]);
		ret->last = ff_atlas_string(a, p.releases[63 - __builtin_clzll(set)]);
	}
	return check.length ? 2 : 1;
}

// Among the messages of a shard: the longest run counts, then what is sure of it, then what names something.
static bool ask(const struct ff_atlas *a, struct ff_span shard, struct ff_span text, struct ff_atlas_message *ret)
{
	struct ff_span words[WORDS_MAX];
	size_t n = split(text, words), best = 0;
	uint64_t start = ff_atlas_hash(ff_atlas_hash(FF_ATLAS_HASH, FF_SPAN("m ")), shard);
	for (size_t i = 0; i < n; i++) {
		uint64_t h = start, keys[RUN_MAX + 1];
		size_t length = 0;
		while (length < RUN_MAX && i + length < n) {
			h = ff_atlas_hash(h, FF_SPAN(" "));
			h = ff_atlas_hash(h, words[i + length]);
			keys[++length] = h;
		}
		for (; length > 1; length--) {
			struct ff_atlas_message one;
			size_t sure = answer(a, shard, keys[length], words, n, &one);
			size_t score = sure ? 4 * length + 2 * (sure - 1) + (one.name.n > 0) : 0;
			if (score > best) {
				best = score;
				*ret = one;
			}
		}
	}
	return best > 0;
}

bool ff_atlas_ask_message(
	const struct ff_atlas *a, const char *package, struct ff_span text, struct ff_atlas_message *ret)
{
	struct ff_atlas_package p;
	return ff_atlas_package(a, package, &p) && ask(a, ff_span_of(p.name), text, ret);
}

bool ff_atlas_ask_printed(const struct ff_atlas *a, struct ff_span text, struct ff_atlas_message *ret)
{
	return ask(a, FF_SPAN("G"), text, ret);
}
