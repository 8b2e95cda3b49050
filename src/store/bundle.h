// A bundle: one incident in a .tar.zst, masked, that another machine can show.
//
//	incident.json   firstfix.incident/1
//	masked.json     what was masked, where and why (never the value)
//	stdout.txt, stderr.txt, incident.md   the same for people
#pragma once

#include "emit/redact.h"

/** Write the bundle to `path`: it appears whole or not at all. `markdown` is the incident as text. */
struct ff_error *ff_bundle_write(const char *path, const struct ff_shareable *incident, const char *markdown);

/** Read incident.json out of a bundle made anywhere: nothing is unpacked to disk, sizes are bounded. */
struct ff_error *ff_bundle_read(const char *path, json_t **ret);

/** True when the file begins like a bundle (zstd). */
bool ff_bundle_is(const char *path);
