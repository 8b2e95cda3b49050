// The forms of secrets (rules/data/secrets.tsv), and which of them a text may hold.
#pragma once

#include "base/telling.h"

enum { FF_SECRET_WORDS = 4, FF_SECRET_FORMS_MAX = 64 * FF_SECRET_WORDS };

/** A row of the table; patterns are PCRE2 over bytes, and Python's `re` over bytes alike. */
struct ff_secret_form {
	struct ff_span kind, pattern;
	enum ff_secret_check check;
};

/** Forms, by their numbers. */
struct ff_secret_set {
	uint64_t bits[FF_SECRET_WORDS];
};

/** How many there are; 0 when the table has too many rows or hints, or a hint shorter than 3 bytes. */
size_t ff_secret_forms(void);
const struct ff_secret_form *ff_secret_form(size_t i);

/** Those that have a hint in the text: no other one can match. */
struct ff_secret_set ff_secret_suspects(struct ff_span text);
bool ff_secret_set_has(const struct ff_secret_set *set, size_t form);
bool ff_secret_set_is_empty(const struct ff_secret_set *set);
