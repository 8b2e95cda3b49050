// Parts of the SQLite back end that stand in files of their own.
#pragma once

#include "fleet/database.h"
#include "fleet/source.h"

/** Milliseconds that workers of a fleet lost, by the number of a failure; of one failure alone where one is given. */
struct ff_error *ff_sqlite_lost(
	struct ff_fleet *fleet, const struct ff_fleet_about *about, int64_t **ret, size_t *ret_n);
