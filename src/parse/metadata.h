// What Python tools leave beside an installed package: METADATA/PKG-INFO headers, requires.txt, .pth, pyvenv.cfg,
// direct_url.json. All functions walk over bytes in place; spans point into the caller's text.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** Mail-like headers that are being read; start with {.rest = text}. */
struct ff_headers {
	struct ff_span rest;
	bool malformed; /**< ended at a line that is no header, not at the blank line */
};

/** The next header; a folded value keeps its newlines. False at the blank line, at the end and at a malformed line. */
bool ff_header_next(struct ff_headers *headers, struct ff_span *ret_key, struct ff_span *ret_value);

/** Where the headers end (the offset behind the blank line); n when there is no blank line in it. */
size_t ff_headers_end(struct ff_span text);

/** requires.txt of an egg-info folder that is being read; start with {.rest = text}. */
struct ff_egg_requires {
	struct ff_span rest;
	struct ff_span extra, marker; /**< of the section the line stands in: "[extra:marker]"; empty outside */
};

/** The next requirement; its section is in the struct. */
bool ff_egg_requires_next(struct ff_egg_requires *egg, struct ff_span *ret_requirement);

/** A line of a .pth file. */
enum ff_pth_kind {
	FF_PTH_END,
	FF_PTH_PATH,   /**< to be put on sys.path, relative to the folder of the file */
	FF_PTH_IMPORT, /**< Python code that the interpreter runs at start */
};

/** The next line that means something; blank ones and comments are passed over. */
enum ff_pth_kind ff_pth_next(struct ff_span *rest, struct ff_span *ret);

/** INI text that is being read; start with {.rest = text}. pyvenv.cfg is one without sections. */
struct ff_ini {
	struct ff_span rest, section;
};

/** The next "key = value"; other lines are passed over. */
bool ff_ini_next(struct ff_ini *ini, struct ff_span *ret_key, struct ff_span *ret_value);

/** The value of a key (any case) in a text without sections; false when it is not there. The last one wins, as in
    Python. */
bool ff_ini_find(struct ff_span text, const char *key, struct ff_span *ret);

/** How a package was installed when not from an index: direct_url.json (PEP 610). Texts are owned, NULL when not
    said. */
struct ff_direct_url {
	char *url, *vcs, *commit;
	bool editable;
};

struct ff_error *ff_direct_url_parse(const char *file, struct ff_span text, struct ff_direct_url *ret);
void ff_direct_url_deinit(struct ff_direct_url *d);
