// What the files of this folder share. For src/host only.
#pragma once

#include "host/host.h"

struct ff_host {
	int root_fd; // -1 on the live root
	bool captured;
	pid_t pid;    // --pid, or 0
	pid_t self;   // who made the host: helpers are other processes
	json_t *live; // .firstfix/live.json of a captured machine
	json_t *env;
	const struct ff_image *image; // its files are the machine's
	struct ff_trace *trace;	      // trace.c; NULL when nothing is recorded
};

// Open with any flags below the root; -1 and errno. O_PATH wakes no device and needs no permission to read.
int ff_host_open_raw(struct ff_host *host, const char *path, int flags);

// Open for reading; the descriptor is the caller's after errors too. FF_EFORMAT for what is no regular file.
struct ff_error *ff_host_open_regular(struct ff_host *host, const char *path, int *ret_fd, struct stat *ret);

// What readlink gave, as text of the caller's; n < 0: errno says why there is none.
struct ff_error *ff_host_link_text(const char *path, const char *target, ssize_t n, char **ret);

// The same questions to an image (view.c).
struct ff_error *ff_view_open(struct ff_host *host, const char *path, int *ret_fd);
struct ff_error *ff_view_bytes(struct ff_host *host, const char *path, bool whole, struct ff_span *ret);
struct ff_error *ff_view_stat(struct ff_host *host, const char *path, struct stat *ret);
struct ff_error *ff_view_link(struct ff_host *host, const char *path, const char **ret);
struct ff_error *ff_view_realpath(struct ff_host *host, const char *path, char **ret);
struct ff_error *ff_view_list(struct ff_host *host, const char *path, size_t max, struct ff_names *ret);
struct ff_error *ff_view_writable(struct ff_host *host, const char *path, bool *ret);
