// What /proc says of a process.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** The beginning of a small file, without its last newline; false when it cannot be read or is empty. */
bool process_text(const char *path, size_t n, char *ret);

/** True for a living descendant of this process. */
bool is_descendant(pid_t pid);

/** True when a signal is in the set "SigCgt" (caught) or "SigIgn" (ignored) of the process. */
bool process_has_signal(pid_t pid, const char *set, int signal);
