// The recorder of this process: one lane, opened by ff_record_start(), and again by the first event of a forked child.
//
// What must not be shared with a child lies on pages that the kernel empties in it (MADV_WIPEONFORK), so that even a
// child made by a bare clone() finds "no lane yet" and makes its own, with system calls only. Folder and options lie in
// ordinary memory: the child needs them.
#include "ring/record.h"

#include "base/cleanup.h"
#include "base/statedir.h"
#include "ring/keys.h"
#include "ring/lane.h"
#include "ring/left.h"
#include "ring/prune.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAMES_TRIED = 64, WAITS = 10000 };

enum state { NONE, OPENING, READY, FAILED, CUT }; // FAILED: or stopped

// Emptied in a child.
struct process {
	_Atomic int state;
	_Atomic pid_t opener;	  // the thread that opens the lane
	_Atomic uint64_t dropped; // by a signal handler that interrupted it, or since the file was cut
	struct ff_lane lane;
	int fd;
	enum place { IN_FOLDER, IN_SHM, IN_MEMORY } place;
	int folder_errno;	// why it is not IN_FOLDER
	_Atomic bool cut;	// while it was opened
	struct process *before; // of an earlier start, where other threads may still be inside a write
	char path[PATH_MAX];
};

static struct process *_Atomic process;
static struct process *_Atomic newest; // the same, or the one that is being made

// Set before `process`, inherited by children.
static struct {
	_Atomic bool enabled;
	struct ff_lane_spec spec;
	char folder[PATH_MAX]; // "" where the state folder refuses
	char refusal[512];     // and why
	bool left;	       // somebody's lane lies there unclosed
	char shm[64];	       // stands in for the folder; made when it is needed
	bool no_fallback;
} config;

// The hash (FNV-1a) is of the path as it is written, but for slashes that say nothing: the folder itself may not be
// there.
bool ff_record_shm_dir(const char *state_dir, size_t n, char *ret)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (const char *p = state_dir; *p; p++) {
		if (*p == '/' && (p[1] == '/' || !p[1]))
			continue;
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	}
	return snprintf(ret, n, "/dev/shm/firstfix-%u-%016llx", geteuid(), (unsigned long long)hash) < (int)n;
}

bool ff_record_shm_is_ours(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022);
}

static int make_lane(struct process *p, int fd)
{
	int err = ff_lane_make(fd, &config.spec, &p->lane);
	if (err) {
		close(fd);
		return err;
	}
	p->fd = fd;
	return 0;
}

// A new file in `dir`. Its lock lasts as long as this process (and its children) and tells others, across PID
// namespaces too, that it lives.
static int open_in(struct process *p, const char *dir)
{
	uint64_t start = 0;
	ff_lane_start_time((uint32_t)getpid(), &start);
	for (unsigned again = 0; again < NAMES_TRIED; again++) {
		if (!ff_lane_path(dir, (uint32_t)getpid(), start, again, sizeof(p->path), p->path))
			return ENAMETOOLONG;
		int fd = open(p->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return errno;
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		fcntl(fd, F_OFD_SETLK, &lock); // where locks do not work, prune goes by PID and start time
		int err = make_lane(p, fd);
		if (err)
			unlink(p->path);
		return err;
	}
	return EEXIST;
}

static int open_memory(struct process *p)
{
	static const char name[] = "memory of this process";
	int fd = memfd_create("firstfix-lane", MFD_CLOEXEC);
	if (fd < 0)
		return errno;
	memcpy(p->path, name, sizeof(name));
	return make_lane(p, fd);
}

// The stand-in folder, of ours alone; somebody else may have made one of this name. Only system calls.
static bool make_shm(void)
{
	if (!config.shm[0] || (mkdir(config.shm, 0700) < 0 && errno != EEXIST))
		return false;
	return ff_record_shm_is_ours(config.shm);
}

static int open_lane(struct process *p)
{
	p->folder_errno = EACCES;
	if (config.folder[0] && !(p->folder_errno = open_in(p, config.folder))) {
		p->place = IN_FOLDER;
		return 0;
	}
	if (config.no_fallback)
		return p->folder_errno;
	p->place = IN_SHM;
	for (int again = 0; again < 2 && make_shm(); again++) { // another process may take the empty folder away
		int err = open_in(p, config.shm);
		if (!err)
			return 0;
		if (err != ENOENT)
			break;
	}
	p->place = IN_MEMORY;
	return open_memory(p);
}

// Ready from here on; keys that came while the lane was made are added now.
static void become_ready(struct process *p)
{
	if (p->cut) {
		p->state = CUT;
		return;
	}
	atomic_fetch_add(&p->lane.live->dropped, atomic_exchange(&p->dropped, 0));
	atomic_store_explicit(&p->state, READY, memory_order_release);
	ff_keys_copy(p->lane.keys);
}

// Another thread opens the lane: wait for it, which takes well under a millisecond. A signal handler that interrupted
// that very thread would wait forever; its event is dropped and counted.
static bool wait_until_ready(struct process *p)
{
	const struct timespec moment = {.tv_nsec = 50000};
	for (int i = 0; i < WAITS && p->state == OPENING && p->opener != (pid_t)syscall(SYS_gettid); i++)
		nanosleep(&moment, NULL);
	if (p->state == OPENING)
		atomic_fetch_add(&p->dropped, 1);
	return p->state == READY;
}

// Not the common way: the first event of a forked child.
__attribute__((noinline, cold)) static bool open_late(struct process *p)
{
	int none = NONE, saved = errno;
	if (p->state == CUT)
		atomic_fetch_add(&p->dropped, 1);
	if (!config.enabled)
		return false;
	if (!atomic_compare_exchange_strong(&p->state, &none, OPENING)) {
		bool ready = none == READY || (none == OPENING && wait_until_ready(p));
		errno = saved;
		return ready;
	}
	p->opener = (pid_t)syscall(SYS_gettid);
	if (open_lane(p)) {
		p->state = FAILED;
		errno = saved;
		return false;
	}
	become_ready(p);
	const struct ff_field fields[] = {FF_INT(PROCESS_PARENT_PID, getppid()), FF_BOOL(FORKED, true)};
	ff_lane_write(&p->lane, FF_EV_PROCESS_START, fields, 2);
	errno = saved;
	return true;
}

void ff_event_write(enum ff_event_kind kind, const struct ff_field *fields, size_t n)
{
	struct process *p = atomic_load_explicit(&process, memory_order_acquire);
	if (!p)
		return;
	if (__builtin_expect(atomic_load_explicit(&p->state, memory_order_acquire) != READY, 0) && !open_late(p))
		return;
	ff_lane_write(&p->lane, kind, fields, n);
}

uint16_t ff_key(const char *name)
{
	struct process *p = process;
	bool ready = p && p->state == READY;
	uint16_t id = ff_keys_id(name, ready ? p->lane.keys : NULL);
	p = process; // opened meanwhile, and perhaps copied the table before the new row was in it
	if (!ready && p && p->state == READY)
		ff_keys_copy(p->lane.keys);
	return id;
}

static void wipe_in_child(void)
{
	struct process *p = process;
	if (p)
		memset(p, 0, sizeof(*p));
}

static struct sigaction outer_bus; // what SIGBUS did before us
static atomic_flag bus_taken = ATOMIC_FLAG_INIT;

static bool is_hit(const struct process *p, const siginfo_t *info)
{
	const uint8_t *at = info->si_addr;
	struct stat st;
	if (!p->lane.base || p->place == IN_MEMORY)
		return false;
	if (info->si_code > 0)
		return at >= p->lane.base && at < p->lane.base + p->lane.size;
	return p->state != FAILED && fstat(p->fd, &st) == 0 && (uint64_t)st.st_size < p->lane.size;
}

// Pages of the lane are gone: somebody cut its file. Memory takes their place, so that whoever is writing there comes
// to an end, and later events are dropped and counted. A SIGBUS that was raised (faulthandler does so after its stacks)
// has no address.
static bool rescue(struct process *p, const siginfo_t *info)
{
	while (p && !is_hit(p, info))
		p = p->before;
	if (!p ||
		mmap(p->lane.base, p->lane.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			0) == MAP_FAILED)
		return false;
	if (p->state == READY || p->state == OPENING)
		atomic_fetch_add(&p->dropped, 1);
	if (p->state == OPENING)
		p->cut = true;
	else if (p->state == READY)
		p->state = CUT;
	return true;
}

static void bus_error(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	if (rescue(newest, info)) {
		errno = saved;
	} else if (outer_bus.sa_flags & SA_SIGINFO) {
		outer_bus.sa_sigaction(signal, info, context);
	} else if (outer_bus.sa_handler != SIG_DFL && outer_bus.sa_handler != SIG_IGN) {
		outer_bus.sa_handler(signal);
	} else { // whoever did this does it again, and dies of it
		sigaction(signal, &outer_bus, NULL);
		if (info->si_code <= 0)
			raise(signal);
	}
}

// The recorder is the one part of the library that changes a signal's action: a worker must not die because a file was
// cut.
static void catch_cut_files(void)
{
	struct sigaction now;
	const struct sigaction ours = {.sa_sigaction = bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	if (sigaction(SIGBUS, NULL, &now) < 0 || ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == bus_error))
		return;
	if (atomic_flag_test_and_set(&bus_taken)) // somebody has put his own over ours: it is left there
		return;
	outer_bus = now;
	sigaction(SIGBUS, &ours, NULL);
}

static struct ff_error *make_process(struct process **ret)
{
	struct process *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return ff_error_os(errno, "memory for the recorder");
	// Kernels before 4.14 and some sandboxes do not know it; fork() itself can still be caught there.
	if (madvise(p, sizeof(*p), MADV_WIPEONFORK) < 0 && pthread_atfork(NULL, NULL, wipe_in_child)) {
		munmap(p, sizeof(*p));
		return &ff_enomem;
	}
	*ret = p;
	return NULL;
}

static void find_shm(const char *given)
{
	_cleanup_free_ char *folder = NULL;
	_cleanup_error_ struct ff_error *none = ff_statedir_path(given, &folder);
	if (!ff_record_shm_dir(none || !folder ? "" : folder, sizeof(config.shm), config.shm))
		config.shm[0] = '\0';
	else if (ff_record_shm_is_ours(config.shm)) {
		if (!config.folder[0])
			ff_lanes_prune(config.shm);
		rmdir(config.shm); // where nothing is left in it; a lane makes it again
	}
}

static struct ff_error *find_folder(const struct ff_record_options *options)
{
	_cleanup_free_ char *folder = NULL;
	struct ff_error *err = ff_statedir_make(options->dir, "lanes", &folder);
	if (!err && ff_statedir_is_network(folder))
		err = ff_error_create(FF_EUNSUPPORTED, "%s is on a network file system", folder);
	if (!err && strlen(folder) >= sizeof(config.folder))
		err = ff_error_os(ENAMETOOLONG, "%s", folder);
	config.folder[0] = config.refusal[0] = '\0';
	if (!err) {
		memcpy(config.folder, folder, strlen(folder) + 1);
		ff_lanes_prune(folder);
		config.left = ff_left_any(folder);
		return NULL;
	}
	if (options->no_fallback)
		return err;
	snprintf(config.refusal, sizeof(config.refusal), "%s", err->message);
	ff_error_destroy(err);
	return NULL;
}

// "python -u -m vllm" of all that stands in /proc/self/cmdline: up to what is started, for secrets stand behind it.
static size_t command_of(size_t n, char *ret)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, ret, n - 1);
	if (fd >= 0)
		close(fd);
	ret[got > 0 ? got : 0] = '\0';
	size_t end = strlen(ret);
	bool found = false;
	while (!found && (ssize_t)end + 1 < got && strcmp(ret + end + 1, "-c") != 0) {
		found = ret[end + 1] != '-';
		ret[end] = ' ';
		end += strlen(ret + end);
	}
	return end;
}

static void record_start(struct process *p)
{
	char exe[512], command[512];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));
	size_t words = command_of(sizeof(command), command);
	const struct ff_field fields[] = {FF_INT(PROCESS_PARENT_PID, getppid()),
		FF_STRN(PROCESS_COMMAND, command, words), FF_STRN(PROCESS_EXECUTABLE_PATH, exe, n > 0 ? (size_t)n : 0)};
	ff_lane_write(&p->lane, FF_EV_PROCESS_START, fields, n > 0 ? 3 : 2);
}

struct ff_error *ff_record_start(const struct ff_record_options *options)
{
	static const struct ff_record_options defaults;
	if (!options)
		options = &defaults;
	struct process *p = process;
	if (p && p->state == READY)
		return NULL;
	p = NULL;
	struct ff_error *err = find_folder(options);
	if (!err) // a new one after a stop, too: other threads may still be inside a write to the old one
		err = make_process(&p);
	if (err || !p)
		return err;
	find_shm(options->dir);
	config.no_fallback = options->no_fallback;
	config.spec = (struct ff_lane_spec){.size = options->size, .sync = options->sync};
	ff_lane_boot_id(config.spec.boot_id);
	p->state = OPENING;
	p->before = newest;
	newest = p;
	catch_cut_files();
	int errnum = open_lane(p);
	if (errnum) {
		p->state = FAILED;
		process = p;
		return ff_error_os(errnum, "cannot make a lane in %s", config.folder);
	}
	config.enabled = true;
	become_ready(p);
	atomic_store_explicit(&process, p, memory_order_release);
	ff_keys_copy(p->lane.keys);
	record_start(p);
	return NULL;
}

void ff_record_stop(void)
{
	struct process *p = process;
	if (!p || p->state != READY)
		return;
	ff_lane_write(&p->lane, FF_EV_PROCESS_STOP, NULL, 0);
	config.enabled = false;
	atomic_store(&p->lane.live->state, FF_RING_CLOSED);
	p->state = FAILED;
	// Other threads may be inside a write: the mapping stays. The lock goes with the descriptor.
	close(p->fd);
}

bool ff_record_left(void)
{
	return config.left;
}

const char *ff_record_where(const char **ret_why)
{
	static char why[sizeof(config.refusal) + PATH_MAX + 64];
	struct process *p = process;
	if (!p || p->state != READY)
		return NULL;
	if (ret_why)
		*ret_why = p->place == IN_FOLDER ? NULL : why;
	if (config.refusal[0])
		snprintf(why, sizeof(why), "%s", config.refusal);
	else
		snprintf(why, sizeof(why), "cannot make a lane in %s: %s", config.folder, strerror(p->folder_errno));
	return p->path;
}

uint64_t ff_record_dropped(void)
{
	struct process *p = process;
	if (!p)
		return 0;
	return atomic_load(&p->dropped) + (p->state == READY ? atomic_load(&p->lane.live->dropped) : 0);
}
