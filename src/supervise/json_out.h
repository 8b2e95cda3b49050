// Writes one JSON document to a descriptor, without memory of its own. Errors stick: check once, at json_finish().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_out {
	int fd;
	int error; /**< -errno of the first write that failed */
	bool comma;
	size_t n;
	char buffer[4096];
};

/** `key` is NULL inside an array and for the document itself. `bracket` is { or [, } or ]. */
void json_open(struct json_out *j, const char *key, char bracket);
void json_close(struct json_out *j, char bracket);

/** Text; bytes that are no UTF-8 become U+FFFD, at most 8 KiB are written. NULL text: the key is left out. */
void json_text(struct json_out *j, const char *key, const char *text);
void json_text_n(struct json_out *j, const char *key, const char *text, size_t n);
void json_u64(struct json_out *j, const char *key, uint64_t value);
void json_null(struct json_out *j, const char *key);
void json_bool(struct json_out *j, const char *key, bool value);

/** Write the rest; 0 or -errno. */
int json_finish(struct json_out *j);
