// From the lanes of a state folder to the tally: which lanes are the worker's, and what is new in them.
//
// How the source lies: many workers may record in one folder; a lane's process may be gone before we meet it; numbers
// of processes come again. A lane is the worker's when its process is the worker or below it while it lives, or when a
// lane of ours is that of its parent. Without a worker to look at (--dir), every lane is whose process lived while we
// did.
#include "agent/agent.h"
#include "agent/stream.h"

#include "base/clock.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 20000 };
static const uint64_t slack_ns = 2000000000; // it begins before the agent has read what it is told

// "4711-123456.ring": the process and when it started, in ticks since the boot.
static void whose(const char *lane, pid_t *ret_pid, uint64_t *ret_ticks)
{
	char *end;
	*ret_pid = (pid_t)strtol(lane, &end, 10);
	*ret_ticks = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
}

// The recorder holds a lock on its lane while it lives: that can be asked across namespaces of processes too.
static bool is_locked(const struct ff_agent *a, const char *lane)
{
	char path[PATH_MAX];
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	if (snprintf(path, sizeof(path), "%s/lanes/%s", a->dir, lane) >= (int)sizeof(path))
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return locked;
}

bool ff_agent_lane_lives(const struct ff_agent *a, const char *lane)
{
	pid_t pid;
	uint64_t ticks;
	whose(lane, &pid, &ticks);
	return ff_proc_lives(pid, ticks, NULL) || (!a->root && is_locked(a, lane));
}

static bool is_counted(const struct ff_agent *a, const char *lane)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	for (unsigned i = 0; i < FF_TALLY_LANES; i++)
		if (strcmp(t->lanes[i].name, lane) == 0)
			return true;
	return false;
}

static bool has_pid(const struct ff_agent *a, pid_t pid, uint64_t before_mono_ns)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	for (unsigned i = 0; i < FF_TALLY_LANES; i++)
		if (t->lanes[i].name[0] && (pid_t)t->lanes[i].pid == pid && t->lanes[i].began_mono_ns <= before_mono_ns)
			return true;
	return pid == a->root;
}

static bool parent_is_ours(const struct ff_agent *a, const struct ff_event *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->keys[i], "process.parent_pid") == 0 && e->fields[i].type == FF_FIELD_INT)
			return has_pid(a, (pid_t)e->fields[i].i, e->mono_ns);
	return false;
}

// The worker's own lane, also when it is dead by now; also when it was before we could ask when it had begun.
static bool is_root(const struct ff_agent *a, pid_t pid, uint64_t ticks, uint64_t time_ns)
{
	if (pid != a->root)
		return false;
	return a->root_ticks ? ticks == a->root_ticks : time_ns + slack_ns >= a->since_epoch_ns;
}

static bool decide(const struct ff_agent *a, const struct ff_event *e)
{
	pid_t pid;
	uint64_t ticks;
	if (e->pid == (uint32_t)getpid())
		return false;
	if (is_counted(a, e->lane))
		return true;
	whose(e->lane, &pid, &ticks);
	if (!a->root)
		return ff_agent_lane_lives(a, e->lane);
	if (is_root(a, pid, ticks, e->time_ns))
		return true;
	if (ff_proc_lives(pid, ticks, NULL))
		return ff_proc_is_below(pid, a->root);
	return e->mono_ns >= a->root_began_ns && parent_is_ours(a, e);
}

static bool is_ours(struct ff_agent *a, const struct ff_event *e)
{
	for (size_t i = a->n_known; i-- > 0;)
		if (strncmp(a->known[i].name, e->lane, FF_ID - 1) == 0)
			return a->known[i].ours;
	struct ff_known_lane lane = {.ours = decide(a, e)};
	snprintf(lane.name, sizeof(lane.name), "%s", e->lane);
	pthread_mutex_lock(&a->lock);
	if (a->n_known == FF_KNOWN_LANES) { // forget the older half
		memmove(a->known, a->known + FF_KNOWN_LANES / 2, FF_KNOWN_LANES / 2 * sizeof(*a->known));
		a->n_known = FF_KNOWN_LANES / 2;
	}
	a->known[a->n_known++] = lane;
	pthread_mutex_unlock(&a->lock);
	return lane.ours;
}

enum ff_lane_is ff_agent_lane_is(const struct ff_agent *a, const char *lane)
{
	for (size_t i = a->n_known; i-- > 0;)
		if (strncmp(a->known[i].name, lane, FF_ID - 1) == 0)
			return a->known[i].ours ? FF_LANE_OURS : FF_LANE_OTHERS;
	return is_counted(a, lane) ? FF_LANE_OURS : FF_LANE_UNKNOWN;
}

static void note_dead(struct ff_agent *a, struct ff_tally **batch)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	for (uint32_t i = 0; i < FF_TALLY_LANES; i++) {
		if (!t->lanes[i].name[0] || t->lanes[i].dead || ff_agent_lane_lives(a, t->lanes[i].name))
			continue;
		*batch = *batch ? *batch : ff_twin_begin(a->tally);
		ff_tally_lane_died(*batch, i);
	}
}

// When each open phase was first seen, on our own clock.
static void note_open(struct ff_agent *a)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	uint64_t now = ff_clock_ns();
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++) {
		uint64_t id = t->open[i].id ? t->open[i].id ^ (uint64_t)t->open[i].lane << 48 : 0;
		if (a->seen_id[i] == id)
			continue;
		a->seen_id[i] = id;
		a->seen_ns[i] = now;
	}
}

// Events are counted into the copy that nobody reads, so the others wait only while it becomes the one in use.
void ff_agent_take_events(struct ff_agent *a)
{
	struct ff_tally *batch = NULL;
	const struct ff_event *e = NULL;
	bool wanted = ff_stream_wanted();
	if (a->options.run && !a->root) // whose lanes they are is not known yet
		return;
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		struct ff_error *err = ff_events_next(a->events, &e);
		ff_error_destroy(err);
		if (err || !e)
			break;
		if (!is_ours(a, e))
			continue;
		batch = batch ? batch : ff_twin_begin(a->tally);
		ff_tally_missed(batch, e, ff_events_ordinal(a->events));
		ff_tally_count(batch, e);
		if (wanted)
			ff_stream_event(e);
	}
	if (!e) // all was read: what a dead process has open will never end
		note_dead(a, &batch);
	pthread_mutex_lock(&a->lock);
	if (batch)
		ff_twin_commit(a->tally);
	note_open(a);
	pthread_mutex_unlock(&a->lock);
}
