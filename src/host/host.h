// The one door out. Every read of the machine goes through a `struct ff_host`, which can be this machine, another
// process's view of it (--pid) or a captured machine (--root DIR); probes cannot tell the difference.
//
// A captured machine is a folder that holds copies of files under their own absolute paths, and `.firstfix/live.json`
// for what is no file: {"env": {...}, "argv": [...], "uname": {...}, "affinity": 8, "rlimits": {...},
// "statfs": {"/dev/shm": {...}}, "nvml": {...}, ...}. A live host answers the same keys by asking the kernel.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "host/image.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>

struct ff_host;

/** Which machine to look at; all zero is this one as this process sees it. */
struct ff_host_options {
	const char *root; /**< a captured machine, or NULL */
	pid_t pid;	  /**< look through this process's eyes (its root, environment, working folder), or 0 */
	/** The worker's variables as they are now, NUL-separated, or NULL: /proc/PID/environ holds those of its start.
	    What only counts at a start (LD_*, PYTHON*) is still taken from there */
	const char *environ_file;
	/** With root: answers of live.json for a machine that the root does not tell of, or NULL; borrowed until the
	    host is made */
	const json_t *planned;
	/** The files of an image, in place of a root, or NULL; borrowed for as long as the host lives */
	const struct ff_image *image;
};

struct ff_error *ff_host_create(const struct ff_host_options *options, struct ff_host **ret);
void ff_host_destroy(struct ff_host *host);

static inline void ff_cleanup_host(struct ff_host **host)
{
	ff_host_destroy(*host);
}

#define _cleanup_host_ __attribute__((__cleanup__(ff_cleanup_host)))

/** True when answers come from a captured machine: system calls and vendor libraries of this one must not be asked. */
bool ff_host_is_captured(const struct ff_host *host);

/** The process looked at, 0 for none; a captured machine says which one it was. Read it by ff_host_read_process(). */
pid_t ff_host_pid(const struct ff_host *host);

/** The descriptor that helpers must keep (struct ff_helper), 0 for none. */
int ff_host_root_fd(const struct ff_host *host);

/** Open for reading, never following a link out of the root; refuses FIFOs and devices (O_NONBLOCK is set).
    Paths are absolute, as the machine itself would say them. */
struct ff_error *ff_host_open(struct ff_host *host, const char *path, int *ret_fd);

/** Read a whole file of at most `max` bytes; *ret is terminated, freed by the caller; *ret_n may be NULL. */
struct ff_error *ff_host_read(struct ff_host *host, const char *path, size_t max, char **ret, size_t *ret_n);

/** A file mapped read-only, for formats whose headers lie far apart. A file that shrinks meanwhile raises SIGBUS, which
    in a helper is that helper's crash and nothing more. Release with ff_map_deinit(). */
struct ff_map {
	const void *p;
	size_t n;
	bool borrowed; /**< of an image, which holds it */
};

struct ff_error *ff_host_map(struct ff_host *host, const char *path, struct ff_map *ret);
void ff_map_deinit(struct ff_map *map);

#define _cleanup_map_ __attribute__((__cleanup__(ff_map_deinit)))

/** First line of a small file without its newline (sysfs, /proc); freed by the caller. */
struct ff_error *ff_host_read_line(struct ff_host *host, const char *path, char **ret);

/** stat(2) of what the path leads to; st_dev/st_ino are this machine's. */
struct ff_error *ff_host_stat(struct ff_host *host, const char *path, struct stat *ret);

static inline bool ff_host_mode_is(struct ff_host *host, const char *path, mode_t type)
{
	struct stat st;
	_cleanup_error_ struct ff_error *err = ff_host_stat(host, path, &st);
	return !err && (st.st_mode & S_IFMT) == type;
}

/** What a symbolic link says, freed by the caller. */
struct ff_error *ff_host_readlink(struct ff_host *host, const char *path, char **ret);

/** The path with every link resolved, as the machine itself would say it; freed by the caller. */
struct ff_error *ff_host_realpath(struct ff_host *host, const char *path, char **ret);

/** Names in a folder, sorted, without . and ..; at most `max` of them (FF_ELIMIT beyond). Release with
    ff_names_deinit(). */
struct ff_names {
	char **names;
	size_t n;
};

struct ff_error *ff_host_list(struct ff_host *host, const char *path, size_t max, struct ff_names *ret);
void ff_names_deinit(struct ff_names *names);

/** Is this name among them? */
bool ff_names_have(const struct ff_names *names, const char *name);

#define _cleanup_names_ __attribute__((__cleanup__(ff_names_deinit)))

/** Read a file of /proc/PID: `pid` 0 is the worker (--pid, else ourselves, else the captured machine's /proc/self).
    Always by the /proc of this machine, also when the worker's root is another one. */
struct ff_error *ff_host_read_process(
	struct ff_host *host, pid_t pid, const char *name, size_t max, char **ret, size_t *ret_n);

/** What a link of /proc/PID says ("cwd", "exe"), freed by the caller. */
struct ff_error *ff_host_readlink_process(struct ff_host *host, pid_t pid, const char *name, char **ret);

/** uname(2), or live.json's "uname" (release, version, machine; nodename is not kept). */
struct ff_error *ff_host_uname(struct ff_host *host, struct utsname *ret);

/** statvfs(2) of the file system that a path lies on: may hang on a dead network mount. A captured machine answers from
    live.json's "statfs": {"/dev/shm": {"total": 0, "available": 0, "inodes": 0, "inodes_free": 0, "read_only": false,
    "no_exec": false}}. */
struct ff_space {
	uint64_t total, available; /**< bytes; available is what an ordinary user may still write */
	uint64_t inodes, inodes_free;
	bool read_only, no_exec;
};

struct ff_error *ff_host_space(struct ff_host *host, const char *path, struct ff_space *ret);

/** May the worker write there, as access(2) says (a read-only file system is "no")? Only known when the worker is of
    our own user, or from live.json's "writable": {"/root/.cache": true}; else FF_EUNSUPPORTED or FF_EABSENT. */
struct ff_error *ff_host_writable(struct ff_host *host, const char *path, bool *ret);

/** The worker's environment variable, borrowed; NULL when not set (or when the environment cannot be read). A secret of
    a captured machine is set, and "[masked]". */
const char *ff_host_getenv(const struct ff_host *host, const char *name);

/** All variables as an object of strings, borrowed; NULL when the environment cannot be read. */
const json_t *ff_host_env(const struct ff_host *host);

/** A captured machine's answer at a dotted path of .firstfix/live.json, borrowed; NULL on a live host or when
    absent. */
const json_t *ff_host_captured(const struct ff_host *host, const char *path);
