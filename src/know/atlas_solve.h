// One set of versions that fits: when a package moves to another release, what must move with it.
#pragma once

#include "base/json.h"
#include "know/atlas_ask.h"

enum { FF_ATLAS_MOVES_MAX = 6 };

/** A package and the release that it moves to; the texts are of the atlas and of `packages`. */
struct ff_atlas_move {
	const char *package;
	const char *have;		/**< NULL: it is not there, and comes as a dependency */
	const char *to;			/**< the release of the atlas that was tried */
	const char *because;		/**< the package that asks it to; NULL for the first */
	char need[FF_ATLAS_BOUNDS_MAX]; /**< bounds of which an installer takes just that release */
};

struct ff_atlas_solution {
	struct ff_atlas_move moves[FF_ATLAS_MOVES_MAX]; /**< the package that was asked for first */
	size_t n;
	bool plain; /**< the newest release within the bounds fits as it is: nothing else moves, no bounds are needed */
	int cost;   /**< packages and releases that move: the smaller, the smaller the change */
};

/** Move `package` into `need` (bounds; NULL for another release than the one here). `importer` (NULL: none) is an
    installed package that must find afterwards all that it imports. Of the facts count python.packages and required_by,
    and what ff_atlas_host_of() takes. False when the atlas does not know the package, or no set was
    found within the bounds on the search. */
bool ff_atlas_solve(const struct ff_atlas *a, const json_t *facts, const char *package, const char *need,
	const char *importer, struct ff_atlas_solution *ret);
