// Resolving a path inside a root without ever leaving it. For host.c only.
#pragma once

/** Open an absolute path inside root_fd; every link is resolved inside it. -1 and errno on failure. */
int ff_open_in_root(int root_fd, const char *path, int flags);

/** The same by walking component by component, also saying the resolved absolute path (heap) when ret_path is not NULL.
    root_fd -1 is the real root. Returns the descriptor or -errno (ELOOP after 40 links). */
int ff_resolve_in_root(int root_fd, const char *path, int flags, char **ret_path);
