// Parts of the SQLite back end that stand in files of their own.
#pragma once

#include "fleet/database.h"

/** Milliseconds that workers of a fleet lost, by the number of a failure. */
struct ff_error *ff_sqlite_lost(struct ff_fleet *fleet, const char *name, int64_t **ret, size_t *ret_n);
