// Python versions and version specifiers: PEP 440, and an order for what is no PEP 440 version.
#pragma once

#include "base/str.h"

enum { FF_VERSION_RELEASE_MAX = 16 };

/** A PEP 440 version as spans into the caller's text. Numbers stay digits: they have no upper bound in Python. */
struct ff_version {
	struct ff_span epoch; /**< empty is 0 */
	struct ff_span release[FF_VERSION_RELEASE_MAX];
	size_t n_release; /**< at least 1 */
	const char *pre;  /**< "a", "b", "rc" or NULL */
	bool has_post, has_dev;
	struct ff_span pre_n, post_n, dev_n; /**< empty is 0 */
	struct ff_span local;		     /**< after the '+', as written; empty for none */
};

/** Parse a whole text (white space around it is allowed, as in Python's `packaging`); false when it is no PEP 440
    version or has more release numbers than FF_VERSION_RELEASE_MAX. *ret is untouched then. */
bool ff_version_parse(struct ff_span text, struct ff_version *ret);

/** The order of PEP 440: negative, 0 or positive. */
int ff_version_order(const struct ff_version *a, const struct ff_version *b);

/** The order of the parts before the '+'. */
int ff_version_order_public(const struct ff_version *a, const struct ff_version *b);

/** The order of epoch and release numbers alone ("2.0rc1" and "2.0.post1" are equal here). */
int ff_version_order_release(const struct ff_version *a, const struct ff_version *b);

/** A pre-release or development release ("2.0rc1", "2.0.dev3"). */
bool ff_version_is_prerelease(const struct ff_version *v);

/** The normal form ("v2.0-RC1+CU121" is "2.0rc1+cu121"), appended. */
void ff_version_format(const struct ff_version *v, struct ff_buf *b);

/** The order of two texts: by PEP 440 where both are versions; a text that is none comes before every version, and two
    such texts are ordered by their runs of digits and letters ("1.0-foo2" < "1.0-foo10"). */
int ff_version_compare(const char *a, const char *b);

/** The same with spans. */
int ff_version_compare_spans(struct ff_span a, struct ff_span b);

enum ff_satisfies {
	FF_SATISFIES_NO,
	FF_SATISFIES_YES,
	FF_SATISFIES_UNKNOWN, /**< the version or a specifier is malformed: neither yes nor no can be said */
};

/** Does the version satisfy a comma-separated list of specifiers (">=2.0,<3,!=2.1.*")? An empty list is satisfied by
    all. Pre-releases count as any other version: the question is what is installed, not what to install. */
enum ff_satisfies ff_version_satisfies(const char *version, const char *specifiers);

/** The same with spans. */
enum ff_satisfies ff_version_satisfies_spans(struct ff_span version, struct ff_span specifiers);
