// Turns a record into a captured machine. Text is copied whole, masked. Of a library that probes looked into here and
// there only those bytes are copied, into a file of the same size that is a hole for the rest: a 1.5 GB
// libtorch_cuda.so takes some hundred kilobytes. What was only looked at (stat, list) becomes an empty file of that
// size, a folder or a link. What no file can say goes to .firstfix/live.json: environment, uname, free space, device
// nodes, files that may not be read.
//
//	DIR/usr/lib/libcuda.so.1 -> libcuda.so.570.86.10      DIR/proc/self/status      DIR/.firstfix/live.json
#include "host/capture.h"

#include "base/io.h"
#include "host/bytes.h"
#include "host/capture_tree.h"
#include "host/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sysmacros.h>

enum {
	TEXT_MAX = 8 << 20,    // of one file copied whole
	HEAD_MAX = 64 << 10,   // of one that is larger
	TOTAL_MAX = 192 << 20, // of everything
	NAMES_MAX = 50000,     // of one folder
	ENTRIES_MAX = 500000,  // files, links and folders made
	LINKS_MAX = 40,
};

struct capture {
	struct ff_host *host;
	const struct ff_capture_job *job;
	int dir_fd;
	json_t *live, *left_out;
	json_t *ranges; // path -> [offset, n, offset, n, ...]
	json_t *plain;	// paths known to be no link
	json_t *done;	// "kind path"
	uint64_t bytes, entries;
	bool out_of_memory;
};

static void leave_out(struct capture *c, const char *path, const char *why)
{
	json_t *path_text = ff_json_string(path, strlen(path));
	if (json_array_size(c->left_out) < 10000 &&
		json_array_append_new(c->left_out, json_pack("{s:o, s:s}", "path", path_text, "why", why)) < 0)
		c->out_of_memory = true;
}

static bool made(struct capture *c, const char *path, struct ff_error *err)
{
	_cleanup_error_ struct ff_error *owned = err;
	c->entries++;
	if (err)
		leave_out(c, path, err->message);
	return !err;
}

static bool is_first(struct capture *c, char kind, const char *path)
{
	char key[PATH_MAX + 2];
	snprintf(key, sizeof(key), "%c%s", kind, path);
	if (json_object_get(c->done, key))
		return false;
	if (json_object_set_new(c->done, key, json_true()) < 0)
		return false; // no UTF-8: json cannot name it, nor could a fact
	return c->entries < ENTRIES_MAX;
}

// The link at a path of the machine, NULL when it is none. Most components are none and are asked for again and again.
static char *link_at(struct capture *c, const char *path)
{
	char *target = NULL;
	if (json_object_get(c->plain, path))
		return NULL;
	_cleanup_error_ struct ff_error *err = ff_host_readlink(c->host, path, &target);
	if (err)
		json_object_set_new(c->plain, path, json_true());
	return target;
}

// A walk along a path: `at` (without a trailing slash) is where it stands, `rest` of `todo` what remains.
struct walk {
	char todo[PATH_MAX];
	char *rest;
	char *at; // PATH_MAX bytes
	size_t n;
	unsigned links;
};

static void step_up(struct walk *w)
{
	while (w->n && w->at[--w->n] != '/')
		;
	w->at[w->n] = 0;
}

static bool step_into(struct walk *w, size_t name_n)
{
	if (w->n + name_n + 2 > PATH_MAX)
		return false;
	w->at[w->n] = '/';
	memcpy(w->at + w->n + 1, w->rest, name_n);
	w->at[w->n + 1 + name_n] = 0;
	return true;
}

// Go on at the link's target; what stood behind the link stays to do.
static bool step_through(struct walk *w, const char *target, size_t name_n)
{
	char next[PATH_MAX];
	int n = snprintf(next, sizeof(next), "%s%s", target, w->rest + name_n);
	if (++w->links > LINKS_MAX || n < 0 || n >= (int)sizeof(next))
		return false;
	memcpy(w->todo, next, (size_t)n + 1);
	w->rest = w->todo;
	if (target[0] == '/')
		w->n = 0;
	w->at[w->n] = 0;
	return true;
}

// One component. False ends the walk: it leads nowhere, or stops before the last link.
static bool step(struct capture *c, struct walk *w, size_t name_n, bool last_too)
{
	bool last = !w->rest[name_n + strspn(w->rest + name_n, "/")];
	if (name_n == 1 && w->rest[0] == '.') {
		w->rest += name_n;
		return true;
	}
	if (name_n == 2 && w->rest[0] == '.' && w->rest[1] == '.') {
		step_up(w);
		w->rest += name_n;
		return true;
	}
	if (!step_into(w, name_n))
		return false;
	_cleanup_free_ char *target = link_at(c, w->at);
	if (!target) {
		w->n += 1 + name_n;
		w->rest += name_n;
		return true;
	}
	if (is_first(c, 'l', w->at))
		made(c, w->at, ff_tree_link(c->dir_fd, w->at, target));
	return (!last || last_too) && step_through(w, target, name_n);
}

// Walk a path as the kernel would, copying every link that is met; `ret` is where it ends. False when it leads nowhere.
static bool follow(struct capture *c, const char *path, bool last_too, char ret[PATH_MAX])
{
	struct walk w = {.at = ret};
	size_t n = strlen(path);
	if (n >= sizeof(w.todo))
		return false;
	memcpy(w.todo, path, n + 1);
	w.rest = w.todo;
	ret[0] = 0;
	for (;;) {
		w.rest += strspn(w.rest, "/");
		n = strcspn(w.rest, "/");
		if (!n)
			break;
		if (!step(c, &w, n, last_too))
			return false;
	}
	if (!w.n)
		memcpy(ret, "/", 2);
	return true;
}

static bool looks_like_text(const char *p, size_t n)
{
	return !n || !memchr(p, 0, n < 8192 ? n : 8192);
}

static bool spend(struct capture *c, const char *path, size_t n)
{
	if (c->bytes + n > TOTAL_MAX) {
		leave_out(c, path, "the capture is as large as it may be");
		return false;
	}
	c->bytes += n;
	return true;
}

static struct ff_error *write_file(struct capture *c, const char *path, const void *p, size_t n)
{
	_cleanup_close_ int fd = -1;
	bool is_new;
	struct ff_error *err = ff_tree_file(c->dir_fd, path, &fd, &is_new);
	if (!err && ftruncate(fd, 0) < 0)
		err = ff_error_os(errno, "%s", path);
	return err ? err : ff_write_all(fd, path, p, n);
}

// `name` is where it goes; text is masked whole, binary files are copied as they are.
static void put_content(struct capture *c, const char *name, const char *p, size_t n)
{
	_cleanup_buf_ struct ff_buf masked = {0};
	if (!spend(c, name, n))
		return;
	if (!looks_like_text(p, n)) {
		made(c, name, write_file(c, name, p, n));
		return;
	}
	struct ff_error *err = c->job->mask((struct ff_span){p, n}, &masked);
	if (!err && masked.failed)
		err = &ff_enomem;
	made(c, name, err ? err : write_file(c, name, masked.p ? masked.p : "", masked.n));
}

static void put_hole(struct capture *c, const char *path, uint64_t size)
{
	_cleanup_close_ int fd = -1;
	bool is_new;
	struct ff_error *err = ff_tree_file(c->dir_fd, path, &fd, &is_new);
	if (!err && is_new && size <= INT64_MAX && ftruncate(fd, (off_t)size) < 0)
		err = ff_error_os(errno, "%s", path);
	made(c, path, err);
}

static void put_node(struct capture *c, const char *path, const struct stat *st)
{
	json_t *node = json_pack("{s:I, s:I, s:I, s:I, s:I}", "mode", (json_int_t)st->st_mode, "uid",
		(json_int_t)st->st_uid, "gid", (json_int_t)st->st_gid, "major", (json_int_t)major(st->st_rdev), "minor",
		(json_int_t)minor(st->st_rdev));
	if (json_object_set_new(json_object_get(c->live, "stat"), path, node) < 0)
		c->out_of_memory = true;
}

// What is at `path` (where no link is left) without its content. Also under its asked-for name, by which a device is
// stat'ed.
static void put_existence(struct capture *c, const char *asked, const char *path)
{
	struct stat st;
	_cleanup_error_ struct ff_error *err = ff_host_stat(c->host, path, &st);
	if (err && err->code == FF_EDENIED)
		json_object_set_new(json_object_get(c->live, "stat"), asked, json_pack("{s:b}", "denied", 1));
	if (err)
		return;
	if (S_ISDIR(st.st_mode)) {
		made(c, path, ff_tree_dir(c->dir_fd, path));
	} else {
		if (!S_ISREG(st.st_mode)) {
			put_node(c, path, &st);
			put_node(c, asked, &st);
		}
		put_hole(c, path, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
	}
}

static struct ff_error *copy_ranges(struct capture *c, const char *path, const json_t *ranges, int fd)
{
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_free_ char *chunk = malloc(HEAD_MAX);
	struct ff_error *err = chunk ? ff_file_open(c->host, path, &file) : &ff_enomem;
	for (size_t i = 0; !err && i + 1 < json_array_size(ranges); i += 2) {
		uint64_t at = (uint64_t)json_integer_value(json_array_get(ranges, i));
		uint64_t n = (uint64_t)json_integer_value(json_array_get(ranges, i + 1));
		while (!err && n && at < file.bytes.size) {
			size_t part = n < HEAD_MAX ? (size_t)n : HEAD_MAX;
			if (part > file.bytes.size - at)
				part = (size_t)(file.bytes.size - at);
			if (!spend(c, path, part))
				return NULL;
			err = ff_bytes_read_far(&file.bytes, at, chunk, part, "a part that was read");
			if (!err && pwrite(fd, chunk, part, (off_t)at) != (ssize_t)part)
				err = ff_error_os(errno, "%s", path);
			at += part;
			n -= part;
		}
	}
	return err;
}

static void put_parts(struct capture *c, const char *path, const json_t *ranges, uint64_t size)
{
	_cleanup_close_ int fd = -1;
	bool is_new;
	struct ff_error *err = ff_tree_file(c->dir_fd, path, &fd, &is_new);
	if (!err && size <= INT64_MAX && ftruncate(fd, (off_t)size) < 0)
		err = ff_error_os(errno, "%s", path);
	made(c, path, err ? err : copy_ranges(c, path, ranges, fd));
}

static void put_whole(struct capture *c, const char *path)
{
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ff_host_open(c->host, path, &fd);
	if (!err)
		err = ff_read_all(fd, path, TEXT_MAX, &text);
	if (!err) {
		put_content(c, path, text.p ? text.p : "", text.n);
		return;
	}
	if (err->code == FF_ELIMIT) {
		leave_out(c, path, "only the beginning: it is large and was not read in parts");
		put_content(c, path, text.p, text.n < HEAD_MAX ? text.n : HEAD_MAX);
	} else {
		if (err->code == FF_EDENIED)
			json_object_set_new(json_object_get(c->live, "denied"), path, json_true());
		else
			leave_out(c, path, err->message);
		put_hole(c, path, 0);
	}
	ff_error_destroy(err);
}

static void take_open(struct capture *c, const char *asked)
{
	char path[PATH_MAX];
	struct stat st;
	if (!follow(c, asked, true, path) || !is_first(c, 'o', path))
		return;
	struct ff_error *err = ff_host_stat(c->host, path, &st);
	if (err) {
		ff_error_destroy(err);
		return;
	}
	const json_t *ranges = json_object_get(c->ranges, path);
	if (!S_ISREG(st.st_mode))
		put_existence(c, asked, path);
	else if (ranges)
		put_parts(c, path, ranges, (uint64_t)st.st_size);
	else
		put_whole(c, path);
	// A refusal is answered under the name that will be asked for again.
	json_t *denied = json_object_get(c->live, "denied");
	if (json_object_get(denied, path))
		json_object_set_new(denied, asked, json_true());
}

static void take_stat(struct capture *c, const char *asked)
{
	char path[PATH_MAX];
	if (follow(c, asked, true, path) && is_first(c, 's', path))
		put_existence(c, asked, path);
}

static void take_list(struct capture *c, const char *asked)
{
	char path[PATH_MAX], child[PATH_MAX], end[PATH_MAX];
	_cleanup_names_ struct ff_names names = {0};
	if (!follow(c, asked, true, path) || !is_first(c, 'd', path))
		return;
	struct ff_error *err = ff_host_list(c->host, path, NAMES_MAX, &names);
	if (err) {
		if (err->code != FF_EABSENT)
			leave_out(c, path, err->message);
		ff_error_destroy(err);
		return;
	}
	made(c, path, ff_tree_dir(c->dir_fd, path));
	for (size_t i = 0; i < names.n; i++) {
		if (snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") == 0 ? "" : path, names.names[i]) >=
			(int)sizeof(child))
			continue;
		if (follow(c, child, false, end) && is_first(c, 's', end))
			put_existence(c, child, end);
	}
}

// The worker's own process is /proc/self in the capture, whatever its number was.
static void process_name(uint64_t pid, const char *name, char ret[PATH_MAX])
{
	if (pid)
		snprintf(ret, PATH_MAX, "/proc/%llu/%s", (unsigned long long)pid, name);
	else
		snprintf(ret, PATH_MAX, "/proc/self/%s", name);
}

static void put_cmdline(struct capture *c, const char *path)
{
	_cleanup_buf_ struct ff_buf text = {0};
	size_t i;
	json_t *arg;
	json_array_foreach (c->job->cmdline, i, arg) {
		ff_buf_str(&text, json_is_string(arg) ? json_string_value(arg) : "[masked]");
		ff_buf_char(&text, 0);
	}
	made(c, path, text.failed ? &ff_enomem : write_file(c, path, text.p ? text.p : "", text.n));
}

static void take_process(struct capture *c, uint64_t pid, const char *name)
{
	char path[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	size_t n;
	process_name(pid, name, path);
	if (!is_first(c, 'o', path))
		return;
	if (strcmp(name, "cmdline") == 0) {
		put_cmdline(c, path);
		return;
	}
	struct ff_error *err = ff_host_read_process(c->host, (pid_t)pid, name, TEXT_MAX, &text, &n);
	if (!err) {
		put_content(c, path, text, n);
		return;
	}
	if (err->code == FF_EDENIED) {
		json_object_set_new(json_object_get(c->live, "denied"), path, json_true());
		put_hole(c, path, 0);
	}
	ff_error_destroy(err);
}

static void take_process_link(struct capture *c, uint64_t pid, const char *name)
{
	char path[PATH_MAX];
	_cleanup_free_ char *target = NULL;
	process_name(pid, name, path);
	if (!is_first(c, 'l', path))
		return;
	_cleanup_error_ struct ff_error *err = ff_host_readlink_process(c->host, (pid_t)pid, name, &target);
	if (!err)
		made(c, path, ff_tree_link(c->dir_fd, path, target));
}

static void take_space(struct capture *c, const char *path)
{
	struct ff_space space;
	if (!is_first(c, 'u', path))
		return;
	_cleanup_error_ struct ff_error *err = ff_host_space(c->host, path, &space);
	if (err)
		return;
	json_t *answer = json_pack("{s:I, s:I, s:I, s:I, s:b, s:b}", "total", (json_int_t)space.total, "available",
		(json_int_t)space.available, "inodes", (json_int_t)space.inodes, "inodes_free",
		(json_int_t)space.inodes_free, "read_only", space.read_only, "no_exec", space.no_exec);
	if (json_object_set_new(json_object_get(c->live, "statfs"), path, answer) < 0)
		c->out_of_memory = true;
}

static void take_writable(struct capture *c, const char *path)
{
	bool writable;
	if (!is_first(c, 'w', path))
		return;
	_cleanup_error_ struct ff_error *err = ff_host_writable(c->host, path, &writable);
	if (!err && json_object_set_new(json_object_get(c->live, "writable"), path, json_boolean(writable)) < 0)
		c->out_of_memory = true;
}

static void take(struct capture *c, const struct ff_trace_entry *e)
{
	// Paths of our own process by any other way than ff_host_read_process() mean the worker's.
	if (ff_starts(e->path, "/proc/self/") && e->kind == FF_TRACE_OPEN)
		take_process(c, 0, e->path + strlen("/proc/self/"));
	else if (ff_starts(e->path, "/proc/self"))
		return;
	else if (e->kind == FF_TRACE_OPEN)
		take_open(c, e->path);
	else if (e->kind == FF_TRACE_STAT)
		take_stat(c, e->path);
	else if (e->kind == FF_TRACE_LIST)
		take_list(c, e->path);
	else if (e->kind == FF_TRACE_LINK)
		follow(c, e->path, false, (char[PATH_MAX]){0});
	else if (e->kind == FF_TRACE_SPACE)
		take_space(c, e->path);
	else if (e->kind == FF_TRACE_WRITABLE)
		take_writable(c, e->path);
	else if (e->kind == FF_TRACE_PROCESS)
		take_process(c, e->at, e->path);
	else if (e->kind == FF_TRACE_PROCESS_LINK)
		take_process_link(c, e->at, e->path);
}

// Ranges are kept under the path where no link is left, for one library is opened by many names.
static void note_range(struct capture *c, const struct ff_trace_entry *e)
{
	char path[PATH_MAX];
	if (!follow(c, e->path, true, path) || e->at > INT64_MAX || e->n > INT64_MAX)
		return;
	json_t *ranges = json_object_get(c->ranges, path);
	if (!ranges) {
		ranges = json_array();
		if (json_object_set_new(c->ranges, path, ranges) < 0)
			return;
	}
	// Reading goes forward in blocks; a range that continues the last one extends it, and a repetition is dropped.
	size_t n = json_array_size(ranges);
	json_t *last_n = json_array_get(ranges, n - 1);
	uint64_t last_at = n ? (uint64_t)json_integer_value(json_array_get(ranges, n - 2)) : 0;
	if (n && e->at >= last_at && e->at <= last_at + (uint64_t)json_integer_value(last_n)) {
		uint64_t end = e->at + e->n - last_at;
		if (end > (uint64_t)json_integer_value(last_n))
			json_integer_set(last_n, (json_int_t)end);
		return;
	}
	if (json_array_append_new(ranges, json_integer((json_int_t)e->at)) < 0 ||
		json_array_append_new(ranges, json_integer((json_int_t)e->n)) < 0)
		c->out_of_memory = true;
}

static struct ff_error *write_live(struct capture *c)
{
	struct utsname u;
	struct ff_error *err = ff_host_uname(c->host, &u);
	if (!err)
		err = ff_json_put(c->live, "uname",
			json_pack("{s:s, s:s, s:s}", "release", u.release, "version", u.version, "machine", u.machine));
	if (!err)
		err = ff_json_put(c->live, "left_out", json_incref(c->left_out));
	if (err)
		return err;
	_cleanup_free_ char *text = json_dumps(c->live, JSON_INDENT(1) | JSON_SORT_KEYS);
	return text ? write_file(c, "/.firstfix/live.json", text, strlen(text)) : &ff_enomem;
}

struct ff_error *ff_capture_open(const char *dir, int *ret_fd)
{
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return ff_error_create(FF_EUSAGE, "%s: %s", dir, strerror(errno));
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ff_error_create(FF_EUSAGE, "%s: %s", dir, strerror(errno));
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *list = again >= 0 ? fdopendir(again) : NULL;
	const struct dirent *entry = NULL;
	while (list && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return ff_error_create(
				FF_EUSAGE, "%s: not empty; a capture goes into a folder of its own", dir);
	}
	if (!list)
		return ff_error_os(errno, "%s", dir);
	*ret_fd = ff_take_fd(&fd);
	return NULL;
}

static struct ff_error *replay(struct capture *c, const struct ff_trace *trace)
{
	struct ff_trace_entry e;
	for (size_t at = 0; ff_trace_next(trace, &at, &e);) {
		if (e.kind == FF_TRACE_RANGE)
			note_range(c, &e);
	}
	for (size_t at = 0; ff_trace_next(trace, &at, &e);)
		take(c, &e);
	if (ff_trace_is_full(trace))
		leave_out(c, "", "more was read than the record holds");
	if (c->entries >= ENTRIES_MAX)
		leave_out(c, "", "more files than a capture may have");
	return c->out_of_memory ? &ff_enomem : write_live(c);
}

struct ff_error *ff_capture_write(
	struct ff_host *host, const struct ff_trace *trace, const struct ff_capture_job *job, int dir_fd)
{
	_cleanup_json_ json_t *live = json_deep_copy(job->live), *left_out = json_array(), *ranges = json_object(),
			      *plain = json_object(), *done = json_object();
	if (!live || !left_out || !ranges || !plain || !done ||
		json_object_set_new(live, "statfs", json_object()) < 0 ||
		json_object_set_new(live, "stat", json_object()) < 0 ||
		json_object_set_new(live, "denied", json_object()) < 0 ||
		json_object_set_new(live, "writable", json_object()) < 0)
		return &ff_enomem;
	struct capture c = {.host = host,
		.job = job,
		.dir_fd = dir_fd,
		.live = live,
		.left_out = left_out,
		.ranges = ranges,
		.plain = plain,
		.done = done};
	return replay(&c, trace);
}
