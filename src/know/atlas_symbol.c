// Who has a symbol that an extension misses: libraries by release (tools/atlaslib/symbols.py), asked by its name.
//
//	"_ZN3c105ErrorC2ENS_14SourceLocationESs"  ->  libc10 of torch, releases up to 2.6
//
// Such a package is named "lib/" and its distribution, and has libraries where others have modules. Of a symbol's hash
// the first 48 bits count; the text is the number of its library. How the source lies: a symbol that all releases have
// is not listed, and the builds of one release may differ (the C++ ABI of torch 2.6).
#include "know/atlas_ask.h"

enum { DROPPED_BITS = 16 };

static const char prefix[] = "lib/";

static struct ff_span library_name(const struct ff_atlas_package *p, uint64_t number)
{
	struct ff_span rest = ff_span_of(p->modules), one = {0};
	for (uint64_t i = 0; rest.n && ff_span_next(&rest, ' ', &one); i++) {
		if (i == number)
			return one;
	}
	return (struct ff_span){0};
}

bool ff_atlas_libraries(const struct ff_atlas *a, const char *distribution, struct ff_atlas_package *ret)
{
	for (size_t i = 0; ff_atlas_package_at(a, i, ret); i++) {
		if (ff_starts(ret->name, prefix) && strcmp(ret->name + sizeof(prefix) - 1, distribution) == 0)
			return true;
	}
	return false;
}

uint64_t ff_atlas_symbol_in(
	const struct ff_atlas *a, const struct ff_atlas_package *p, const char *symbol, struct ff_span *ret_library)
{
	struct ff_atlas_entry entry;
	uint64_t h = ff_atlas_hash(FF_ATLAS_HASH, FF_SPAN("y ")), number;
	h = ff_atlas_hash(ff_atlas_hash(h, ff_span_of(p->name)), FF_SPAN(" "));
	h = ff_atlas_hash(h, ff_span_of(symbol)) >> DROPPED_BITS << DROPPED_BITS;
	if (!ff_atlas_find(a, ff_span_of(p->name), h, &entry) || !ff_span_u64(ff_span_of(entry.text), &number))
		return 0;
	*ret_library = library_name(p, number);
	return ret_library->n ? entry.set & ff_atlas_all(p) : 0;
}

bool ff_atlas_ask_symbol(const struct ff_atlas *a, const char *symbol, const char *have, struct ff_atlas_answer *ret,
	struct ff_span *ret_library)
{
	struct ff_atlas_package p;
	*ret = (struct ff_atlas_answer){0};
	for (size_t i = 0; ff_atlas_package_at(a, i, &p); i++) {
		uint64_t set = ff_starts(p.name, prefix) ? ff_atlas_symbol_in(a, &p, symbol, ret_library) : 0;
		if (!set)
			continue;
		ff_atlas_answer_set(a, &p, set, have, ret);
		ret->package += sizeof(prefix) - 1;
		return true;
	}
	return false;
}
