// Remembers shapes of lines by their hash, in a table that forgets: a shape that was pushed out is read a few times more. A shape that
// left something open once (a headline of a traceback) is never known.
//
//	[rank3]: WARNING 10:11:12 step 40 is slow (3.2 s)
//	[rank1]: WARNING 10:12:40 step 41 is slow (2.9 s)       the same shape
//	ERROR request 4be08f1a failed                           the same as of request 77c01d9e
//	worker exited with code 1                               another one than "worker exited with code 137"
#include "diagnose/repeat.h"

#include <ctype.h>
#include <stdlib.h>

enum { SHAPES = 1 << 12, READ_MAX = 8, BLIND_MAX = 64, CODE_DIGITS = 3, NAME_MIN = 6 };

struct shape {
	uint64_t hash;
	unsigned char read;
	bool open;
};

struct ff_repeats {
	struct shape shapes[SHAPES];
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

// Length of an identifier in hexadecimal (a request, a part of a UUID, an address) that begins here, 0 for none.
static size_t name_length(struct ff_span line, size_t from)
{
	size_t n = 0;
	bool number = false, letter = false;
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
		size_t name = inside ? 0 : name_length(line, i);
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

static struct shape *slot_of(struct ff_repeats *repeats, uint64_t shape)
{
	return &repeats->shapes[shape % SHAPES];
}

static unsigned read_times(const struct ff_repeats *repeats, uint64_t shape)
{
	const struct shape *s = &repeats->shapes[shape % SHAPES];
	return s->hash == shape ? s->read : 0;
}

static bool open_ended(const struct ff_repeats *repeats, uint64_t shape)
{
	const struct shape *s = &repeats->shapes[shape % SHAPES];
	return s->hash == shape && s->open;
}

static void count(struct ff_repeats *repeats, uint64_t shape, bool whole)
{
	struct shape *s = slot_of(repeats, shape);
	if (s->hash != shape)
		*s = (struct shape){.hash = shape};
	s->open |= !whole;
	s->read += s->read < BLIND_MAX;
}

void ff_repeats_read(struct ff_repeats *repeats, const struct ff_shape *shape, bool whole)
{
	count(repeats, shape->blind, whole);
	if (shape->exact != shape->blind)
		count(repeats, shape->exact, whole);
}

bool ff_repeats_often(const struct ff_repeats *repeats, const struct ff_shape *shape)
{
	return read_times(repeats, shape->exact) >= READ_MAX || read_times(repeats, shape->blind) >= BLIND_MAX;
}

bool ff_repeats_known(const struct ff_repeats *repeats, const struct ff_shape *shape)
{
	return ff_repeats_often(repeats, shape) && !open_ended(repeats, shape->exact) &&
		!open_ended(repeats, shape->blind);
}
