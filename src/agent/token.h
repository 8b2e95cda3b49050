// The bearer token of a server.
#pragma once

#include "base/error.h"

enum { FF_TOKEN_MAX = 256 };

/** The token of a file, or of FIRSTFIX_TOKEN where `path` is NULL, which leaves the environment: nobody whom we start
    shall see it. "" for none. */
struct ff_error *ff_token_read(const char *path, char ret[FF_TOKEN_MAX]);
