// A log in shared memory, because probes run in forked helpers that may be killed at any moment: a helper takes its
// place by one atomic addition and writes the entry's first byte last, so a half-written entry is passed over. Entries
// lie on 16-byte steps; a place that was taken and never filled is skipped step by step.
#include "host/trace.h"

#include "base/str.h"
#include "host/internal.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { TRACE_BYTES = 48 << 20, STEP = 16 };

struct entry {
	atomic_uchar kind; // 0 until the rest is there
	uint8_t pad[7];
	uint64_t at, n, path_n; // without the terminating NUL
	char path[];
};

struct ff_trace {
	atomic_size_t used; // may grow past TRACE_BYTES: then it was full
	char bytes[TRACE_BYTES] __attribute__((aligned(STEP)));
};

struct ff_error *ff_trace_start(struct ff_host *host)
{
	void *p = mmap(NULL, sizeof(struct ff_trace), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return ff_error_os(errno, "memory for the record");
	host->trace = p;
	return NULL;
}

struct ff_trace *ff_trace_stop(struct ff_host *host)
{
	return ff_take(&host->trace);
}

void ff_trace_destroy(struct ff_trace *trace)
{
	if (trace)
		munmap(trace, sizeof(*trace));
}

void ff_trace_note(const struct ff_host *host, enum ff_trace_kind kind, const char *path, uint64_t at, uint64_t n)
{
	struct ff_trace *r = host->trace;
	size_t path_n = r ? strlen(path) : 0;
	if (!r || path_n >= PATH_MAX)
		return;
	size_t size = (sizeof(struct entry) + path_n + 1 + STEP - 1) / STEP * STEP;
	size_t place = atomic_fetch_add(&r->used, size);
	if (place > TRACE_BYTES - size)
		return;
	struct entry *e = (struct entry *)(r->bytes + place);
	e->at = at;
	e->n = n;
	e->path_n = path_n;
	memcpy(e->path, path, path_n + 1);
	atomic_store(&e->kind, (unsigned char)kind);
}

bool ff_trace_next(const struct ff_trace *trace, size_t *position, struct ff_trace_entry *ret)
{
	size_t used = atomic_load(&trace->used);
	if (used > TRACE_BYTES)
		used = TRACE_BYTES;
	for (size_t at = *position; at + sizeof(struct entry) <= used; at += STEP) {
		const struct entry *e = (const struct entry *)(trace->bytes + at);
		unsigned char kind = atomic_load(&e->kind);
		// A path inside an abandoned place could look like an entry; what it claims is checked like any input.
		if (!kind || e->path_n >= PATH_MAX || at + sizeof(*e) + e->path_n + 1 > used || e->path[e->path_n])
			continue;
		*ret = (struct ff_trace_entry){.kind = kind, .path = e->path, .at = e->at, .n = e->n};
		*position = at + (sizeof(*e) + e->path_n + 1 + STEP - 1) / STEP * STEP;
		return true;
	}
	return false;
}

bool ff_trace_is_full(const struct ff_trace *trace)
{
	return atomic_load(&trace->used) > TRACE_BYTES;
}
