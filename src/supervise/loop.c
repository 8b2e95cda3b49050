// The epoll set: descriptors and what is called when they are ready.
#include "supervise/loop.h"

#include <errno.h>
#include <unistd.h>

int watch_set(int epoll, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};
	if (w->fd < 0 || (!events && !w->armed))
		return 0;
	int op = !events ? EPOLL_CTL_DEL : w->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (w->armed && events == w->events)
		return 0;
	if (epoll_ctl(epoll, op, w->fd, &e))
		return -errno;
	w->armed = events != 0;
	w->events = events;
	return 0;
}

void watch_close(int epoll, struct watch *w)
{
	if (w->fd < 0)
		return;
	watch_set(epoll, w, 0);
	close(w->fd);
	w->fd = -1;
}
