// Which lines of a log have to be looked at. Lines that differ from known ones in digits only are known by a hash, so
// that each kind is sifted once; all others go through the matcher's sieves together.
#pragma once

#include "base/str.h"
#include "diagnose/matcher.h"

struct ff_sieve;

/** A line that may matter. */
struct ff_sifted {
	size_t start, end; /**< offsets into the chunk; neither newline nor carriage return is part of it */
	uint64_t number;   /**< newlines of the chunk before it */
	uint64_t kind;	   /**< hash of it with zeros for digits */
	bool certain;	   /**< certain digits stand in it that some pattern asks for, or a user's rule may match */
	bool digits;	   /**< they matter: what matches in one line says nothing of others of its kind */
};

/** Where a line begins, and the newlines of the chunk before it. */
struct ff_sieve_place {
	uint32_t at, number;
};

struct ff_error *ff_sieve_create(struct ff_matcher *matcher, struct ff_sieve **ret);
void ff_sieve_destroy(struct ff_sieve *sieve);

/** Begin with a chunk of whole lines, which stays where it is while it is sifted. */
struct ff_error *ff_sieve_begin(struct ff_sieve *sieve, struct ff_span chunk);

/** The next lines of the chunk that may matter, in order; more of them, or none, until *ret_n is 0. */
struct ff_error *ff_sieve_next(struct ff_sieve *sieve, const struct ff_sifted **ret, size_t *ret_n);

/** Lines of this kind need not be sifted out again: nothing that matters stands in them. */
void ff_sieve_forget(struct ff_sieve *sieve, uint64_t kind);

/** The first line that does not begin before `from` and may be a sign of work, among those that have been handed out or
    passed over; false where there is none. `from` may not become less within a chunk. */
bool ff_sieve_work(struct ff_sieve *sieve, size_t from, struct ff_sieve_place *ret);

/** The kind of a line. */
uint64_t ff_sieve_kind(const struct ff_sieve *sieve, struct ff_span line);

/** Newlines of the chunk, once all of it has been sifted. */
uint64_t ff_sieve_newlines(const struct ff_sieve *sieve);
