// The last bytes of one output stream, in a file that survives us.
//
// The file is a ring: a head of one page, then `capacity` bytes. Reading a worker's pipe goes straight into the
// mapping, so whatever we have read is in the file the moment it is read, also when we get SIGKILL. Byte number k of
// the stream stands at data + k % capacity. Readable are the bytes from max(0, reserved - capacity) up to total.
//
// Bytes have no times. What can be told is in which order two streams were read: the head keeps the newest turns, each
// the position at which reading came back to this stream from the other one, and when. As text, beside a tail that was
// written out:
//
//	from 4096				stream position of the plain file's first byte
//	8192 52113000000123 1732500000000000000	position, monotonic nanoseconds (the order), nanoseconds since the epoch
#pragma once

#include "base/tailfile.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct tail {
	struct tail_head *head;
	char *ring;
	uint64_t capacity, total; /**< as in the head, which a cut file can take away */
	char stream[12];
	uint64_t gone;	/**< bytes up to here were lost with the pages of a cut file */
	char path[512]; /**< what another process opens; /proc/PID/fd/N when it lies in memory only */
	int fd;
};

/** Make the tail in folder `dir` (a descriptor, or -1 for memory only) of about `capacity` bytes. Falls back to memory
    when the folder cannot take it (full, read-only, a network file system), and says so. 0 or -errno. */
int tail_open(struct tail *t, int dir, const char *dir_path, const char *name, const char *stream, uint64_t capacity);

/** The ring's place for up to `n` bytes from stream position `at`: one or two pieces; returns how many. */
int tail_pieces(const struct tail *t, uint64_t at, uint64_t n, struct iovec ret[2]);

/** Before a read of up to `n` bytes into the ring, and after one that gave `n`. */
void tail_reserve(struct tail *t, uint64_t n);
void tail_commit(struct tail *t, uint64_t n);

/** The last read, of which the first byte stands at `at`, came after one of another stream. */
void tail_turn(struct tail *t, uint64_t at);

/** A page of the mapping is gone (the file was cut): go on in memory. True when `address` lay in this tail. */
int tail_rescue(struct tail *t, const void *address);

/** Write the last `most` bytes of a tail whose supervisor is gone, the file `name` of a folder, to `fd`, and give that
    its time; its turns to `turns`, -1 for nowhere. 0 or -errno: -EBUSY when somebody still writes to it. The file is
    not trusted. */
int tail_salvage(int dir, const char *name, uint64_t most, int fd, int turns);

/** Write the last `most` bytes to `fd`; *ret says how many there were. 0 or -errno. */
int tail_copy(const struct tail *t, uint64_t most, int fd, uint64_t *ret);

/** Write the turns of a tail whose last `kept` bytes were copied, as text. */
void tail_copy_turns(const struct tail *t, uint64_t kept, int fd);

/** The last up to `n` bytes, from the beginning of a line where there is one. Returns how many. */
size_t tail_last(const struct tail *t, size_t n, char *ret);

/** Remove the file, if there is one; the mapping stays. */
void tail_remove(struct tail *t);
void tail_close(struct tail *t);
