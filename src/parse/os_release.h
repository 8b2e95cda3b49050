// /etc/os-release: which distribution this is.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** {"id", "version", "name", "like"}; keys that the file lacks are absent. */
struct ff_error *ff_os_release_parse(struct ff_span text, json_t **ret);
