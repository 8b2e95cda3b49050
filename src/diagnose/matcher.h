// All signatures at once: one Vectorscan database over the patterns of all rules, plus the marks that lines are read
// for. A match there is a candidate only; PCRE2 (the signature's own regex) has the last word and takes the captures.
#pragma once

#include "base/error.h"
#include "diagnose/book.h"
#include "diagnose/rule.h"

struct ff_matcher;

/** What a match in raw text means: a signature (its index), a mark of structure (traceback, frame, exception, loader
    and kernel line: the line must be read), a mark of a text inside (JSON, entities: it must be read too), a list of an
    engine's settings (log/said.h), or a landmark: FF_MATCH_LANDMARK - its index. */
enum { FF_MATCH_STRUCTURE = -1, FF_MATCH_WRAPPED = -2, FF_MATCH_SETTINGS = -3, FF_MATCH_LANDMARK = -4 };

/** What ff_matcher_sift() reports of a line, ORed. */
enum {
	FF_SIFTED = 1,	       /**< something may match in it ... */
	FF_SIFTED_DIGITS = 2,  /**< ... and this may depend on its digits */
	FF_SIFTED_CERTAIN = 4, /**< something may match where it has certain digits: ask ff_matcher_certain() */
	FF_SIFTED_WORK = 8,    /**< it may be a sign of work: ask ff_matcher_works() */
	FF_SIFTED_BITS = 4
};

/** Make the database for these rules. That of the built-in ones is in the program; a second one is compiled now for
    users' rules. */
struct ff_error *ff_matcher_create(struct ff_rules *rules, struct ff_matcher **ret);
void ff_matcher_destroy(struct ff_matcher *matcher);

typedef void ff_match_fn(int what, size_t end, void *context);

/** Report what matches in a line or a message, at least once each; `end` says nothing. */
struct ff_error *ff_matcher_scan(struct ff_matcher *matcher, struct ff_span line, ff_match_fn *fn, void *context);

/** True when sifted lines have to have zeros for digits: then what ff_matcher_sift() says of one, it says of all that
    differ in digits only. */
bool ff_matcher_masks(const struct ff_matcher *matcher);

/** Report places in whole lines without which none of the lines can match. Many times quicker than ff_matcher_scan(),
    which decides on the lines found. */
struct ff_error *ff_matcher_sift(struct ff_matcher *matcher, struct ff_span lines, ff_match_fn *fn, void *context);

/** The same for users' rules, in lines as they are; nothing where they are not masked. */
struct ff_error *ff_matcher_extra(struct ff_matcher *matcher, struct ff_span lines, ff_match_fn *fn, void *context);

/** Whether the digits that some pattern asks for stand in a line as it is. */
struct ff_error *ff_matcher_certain(struct ff_matcher *matcher, struct ff_span line, bool *ret);

/** Whether a line may be a sign of work, as far as Vectorscan can say. Healthy logs are full of them, so they have a
    database of their own that is asked only while a run waits for one. */
struct ff_error *ff_matcher_works(struct ff_matcher *matcher, struct ff_span line, bool *ret);

/** A database of the book, or its scratch, as it will lie in the program. */
struct ff_matcher_image {
	char *bytes; /**< caller frees; NULL when this architecture has no such form */
	size_t n;
};

struct ff_matcher_images {
	struct ff_matcher_image databases[FF_BOOK_DATABASES][FF_BOOK_FORMS], scratch;
};

/** All of them, for tools/rulec; `ret` holds zeros. `healthy` is a sample of healthy logs in lower case, with zeros for
    digits. */
struct ff_error *ff_matcher_images(struct ff_rules *rules, struct ff_span healthy, struct ff_matcher_images *ret);
