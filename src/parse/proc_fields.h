// Text of /proc and cgroup files that is one field a line: meminfo, status, memory.events, pressure, limits.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** The value of the first line "key: value", "key value" or "key\tvalue", trimmed; false when there is none. */
bool ff_field_text(struct ff_span text, const char *key, struct ff_span *ret);

/** A field's number; "kB" behind it multiplies by 1024. */
bool ff_field_u64(struct ff_span text, const char *key, uint64_t *ret);

/** How many CPUs (or memory nodes) a list such as "0-3,8" names; false when it is none. */
bool ff_cpu_list_count(struct ff_span list, uint64_t *ret);

/** One file of pressure stall information: {"some": {"avg10": 0.5, "avg60":, "avg300":, "total_us":}, "full":
    {...}}. */
struct ff_error *ff_pressure_parse(const char *file, struct ff_span text, json_t **ret);

/** /proc/PID/limits: {"nofile": 1024, "nofile_hard": 1048576, "memlock": "unlimited", ...} for nofile, memlock, nproc,
    stack, core, address space ("as") and data. "unlimited" is a string: it is no number. */
struct ff_error *ff_limits_parse(const char *file, struct ff_span text, json_t **ret);

/** What /proc/PID/stat says; `comm` is cut out between the outermost parentheses, for it may hold any byte. */
struct ff_proc_stat {
	struct ff_span comm;
	char state;
	uint64_t ppid, threads, start_ticks;
};

struct ff_error *ff_proc_stat_parse(const char *file, struct ff_span text, struct ff_proc_stat *ret);

/** The next interface of /proc/net/dev ("  eth0: 1296 12 0 ..."), whose heads have none; false at the end. */
bool ff_net_dev_next(struct ff_span *table, struct ff_span *ret_name);

/** Does a socket of /proc/net/tcp or tcp6 listen on this port? *ret_inode (may be NULL) is the socket's number. */
bool ff_tcp_listens(struct ff_span table, uint64_t port, uint64_t *ret_inode);
