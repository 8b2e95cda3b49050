// What is installed in a folder of packages: one *.dist-info each, with the list of its files in RECORD.
#pragma once

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>

enum { FF_DIST_RECORD_MAX = 16 << 20 };

/** The file that RECORD in `site` names, as an absolute path, or NULL where it lies outside the environment that `site`
    belongs to (/srv/venv of /srv/venv/lib/python3.11/site-packages). The caller frees it. */
char *ff_dist_path(const char *site, struct ff_span name);

/** The key of `names` that is the package of this "name-1.0.dist-info"; NULL for none and for any other file. */
const char *ff_dist_of(const json_t *names, const char *info);

/** RECORD of a dist-info, FF_EABSENT where there is none. */
struct ff_error *ff_dist_record(const char *site, const char *info, struct ff_buf *ret);

/** The names in a folder, sorted; none where it does not exist. */
json_t *ff_dist_list(const char *folder);

/** Put a hard link of `from` at `to` (which is replaced), a copy where links are refused. */
struct ff_error *ff_dist_link(const char *from, const char *to);

/** Remove a file or a folder with all that is in it. */
struct ff_error *ff_dist_remove(const char *path);
