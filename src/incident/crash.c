// The stack of a child that crashed. Its parent has the signal alone; faulthandler printed the stack on the stderr that
// all processes of a run share, and the supervisor keeps the end of that (src/supervise/tail.h). Ray keeps it in a file
// of its own, which the parent sends along as the log.
//
//	Fatal Python error: Segmentation fault
//
//	Current thread 0x00007f7db0f6d740 (most recent call first):
//	  File "/app/loader.py", line 9 in decode
//	  File "/app/loader.py", line 31 in __getitem__
//
//	Extension modules: numpy.core._multiarray_umath, ... (total: 13)
//
// It names no process: the last one is taken, and only if it is of the signal by which this child died.
#include "incident/assemble.h"

#include "base/safedir.h"
#include "base/statedir.h"
#include "base/tailfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

enum { LOOKED_AT = 64 << 10, STACK_MAX = 48 << 10, MOST_ENTRIES = 10000 };

static const char fatal[] = "Fatal Python error: ";

static const struct {
	const char *signal, *words;
} crashes[] = {{"SIGSEGV", "Segmentation fault"}, {"SIGBUS", "Bus error"}, {"SIGABRT", "Aborted"},
	{"SIGILL", "Illegal instruction"}, {"SIGFPE", "Floating"}};

static bool is_of(const char *words, const char *signal)
{
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		if (strcmp(crashes[i].signal, signal) == 0)
			return ff_starts(words, crashes[i].words);
	}
	return false;
}

// From the last such line to the list of extension modules behind it. Empty for none.
static struct ff_span find_stack(const char *text, const char *signal)
{
	const char *last = NULL;
	for (const char *at = text; (at = strstr(at, fatal)); at += sizeof(fatal) - 1) {
		if ((at == text || at[-1] == '\n') && is_of(at + sizeof(fatal) - 1, signal))
			last = at;
	}
	if (!last)
		return (struct ff_span){0};
	const char *modules = strstr(last, "\nExtension modules: ");
	size_t n = modules ? (size_t)(modules - last) : strlen(last);
	return ff_span_trim((struct ff_span){last, n < STACK_MAX ? n : STACK_MAX});
}

// The file is written while we read it: what a torn read gives is text that fits nowhere, no harm.
static bool read_end(int fd, struct ff_buf *ret)
{
	struct tail_head head;
	static char chunk[LOOKED_AT];
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		memcmp(head.magic, TAIL_MAGIC, sizeof(head.magic)) != 0 || !head.capacity)
		return false;
	uint64_t n = head.total < LOOKED_AT ? head.total : LOOKED_AT;
	n = n < head.capacity ? n : head.capacity;
	uint64_t pos = (head.total - n) % head.capacity, first = head.capacity - pos < n ? head.capacity - pos : n;
	bool read = pread(fd, chunk, first, (off_t)(head.data + pos)) == (ssize_t)first &&
		pread(fd, chunk + first, n - first, (off_t)head.data) == (ssize_t)(n - first);
	for (uint64_t i = 0; read && i < n; i++)
		ff_buf_char(ret, chunk[i] ? chunk[i] : ' ');
	return read && !ret->failed;
}

// The newest tail of this run's stderr: a run has one for each attempt.
static bool find_tail(const char *folder, const char *run, size_t n, char *ret)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	ret[0] = '\0';
	for (int i = 0; dir && i < MOST_ENTRIES && (e = readdir(dir)); i++) {
		size_t length = strlen(run);
		bool ours = ff_starts(e->d_name, run) && e->d_name[length] == '.' &&
			(ff_ends(e->d_name, ".stderr") || ff_ends(e->d_name, ".output"));
		if (ours && strverscmp(e->d_name, ret) > 0 && strlen(e->d_name) < n)
			snprintf(ret, n, "%s", e->d_name);
	}
	if (dir)
		closedir(dir);
	return ret[0] != '\0';
}

static bool read_tail(const char *run, struct ff_buf *ret)
{
	char name[128], path[640];
	_cleanup_free_ char *state = NULL;
	_cleanup_error_ struct ff_error *none = ff_statedir_path(NULL, &state);
	if (none || !run || !*run || strchr(run, '/'))
		return false;
	snprintf(path, sizeof(path), "%s/tails", state);
	if (!find_tail(path, run, sizeof(name), name))
		return false;
	snprintf(path, sizeof(path), "%s/tails/%s", state, name);
	_cleanup_close_ int fd = -1;
	_cleanup_error_ struct ff_error *err = ff_safe_file_open(path, &fd);
	return !err && read_end(fd, ret);
}

void ff_incident_put_crash(const json_t *failure, json_t *incident)
{
	const char *signal = ff_json_text(failure, "exit.name"), *log = ff_json_text(failure, "log");
	_cleanup_buf_ struct ff_buf tail = {0};
	if (!signal)
		return;
	struct ff_span stack = log ? find_stack(log, signal) : (struct ff_span){0};
	if (!stack.n && read_tail(ff_json_text(failure, "run_id"), &tail))
		stack = find_stack(tail.p ? tail.p : "", signal);
	if (stack.n)
		ff_incident_optional(ff_json_put(incident, "crash_stack", ff_json_string(stack.p, stack.n)));
}
