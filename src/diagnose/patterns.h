// Patterns for one Vectorscan database, gathered from rules, marks and landmarks.
#pragma once

#include "diagnose/rule.h"
#include "log/landmark.h"

#include <hs.h>

enum {
	FF_LANDMARK_ID = 1
		<< 24 /**< first id of a landmark; a signature's is its index + 1, that of a mark one of those below */
};
enum { FF_MARK_ID = 0, FF_WRAPPED_ID = FF_LANDMARK_ID - 1, FF_SETTINGS_ID = FF_LANDMARK_ID - 2 };

struct ff_patterns {
	const char **text;
	unsigned *flags, *ids;
	unsigned n;
	struct ff_landmarks *landmarks; /**< whose patterns are among them */
	char **made;			/**< texts that belong to the list */
	size_t made_n;
};

/** Room for n; deinit in any case. */
struct ff_error *ff_patterns_init(size_t n, struct ff_patterns *ret);
void ff_patterns_deinit(struct ff_patterns *p);
void ff_patterns_add(struct ff_patterns *p, const char *text, unsigned flags, unsigned id);

/** Of the signatures from `from` to `to`; marks and landmarks stand before the first one. */
struct ff_error *ff_patterns_gather(struct ff_rules *rules, size_t from, size_t to, struct ff_patterns *ret);

/** Signs of work. */
struct ff_error *ff_patterns_work(struct ff_patterns *ret);

struct ff_error *ff_patterns_compile(
	const struct ff_patterns *p, const hs_platform_info_t *platform, hs_database_t **ret);
