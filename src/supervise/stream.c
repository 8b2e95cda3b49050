// Passing output on, byte for byte, and keeping its end.
//
// Bytes are read straight into the tail's ring and written from there, so keeping the tail costs no copy of its own.
// When the worker floods and our stdout is a pipe, tee(2) hands the pages over first and only the read for the tail
// copies. The ring is the buffer: a full one stops the reading, the worker's pipe fills, the worker waits:
// back-pressure as without us. When our reader goes away, the worker's pipe is closed, so that it gets the SIGPIPE it
// would have got.
#include "supervise/stream.h"

#include "base/clock.h"
#include "supervise/say.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	ROUNDS = 16,	   // per wake-up, so that one stream cannot starve the other
	FLOOD = 32 * 1024, // a read of so much makes tee(2) worth its call
	SMALL = 4 * 1024,  // reads below it are worth waiting for more, see loop_pace()
};

static uint64_t pending(const struct stream *st)
{
	return st->tail.total - st->done;
}

static void stop_reading(struct supervisor *s, struct stream *st)
{
	watch_close(s->epoll, &st->in);
}

// Bytes that our stdout will never take: the tail keeps them, the worker must not stand still for them.
static void drop(struct supervisor *s, struct stream *st, int error)
{
	if (error == EPIPE) {
		st->out.way = OUT_CLOSED;
		if (!st->all)
			stop_reading(s, st);
	} else if (!st->lost) {
		say("%s: %s; what the command prints is lost there, its end is kept", st->tail.stream, strerror(error));
	}
	st->lost += pending(st);
	st->done = st->tail.total;
}

// What was waiting in pages that are gone is lost; nothing else takes its place.
static void skip_gone(struct stream *st)
{
	if (st->done >= st->tail.gone)
		return;
	say("%s: the last %llu bytes were lost: somebody cut %s", st->tail.stream,
		(unsigned long long)(st->tail.gone - st->done), st->tail.path);
	st->lost += st->tail.gone - st->done;
	st->done = st->tail.gone;
}

// False when `out` takes no more for now.
static bool flush(struct supervisor *s, struct stream *st)
{
	skip_gone(st);
	while (pending(st)) {
		struct iovec iov[2];
		int pieces = tail_pieces(&st->tail, st->done, pending(st), iov);
		ssize_t n = st->out.way == OUT_CLOSED ? -EPIPE : out_write(&st->out, iov, pieces);
		if (n == -EAGAIN)
			return false;
		if (n == -EFAULT && tail_rescue(&st->tail, st->tail.ring)) {
			skip_gone(st);
			return true;
		}
		if (n < 0) {
			drop(s, st, (int)-n);
			return true;
		}
		st->done += (uint64_t)n;
		st->moved_ns = ff_clock_ns();
	}
	return true;
}

// How much may be read now. Room for a full pipe is kept free, so that a dead worker's last words can always be read.
static uint64_t room_of(const struct stream *st)
{
	uint64_t most = st->tail.capacity - (st->all ? 0 : PIPE_BYTES);
	return pending(st) < most ? most - pending(st) : 0;
}

// Hand pages over to our stdout without a copy; they must still be read into the tail.
static void hand_over(struct stream *st)
{
	if (!st->out.pipe || st->out.way == OUT_CLOSED || st->small || pending(st))
		return;
	if (!st->grown)
		out_grow(&st->out,
			PIPE_BYTES); // once it is worth it: a flood through 64 KiB is all switching between processes
	st->grown = true;
	ssize_t n = tee(st->in.fd, st->out.fd, room_of(st), SPLICE_F_NONBLOCK);
	st->handed = n > 0 ? (uint64_t)n : 0;
}

static ssize_t fill(struct stream *st, uint64_t room)
{
	struct iovec iov[2];
	int pieces = tail_pieces(&st->tail, st->tail.total, room, iov);
	tail_reserve(&st->tail, room);
	ssize_t n = readv(st->in.fd, iov, pieces);
	if (n < 0 && errno == EFAULT && tail_rescue(&st->tail, st->tail.ring))
		n = readv(st->in.fd, iov, pieces);
	int error = errno;
	tail_commit(&st->tail, n > 0 ? (uint64_t)n : 0);
	return n < 0 ? -error : n;
}

// One read and one write; false when there is nothing more to do for now.
static bool step(struct supervisor *s, struct stream *st)
{
	flush(s, st);
	if (st->in.fd < 0)
		return false;
	if (!st->handed)
		hand_over(st);
	uint64_t room = st->handed ? st->handed : room_of(st);
	if (!room)
		return false;
	uint64_t at = st->tail.total;
	ssize_t n = fill(st, room);
	if (n > 0) {
		if (s->turn != st)
			tail_turn(&st->tail, at);
		s->turn = st;
		if (st->handed) {
			st->done += (uint64_t)n;
			st->handed -= (uint64_t)n;
			st->moved_ns = ff_clock_ns();
		}
		st->small = n < FLOOD;
		s->busy |= n < SMALL;
		s->progress++;
		return (uint64_t)n == room; // less than asked for: the pipe is empty now
	}
	if (n == -EAGAIN || n == -EINTR)
		return n == -EINTR;
	stop_reading(s, st); // 0 is the end of a pipe, EIO the end of a terminal; anything else will not get better
	return false;
}

void stream_pump(struct supervisor *s, struct stream *st)
{
	if (!st->used)
		return;
	for (int i = 0; i < ROUNDS && step(s, st); i++)
		;
	bool flushed = flush(s, st);
	if (st->in.fd >= 0)
		watch_set(s->epoll, &st->in, room_of(st) ? EPOLLIN : 0);
	if (watch_set(s->epoll, &st->drain, flushed ? 0 : EPOLLOUT))
		s->busy = true; // cannot be waited for; look again soon
}

static void ready(struct supervisor *s, struct watch *w, uint32_t events)
{
	(void)events;
	stream_pump(s, w->of);
}

void stream_start(struct supervisor *s, struct stream *st, int in, bool terminal)
{
	st->in = (struct watch){.ready = ready, .of = st, .fd = in};
	st->drain = (struct watch){.ready = ready, .of = st, .fd = st->out.fd};
	st->done = st->tail.total;
	st->terminal = terminal;
	st->small = true;
	st->used = true;
	st->all = false;
	st->handed = 0;
	st->grown = false;
	st->moved_ns = ff_clock_ns();
	s->turn = NULL;
	watch_set(s->epoll, &st->in, EPOLLIN);
}

bool stream_is_read(const struct stream *st)
{
	int waiting = 0;
	if (!st->used)
		return true;
	if (st->in.fd < 0)
		return true;
	return !ioctl(st->in.fd, FIONREAD, &waiting) && !waiting;
}

bool stream_is_written(const struct stream *st)
{
	return !st->used || !pending(st);
}

void stream_stop(struct supervisor *s, struct stream *st)
{
	if (!st->used)
		return;
	stop_reading(s, st);
	watch_set(s->epoll, &st->drain, 0);
	tail_close(&st->tail);
	st->used = false;
}

void stream_leave(struct supervisor *s, struct stream *st, bool keep_tail)
{
	if (!st->used)
		return;
	uint64_t left = pending(st);
	if (left && st->out.way != OUT_CLOSED)
		say("%s: the last %llu bytes were not taken by its reader%s%s", st->tail.stream,
			(unsigned long long)left, keep_tail ? "; they are in " : "", keep_tail ? st->tail.path : "");
	if (!keep_tail)
		tail_remove(&st->tail);
	stream_stop(s, st);
}
