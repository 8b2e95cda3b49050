// Remembers shapes of lines by their hash, and what came of them, in a table that forgets: a shape that was pushed out
// is read a few times more.
//
//	[rank3]: WARNING 10:11:12 step 40 is slow (3.2 s)
//	[rank1]: WARNING 10:12:40 step 41 is slow (2.9 s)       the same shape
//	ERROR request 4be08f1a failed                           the same as of request 77c01d9e
//	worker exited with code 1                               another one than "worker exited with code 137"
#include "diagnose/repeat.h"

#include <ctype.h>
#include <stdlib.h>

enum { SETS = 1 << 12, WAYS = 4, READ_MAX = 8, BLIND_MAX = 64, CODE_DIGITS = 3, NAME_MIN = 6 };

struct shape {
	uint64_t hash; // of the shape and of what was open before
	struct ff_outcome outcome;
	unsigned char read, same; // same: so often with this outcome
};

struct ff_repeats {
	struct shape shapes[SETS][WAYS]; // those of a set by their last use
};

struct ff_repeats *ff_repeats_create(void)
{
	return calloc(1, sizeof(struct ff_repeats));
}

void ff_repeats_destroy(struct ff_repeats *repeats)
{
	free(repeats);
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool part_of_clock(char c)
{
	return c == ':' || c == '.' || c == ',' || c == '-' || c == '/' || c == '%';
}

// A number that is no part of a date, a clock or a measure.
static bool stands_alone(struct ff_span line, size_t from, size_t to)
{
	return to - from <= CODE_DIGITS && (!from || !part_of_clock(line.p[from - 1])) &&
		(to == line.n || !part_of_clock(line.p[to]));
}

size_t ff_name_length(struct ff_span line, size_t from)
{
	size_t n = 0;
	bool number = false, letter = false;
	if (line.n < NAME_MIN || from > line.n - NAME_MIN || !isxdigit((unsigned char)line.p[from + NAME_MIN - 1]))
		return 0; // as most words
	for (; from + n < line.n && isxdigit((unsigned char)line.p[from + n]); n++) {
		number |= digit(line.p[from + n]);
		letter |= !digit(line.p[from + n]);
	}
	bool ends = from + n == line.n || !isalnum((unsigned char)line.p[from + n]);
	return ends && n >= NAME_MIN && number && letter ? n : 0;
}

static uint64_t mix(uint64_t hash, unsigned char c)
{
	return (hash ^ c) * 1099511628211u;
}

bool ff_shape_of(struct ff_span line, uint64_t matched, bool numbers, struct ff_shape *ret)
{
	uint64_t exact = 14695981039346656037u ^ matched, blind = exact;
	bool inside = false, any = false; // inside: a word
	for (size_t i = 0; i < line.n; i++) {
		size_t name = inside ? 0 : ff_name_length(line, i);
		inside = isalnum((unsigned char)line.p[i]);
		if (name) {
			i += name - 1;
			blind = mix(blind, 'x');
			continue;
		}
		if (!digit(line.p[i])) {
			blind = mix(blind, (unsigned char)line.p[i]);
			continue;
		}
		size_t from = i;
		while (i + 1 < line.n && digit(line.p[i + 1]))
			i++;
		bool counts = numbers && stands_alone(line, from, i + 1);
		any |= counts;
		for (size_t k = from; counts && k <= i; k++)
			exact = mix(exact, (unsigned char)line.p[k]);
		exact = mix(exact, ' ');
		blind = mix(blind, '0');
	}
	ret->blind = blind ^ blind >> 32;
	ret->exact = any ? mix(blind, 1) ^ exact ^ exact >> 32 : ret->blind;
	return any;
}

static uint64_t key_of(uint64_t state, uint64_t shape)
{
	return (state ^ state >> 31) * 0x9e3779b97f4a7c15u ^ shape;
}

// NULL when it was never read, or is forgotten.
static const struct shape *find(const struct ff_repeats *repeats, uint64_t key)
{
	const struct shape *set = repeats->shapes[key % SETS];
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].hash == key)
			return &set[i];
	}
	return NULL;
}

static void count(struct ff_repeats *repeats, uint64_t key, struct ff_outcome outcome)
{
	const struct shape *known = find(repeats, key);
	struct shape *set = repeats->shapes[key % SETS], s = known ? *known : (struct shape){.hash = key};
	size_t at = known ? (size_t)(known - set) : WAYS - 1;
	memmove(set + 1, set, at * sizeof(*set));
	if (s.outcome.state != outcome.state || s.outcome.begun != outcome.begun ||
		s.outcome.landmark != outcome.landmark)
		s.same = 0;
	s.outcome = outcome;
	s.read += s.read < BLIND_MAX;
	s.same += s.same < BLIND_MAX;
	set[0] = s;
}

void ff_repeats_read(
	struct ff_repeats *repeats, uint64_t state, const struct ff_shape *shape, struct ff_outcome outcome)
{
	count(repeats, key_of(state, shape->blind), outcome);
	if (shape->exact != shape->blind)
		count(repeats, key_of(state, shape->exact), outcome);
}

bool ff_repeats_known(
	const struct ff_repeats *repeats, uint64_t state, const struct ff_shape *shape, struct ff_outcome *ret)
{
	const struct shape *exact = find(repeats, key_of(state, shape->exact));
	const struct shape *blind = find(repeats, key_of(state, shape->blind));
	const struct shape *known = exact && exact->same >= READ_MAX ? exact
		: blind && blind->same >= BLIND_MAX		     ? blind
								     : NULL;
	if (known)
		*ret = known->outcome;
	return known;
}

bool ff_repeats_often(const struct ff_repeats *repeats, uint64_t state, const struct ff_shape *shape)
{
	const struct shape *exact = find(repeats, key_of(state, shape->exact));
	const struct shape *blind = find(repeats, key_of(state, shape->blind));
	return (exact && exact->read >= READ_MAX) || (blind && blind->read >= BLIND_MAX);
}
