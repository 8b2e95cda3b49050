// The prefixes that launchers, container runtimes and loggers put before a line: a table of patterns.
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "log/line.h"

/** What the prefixes said. */
struct ff_prefix {
	char source[96]; /**< outer and inner names joined by '/' */
	size_t source_n;
	char service[64]; /**< the container or pod among several */
	size_t service_n;
	enum ff_level level;
	uint64_t heads;	 /**< one bit a row of the table that fitted */
	unsigned quotes; /**< marks of a quotation stood before it */
	char part;	 /**< CRI: 'P' for a part of a line, 'F' for its end, 0 when nothing said so */
};

struct ff_prefixes;

struct ff_error *ff_prefixes_create(struct ff_prefixes **ret);
void ff_prefixes_destroy(struct ff_prefixes *prefixes);

/** Another name that was found further in. */
void ff_prefix_add_source(struct ff_prefix *prefix, struct ff_span name);

/** Take every known prefix off `text`, up to one that says that the line arrives in parts; what they say is added to
    *prefix. Returns what is left. */
struct ff_span ff_prefixes_strip(struct ff_prefixes *prefixes, struct ff_span text, struct ff_prefix *prefix);
