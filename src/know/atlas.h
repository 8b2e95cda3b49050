// The atlas: which release of which package has which name, attribute and parameter, what it asks of the others, and
// what moved where. tools/atlas computes it from the packages themselves (rules/data/atlas), the build makes one file
// of it (tools/atlaslib/pack.py) that is mapped with the program; a page of it is read when a question needs it.
//
//	magic "FFATLAS\2", u64 size, u64 check (FNV-1a of what follows up to the first section, the size included), then of
//	each section u64 offset and u64 count, in the order of enum ff_atlas_section. Little-endian; sections are aligned to 8.
//
//	shards     the keys that begin with the same package or top module ("O": all owners), sorted: u64 FNV-1a of that
//	           word, then 6 x u32: first bucket, bits of a bucket's number, first value, first text, bits of a text's
//	           number, seed
//	buckets    u32: where in the records a bucket begins, in bytes
//	records    keys in order, as bits (know/atlas_keys.c): the first bits of a mixed key are its bucket, the next 30 lie
//	           here as the gap from the one before; then the rank of its value in the shard, and the number of its text
//	values     u32, by shard the most frequent first: the number of a set; the highest bit: whether a name is there hangs
//	           on what else is; the next one: there is a text
//	sets       u64: bit i is release i of the package
//	packages   8 x u32: name, modules (texts), then first and count of its releases, requirements and needs
//	releases   u32 text: oldest first
//	requires   u64 set, u32 name, u32 specifiers
//	needs      u64 set, u32 module, u32 name: what importing the package takes from another one
//	texts      u32 text for each number of a shard
//	strings    terminated, up to the end
//
// A key is FNV-1a of "M module", "N module name" (text: where it moved), "C package Class" (text: bases),
// "A package Class attribute", "F package function", "K package function" (takes **kwargs),
// "P package function parameter", "R ..." (must be given), "o module" (may give more than is listed), "O Class" (text:
// packages), "L module" (text: its names), "y package symbol" (the first 48 bits; text: the number of the library),
// "f package flag" (of an engine; text: what it became, defaults, choices), "m package words" (text: a message's check,
// class, name and more, with tabs between).
//
// Two keys of a shard never fall on the same bits: the tool takes another seed. A key that was never put in is taken
// for one that was in less than one of 2^24 cases, and a message has 32 bits more that must be right.
//
// How the bytes lie: every number may be wrong. What is outside gives an empty set or text; only the head is checked at
// load, so that no start reads the whole file.
#pragma once

#include "base/str.h"

enum ff_atlas_section {
	FF_ATLAS_SHARDS,
	FF_ATLAS_BUCKETS,
	FF_ATLAS_RECORDS,
	FF_ATLAS_VALUES,
	FF_ATLAS_SETS,
	FF_ATLAS_PACKAGES,
	FF_ATLAS_RELEASES,
	FF_ATLAS_REQUIRES,
	FF_ATLAS_NEEDS,
	FF_ATLAS_TEXTS,
	FF_ATLAS_STRINGS,
	FF_ATLAS_SECTIONS,
};

/** An atlas that is open; borrows the bytes. */
struct ff_atlas {
	struct {
		const void *p;
		size_t count;
	} sections[FF_ATLAS_SECTIONS];
};

/** One package of it. */
struct ff_atlas_package {
	const char *name, *modules; /**< modules: top-level ones, with spaces between */
	const uint32_t *releases;   /**< texts, oldest first */
	size_t release_count, first_require, require_count, first_need, need_count;
};

enum { FF_ATLAS_RELEASES_MAX = 64, FF_ATLAS_ALIGNMENT = 8 };

/** Is the release in the set? */
static inline bool ff_atlas_in(uint64_t set, int release)
{
	return release >= 0 && release < FF_ATLAS_RELEASES_MAX && (set >> release & 1);
}

/** Open an atlas from bytes aligned to FF_ATLAS_ALIGNMENT. FF_EFORMAT says what is wrong with it. */
struct ff_error *ff_atlas_open(const void *bytes, size_t n, struct ff_atlas *ret);

/** Make the check of the head right, as whoever writes an atlas does (tests of what lies behind it). */
void ff_atlas_seal(void *bytes, size_t n);

/** The one that was built into this program; NULL where none was, or it does not open. */
const struct ff_atlas *ff_atlas(void);

/** The releases that have a key made of words ("N", "torch", "compile", NULL); false when it is not listed. */
bool ff_atlas_set(const struct ff_atlas *a, uint64_t *ret, const char *kind, ...) __attribute__((sentinel));

/** Does a name hang on what else is there? Its module binds it on one way and not on another. */
bool ff_atlas_unsure(const struct ff_atlas *a, const char *module, const char *name);

/** The text of a key, NULL when there is none. */
const char *ff_atlas_text(const struct ff_atlas *a, const char *kind, ...) __attribute__((sentinel));

/** What the atlas has of a key. */
struct ff_atlas_entry {
	uint64_t set;
	const char *text; /**< NULL: none */
	bool unsure;
};

/** The same by the key's hash, made of FF_ATLAS_HASH and the key's bytes; shard: the package or top module that it
    begins with. */
bool ff_atlas_find(const struct ff_atlas *a, struct ff_span shard, uint64_t key, struct ff_atlas_entry *ret);
#define FF_ATLAS_HASH UINT64_C(0xcbf29ce484222325)
uint64_t ff_atlas_hash(uint64_t h, struct ff_span bytes);

/** Every release of a package, as a set. */
uint64_t ff_atlas_all(const struct ff_atlas_package *p);

/** The text at an offset, "" outside. */
const char *ff_atlas_string(const struct ff_atlas *a, uint32_t offset);

/** A package by the name of its distribution (as anybody writes it), or by a module of its own
    ("torch.nn.functional"). */
bool ff_atlas_package(const struct ff_atlas *a, const char *name, struct ff_atlas_package *ret);
bool ff_atlas_package_of_module(const struct ff_atlas *a, const char *module, struct ff_atlas_package *ret);

/** Package number i, false behind the last. */
bool ff_atlas_package_at(const struct ff_atlas *a, size_t i, struct ff_atlas_package *ret);

/** Are both of one minor release ("4.46.3" and "4.46")? */
bool ff_atlas_same_minor(const char *a, const char *b);

/** The position of the release that a version is or comes right after; -1 before the first. *same: of the same minor
    release, of which a table mostly has the last patch alone. */
int ff_atlas_position(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *version, bool *same);
