// Scope-bound release of what a function owns, and the hand-over out of it.
//
//	_cleanup_free_ char *name = strdup(x);   // freed on every way out
//	*ret = ff_take(&name);                   // handed over: no longer ours
//
// A macro appears here because C has no other way to bind release to scope; it hides no control flow.
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FF_CLEANUP(function) __attribute__((__cleanup__(function)))

static inline void ff_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void ff_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ff_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void ff_cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_free_ FF_CLEANUP(ff_cleanup_free)
#define _cleanup_close_ FF_CLEANUP(ff_cleanup_close)
#define _cleanup_fclose_ FF_CLEANUP(ff_cleanup_fclose)
#define _cleanup_closedir_ FF_CLEANUP(ff_cleanup_closedir)

/** Hand an owned pointer over: returns it and leaves NULL behind, so that its cleanup does nothing. */
#define ff_take(p)                                 \
	({                                         \
		__typeof__(*(p)) ff_taken_ = *(p); \
		*(p) = NULL;                       \
		ff_taken_;                         \
	})

/** Hand an owned file descriptor over: returns it and leaves -1 behind. */
static inline int ff_take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}
