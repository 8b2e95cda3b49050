// firstfix/event.h: record what happens so that it is still there when the process is not.
//
//	ff_record_start(NULL);                      // once; also fine to ignore its error: recording is then off
//	ff_event(FF_EV_PHASE_BEGIN, FF_STR(PHASE, "request"), FF_INT(PHASE_ID, 7), FF_STR(REQUEST_ID, id));
//	ff_event(FF_EV_PHASE_END, FF_INT(PHASE_ID, 7), FF_STR(OUTCOME, "ok"), FF_REAL(DURATION_MS, 31.5));
//	uint16_t mine = ff_key("acme.queue.depth"); // once; a key of your own
//	ff_event(FF_EV_CUSTOM, FF_STR(EVENT, "dequeue"), ff_int(mine, depth));
//
// An event is in the lane (a file of this process in $FIRSTFIX_DIR/lanes) when the call returns: SIGKILL does not take
// it away. Callable from every thread and from signal handlers: no lock, no allocation, errno kept. A full lane
// overwrites its oldest events. A child made by fork() gets a lane of its own at its first event. Format:
// doc/RING-FORMAT.md.
#pragma once

#include <firstfix/firstfix.h>

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The kinds and keys of event.def. Key 0 stands in for a key that found the table of keys full. */
enum ff_event_kind {
	FF_EV_NONE,
#define FF_KIND(id, name, help) FF_EV_##id,
#include <firstfix/event.def>
	FF_EV_END_
};
enum ff_event_key {
#define FF_KEY(id, name, help) FF_KEY_##id,
#include <firstfix/event.def>
	FF_KEY_END_
};

enum ff_field_type { FF_FIELD_STRING = 1, FF_FIELD_INT, FF_FIELD_REAL, FF_FIELD_BOOL };

/** One key and its value: 16 bytes, made by the functions below; a string is copied by ff_event_write(). */
struct ff_field {
	uint16_t key;
	uint8_t type;
	bool truncated; /**< the string was cut because the record grew too large (set by the reader) */
	uint32_t n;	/**< bytes of a string; bytes of unknown encoding are fine */
	union {
		const char *s;
		int64_t i;
		double d;
		bool b;
	};
};

static inline struct ff_field ff_strn(uint16_t key, const char *s, size_t n)
{
	struct ff_field f = {key, FF_FIELD_STRING, false, !s ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, {s}};
	return f;
}
static inline struct ff_field ff_int(uint16_t key, int64_t i)
{
	struct ff_field f = {key, FF_FIELD_INT, false, 0, {0}};
	f.i = i;
	return f;
}
static inline struct ff_field ff_real(uint16_t key, double d)
{
	struct ff_field f = {key, FF_FIELD_REAL, false, 0, {0}};
	f.d = d;
	return f;
}
static inline struct ff_field ff_bool(uint16_t key, bool b)
{
	struct ff_field f = {key, FF_FIELD_BOOL, false, 0, {0}};
	f.b = b;
	return f;
}
static inline struct ff_field ff_str(uint16_t key, const char *s)
{
	return ff_strn(key, s, s ? strlen(s) : 0);
}
#define FF_STR(key, s) ff_str(FF_KEY_##key, (s))
#define FF_STRN(key, s, n) ff_strn(FF_KEY_##key, (s), (n))
#define FF_INT(key, i) ff_int(FF_KEY_##key, (i))
#define FF_REAL(key, d) ff_real(FF_KEY_##key, (d))
#define FF_BOOL(key, b) ff_bool(FF_KEY_##key, (b))

/** How to record; NULL or all zero is the default. */
struct ff_record_options {
	const char
		*dir; /**< state folder; NULL is $FIRSTFIX_DIR, $XDG_STATE_HOME/firstfix, /var/lib/firstfix for root */
	size_t size;  /**< bytes of events a lane holds, rounded up; 0 is 1 MiB */
	/** Each event reaches the disk before the call returns: survives a crash of the machine, costs much */
	bool sync;
	bool no_fallback; /**< fail where the folder refuses, instead of recording to /dev/shm or to memory */
};

/** Open this process' lane. A second start without a stop does nothing. Where the folder refuses (read-only, full, of
    another user, NFS) the lane goes to /dev/shm, then to memory that dies with the process; ff_record_where() says so.
    A SIGBUS in the lane (somebody cut its file) is caught: later events are dropped and counted; any other goes where
    it went before. */
FF_PUBLIC struct ff_error *ff_record_start(const struct ff_record_options *options);
/** Record FF_EV_PROCESS_STOP and record nothing from here on. */
FF_PUBLIC void ff_record_stop(void);
/** Path of this process' lane and, where it is not in the state folder, why; NULL where nothing is recorded. */
FF_PUBLIC const char *ff_record_where(const char **ret_why);
/** Events of this process that could not be recorded: every block busy, or a lane being opened. */
FF_PUBLIC uint64_t ff_record_dropped(void);

/** Record one event; does nothing before ff_record_start(). At most 64 fields and 32 KiB: strings are cut to fit. */
FF_PUBLIC void ff_event_write(enum ff_event_kind kind, const struct ff_field *fields, size_t n);
#define FF_FIELDS_(...) ((const struct ff_field[]){__VA_ARGS__})
#define ff_event(kind, ...) \
	ff_event_write((kind), FF_FIELDS_(__VA_ARGS__), sizeof(FF_FIELDS_(__VA_ARGS__)) / sizeof(struct ff_field))
/** The id of a key, for this process and its children by fork; the same name gives the same id. Names are at most 61
    bytes. FF_KEY_OVERFLOW when the table (512) is full: keep names few, values many. Callable from anywhere. */
FF_PUBLIC uint16_t ff_key(const char *name);

/** One event as read back; everything is borrowed until the next call on the same reader. */
struct ff_event {
	uint32_t kind;
	const char *name; /**< of the kind */
	uint64_t time_ns; /**< since the epoch */
	uint32_t pid, tid;
	const char *lane; /**< file name */
	size_t n;
	const struct ff_field *fields;
	const char *const *keys; /**< name of fields[i].key */
	uint64_t position;	 /**< in its lane: grows from event to event and never repeats; 0 of FF_EV_LOST */
	uint64_t mono_ns;	 /**< on CLOCK_MONOTONIC of its machine: for ages, whoever sets the time of day */
};

struct ff_events; /**< all lanes of a folder, or one lane, merged by time */

struct ff_events_options {
	const char *dir;   /**< as in ff_record_options */
	const char *lane;  /**< read this file only */
	uint64_t since_ns; /**< skip what is older; since the epoch */
	bool follow;	   /**< wait a moment for events that are being written, and look for new lanes */
};

FF_PUBLIC struct ff_error *ff_events_open(const struct ff_events_options *options, struct ff_events **ret);
/** The next event, or *ret = NULL when there is none now. Hostile files are fine: what is torn is skipped and counted,
    FF_EV_LOST stands where events were overwritten before they were read. */
FF_PUBLIC struct ff_error *ff_events_next(struct ff_events *events, const struct ff_event **ret);
/** The how manieth event of its lane the current one is, of all that were ever recorded there (of an FF_EV_LOST, the
    last one that was lost): who keeps it learns later how many were overwritten meanwhile. 0 without a current one. */
FF_PUBLIC uint64_t ff_events_ordinal(const struct ff_events *events);
/** Totals so far: records skipped because they were torn, events overwritten, events dropped by writers. */
FF_PUBLIC void ff_events_counts(
	const struct ff_events *events, uint64_t *ret_torn, uint64_t *ret_lost, uint64_t *ret_dropped);
/** Why a file in the folder could not be read, one line each; false when index is past the last. */
FF_PUBLIC bool ff_events_problem(const struct ff_events *events, size_t index, const char **ret);
FF_PUBLIC void ff_events_close(struct ff_events *events);
/** One line without newline, secrets masked: FF_JSON is firstfix.event/1, else for a person. `style` may be NULL.
    Caller frees. */
FF_PUBLIC struct ff_error *ff_event_render(
	const struct ff_event *event, enum ff_format format, const struct ff_style *style, char **ret);

#ifdef __cplusplus
}
#endif
