// A table of what waits, in the order of its numbers, and the files behind it.
//
// How the source lies: a file may be torn (the machine died), too large, or no request; somebody may have removed it.
// Names that are none of ours are left alone, but for what a write of ours left behind.
#include "otlp/queue.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/safedir.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	ENTRIES_MAX = 4096,
	FILE_MAX = 16 << 20,
	MEMORY_MAX = 8 << 20,
	DIGITS = 20,
	NAME_ROOM = 48,
};

struct entry {
	uint64_t number, records;
	size_t n;
	char *text; // in memory; NULL: in a file
	enum ff_signal signal;
};

struct ff_otlp_queue {
	pthread_mutex_t lock;
	char folder[PATH_MAX];
	uint64_t max_bytes, last, in_memory;
	struct ff_otlp_counts counts;
	size_t n;
	struct entry entries[ENTRIES_MAX];
};

static bool path_of(const char *folder, uint64_t number, enum ff_signal signal, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/%0*llu.%s", folder, DIGITS, (unsigned long long)number,
		       ff_signal_names[signal]) < PATH_MAX;
}

// "00000000000000000017.logs"
static bool is_entry(const char *name, uint64_t *ret_number, enum ff_signal *ret_signal)
{
	if (strlen(name) < DIGITS + 2 || name[DIGITS] != '.' ||
		!ff_span_u64((struct ff_span){name, DIGITS}, ret_number))
		return false;
	for (unsigned i = 0; i < FF_SIGNALS; i++) {
		*ret_signal = (enum ff_signal)i;
		if (strcmp(name + DIGITS + 1, ff_signal_names[i]) == 0)
			return true;
	}
	return false;
}

static void remove_at(struct ff_otlp_queue *q, size_t i, bool sent)
{
	struct entry e = q->entries[i];
	char path[PATH_MAX];
	q->counts.waiting[e.signal]--;
	q->counts.bytes -= e.n;
	(sent ? q->counts.sent : q->counts.lost)[e.signal] += e.records;
	if (e.text)
		q->in_memory -= e.n;
	else if (path_of(q->folder, e.number, e.signal, path))
		unlink(path);
	free(e.text);
	memmove(&q->entries[i], &q->entries[i + 1], (--q->n - i) * sizeof(q->entries[0]));
}

static void append(struct ff_otlp_queue *q, struct entry e)
{
	q->entries[q->n++] = e;
	q->counts.waiting[e.signal]++;
	q->counts.bytes += e.n;
	q->in_memory += e.text ? e.n : 0;
	q->last = e.number > q->last ? e.number : q->last;
}

// The oldest go first; what is only in memory was never promised to anybody.
static void make_room(struct ff_otlp_queue *q, size_t n)
{
	while (q->n && (q->n == ENTRIES_MAX || q->counts.bytes + n > q->max_bytes))
		remove_at(q, 0, false);
}

static struct ff_error *write_file(const char *path, const char *text, size_t n)
{
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, n);
	return err ? err : ff_new_file_commit(&file, 0600);
}

static bool put(struct ff_otlp_queue *q, enum ff_signal signal, const char *text, size_t n, uint64_t records)
{
	char path[PATH_MAX];
	struct entry e = {.number = q->last + 1, .records = records, .n = n, .signal = signal};
	if (n > FILE_MAX || n > q->max_bytes) { // nothing that we make is
		q->counts.lost[signal] += records;
		return true;
	}
	make_room(q, n);
	struct ff_error *err = path_of(q->folder, e.number, signal, path) ? write_file(path, text, n) : &ff_enomem;
	if (err) {
		ff_error_destroy(err);
		if (q->in_memory + n > MEMORY_MAX)
			return false;
		e.text = ff_span_dup((struct ff_span){text, n});
		if (!e.text)
			return false;
	}
	append(q, e);
	return true;
}

bool ff_otlp_queue_put(struct ff_otlp_queue *q, enum ff_signal signal, const char *text, size_t n, uint64_t records)
{
	pthread_mutex_lock(&q->lock);
	bool done = put(q, signal, text, n, records);
	pthread_mutex_unlock(&q->lock);
	return done;
}

static int by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

// "00000000000000000017.logs.a8Xq2B": a write of ours that a SIGKILL ended.
static bool is_unfinished(const char *name)
{
	uint64_t number;
	return strlen(name) > DIGITS && name[DIGITS] == '.' && ff_span_u64((struct ff_span){name, DIGITS}, &number);
}

// Every request of a folder, the oldest first.
static size_t list(const char *folder, struct entry *found, size_t most)
{
	_cleanup_closedir_ DIR *d = opendir(folder);
	size_t n = 0;
	for (const struct dirent *e; d && n < most && (e = readdir(d));) {
		struct entry *to = &found[n];
		struct stat st;
		*to = (struct entry){0};
		if (!is_entry(e->d_name, &to->number, &to->signal)) {
			if (is_unfinished(e->d_name))
				unlinkat(dirfd(d), e->d_name, 0);
			continue;
		}
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		to->n = (size_t)st.st_size;
		n++;
	}
	qsort(found, n, sizeof(*found), by_number);
	return n;
}

struct ff_error *ff_otlp_queue_open(const char *folder, uint64_t max_bytes, struct ff_otlp_queue **ret)
{
	struct ff_otlp_queue *q = calloc(1, sizeof(*q));
	struct entry *found = calloc(ENTRIES_MAX, sizeof(*found));
	if (!q || !found || strlen(folder) + NAME_ROOM >= sizeof(q->folder)) {
		free(q);
		free(found);
		return &ff_enomem;
	}
	pthread_mutex_init(&q->lock, NULL);
	strcpy(q->folder, folder);
	q->max_bytes = max_bytes;
	size_t n = list(folder, found, ENTRIES_MAX);
	for (size_t i = 0; i < n; i++)
		append(q, found[i]);
	make_room(q, 0);
	free(found);
	*ret = q;
	return NULL;
}

void ff_otlp_queue_close(struct ff_otlp_queue *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->n; i++)
		free(q->entries[i].text);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void ff_otlp_queue_adopt(struct ff_otlp_queue *q, const char *folder)
{
	struct entry *found = calloc(ENTRIES_MAX, sizeof(*found));
	size_t n = found ? list(folder, found, ENTRIES_MAX) : 0;
	pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < n; i++) {
		char from[PATH_MAX], to[PATH_MAX];
		struct entry e = found[i];
		make_room(q, e.n);
		e.number = q->last + 1;
		if (path_of(folder, found[i].number, e.signal, from) && path_of(q->folder, e.number, e.signal, to) &&
			rename(from, to) == 0)
			append(q, e);
	}
	pthread_mutex_unlock(&q->lock);
	free(found);
}

static struct ff_error *read_file(const struct ff_otlp_queue *q, const struct entry *e, struct ff_buf *ret)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	if (!path_of(q->folder, e->number, e->signal, path))
		return &ff_enomem;
	struct ff_error *err = ff_safe_file_open(path, &fd);
	return err ? err : ff_read_all(fd, path, FILE_MAX, ret);
}

bool ff_otlp_queue_next(struct ff_otlp_queue *q, enum ff_signal signal, uint64_t *ret_number, struct ff_buf *ret)
{
	bool found = false;
	pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < q->n && !found;) {
		struct entry *e = &q->entries[i];
		if (e->signal != signal) {
			i++;
			continue;
		}
		struct ff_error *err = NULL;
		if (e->text)
			ff_buf_add(ret, e->text, e->n);
		else
			err = read_file(q, e, ret);
		found = !err && ret->n && !ret->failed;
		*ret_number = e->number;
		ff_error_destroy(err);
		if (found)
			break;
		remove_at(q, i, false);
		ff_buf_deinit(ret);
	}
	pthread_mutex_unlock(&q->lock);
	return found;
}

void ff_otlp_queue_done(struct ff_otlp_queue *q, uint64_t number, bool sent)
{
	pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < q->n; i++) {
		if (q->entries[i].number == number) {
			remove_at(q, i, sent);
			break;
		}
	}
	pthread_mutex_unlock(&q->lock);
}

bool ff_otlp_queue_is_safe(struct ff_otlp_queue *q)
{
	char path[PATH_MAX];
	pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < q->n && q->in_memory; i++) {
		struct entry *e = &q->entries[i];
		if (!e->text)
			continue;
		struct ff_error *err =
			path_of(q->folder, e->number, e->signal, path) ? write_file(path, e->text, e->n) : &ff_enomem;
		ff_error_destroy(err);
		if (err)
			break;
		free(e->text);
		e->text = NULL;
		q->in_memory -= e->n;
	}
	bool safe = q->in_memory == 0;
	pthread_mutex_unlock(&q->lock);
	return safe;
}

struct ff_otlp_counts ff_otlp_queue_counts(struct ff_otlp_queue *q)
{
	pthread_mutex_lock(&q->lock);
	struct ff_otlp_counts counts = q->counts;
	pthread_mutex_unlock(&q->lock);
	return counts;
}

void ff_otlp_queue_note_lost(struct ff_otlp_queue *q, enum ff_signal signal, uint64_t records)
{
	pthread_mutex_lock(&q->lock);
	q->counts.lost[signal] += records;
	q->counts.sent[signal] -= records < q->counts.sent[signal] ? records : q->counts.sent[signal];
	pthread_mutex_unlock(&q->lock);
}
