// All lanes of a folder as one stream. Each lane gives its events in order; of all lanes' next events the oldest is
// given. Lanes are looked for in the state folder and in what stands in for it in /dev/shm where it refuses.
#include "base/cleanup.h"
#include "base/statedir.h"
#include "base/str.h"
#include "ring/clock.h"
#include "ring/json.h"
#include "ring/read.h"
#include "ring/record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LANES_MAX = 1024, PROBLEMS_MAX = 64 };
static const uint64_t look_again_ns = 500000000;

struct lane {
	struct ff_lane_reader *reader;
	dev_t dev;
	ino_t ino;
	const struct ff_event *next; // NULL: ask the reader
};

struct ff_events {
	uint64_t since_ns;
	bool follow, one_lane;
	char *folder, shm[64];
	uint64_t looked_ns;
	struct lane lanes[LANES_MAX];
	size_t n;
	struct lane *given; // the lane whose event the caller holds
	char *problems[PROBLEMS_MAX];
	size_t n_problems;
};

static void note_problem(struct ff_events *events, struct ff_error *err)
{
	bool known = events->n_problems == PROBLEMS_MAX;
	for (size_t i = 0; i < events->n_problems; i++) // a follower looks again and again
		known |= strcmp(events->problems[i], err->message) == 0;
	char *text = known ? NULL : strdup(err->message);
	if (text)
		events->problems[events->n_problems++] = text;
	ff_error_destroy(err);
}

static bool is_known(const struct ff_events *events, const struct stat *st)
{
	for (size_t i = 0; i < events->n; i++)
		if (events->lanes[i].dev == st->st_dev && events->lanes[i].ino == st->st_ino)
			return true;
	return false;
}

static struct ff_error *add_lane(struct ff_events *events, int dir, const char *name)
{
	_cleanup_close_ int fd =
		openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (dir == AT_FDCWD ? 0 : O_NOFOLLOW));
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", name);
	if (is_known(events, &st))
		return NULL;
	if (events->n == LANES_MAX)
		return ff_error_create(FF_ELIMIT, "%s: more than %d lanes", name, LANES_MAX);
	const char *slash = strrchr(name, '/');
	struct lane *lane = &events->lanes[events->n];
	*lane = (struct lane){.dev = st.st_dev, .ino = st.st_ino};
	struct ff_ring_source source = {.fd = ff_take_fd(&fd)};
	struct ff_error *err = ff_lane_reader_create(source, slash ? slash + 1 : name, events->follow, &lane->reader);
	if (!err)
		events->n++;
	return err;
}

static void add_folder(struct ff_events *events, const char *folder)
{
	_cleanup_closedir_ DIR *d = opendir(folder);
	if (!d) {
		if (errno != ENOENT)
			note_problem(events, ff_error_os(errno, "%s", folder));
		else if (folder == events->folder)
			note_problem(events, ff_error_create(FF_EABSENT, "%s: nothing was recorded here yet", folder));
		return;
	}
	for (const struct dirent *e; (e = readdir(d));) {
		if (!ff_ends(e->d_name, ".ring"))
			continue;
		struct ff_error *err = add_lane(events, dirfd(d), e->d_name);
		if (err && err->code == FF_EABSENT) { // being made, or removed meanwhile
			ff_error_destroy(err);
			err = NULL;
		}
		if (err)
			note_problem(events, err);
	}
}

static void look_for_lanes(struct ff_events *events)
{
	events->looked_ns = ff_ring_ns(CLOCK_MONOTONIC);
	add_folder(events, events->folder);
	if (events->shm[0] && ff_record_shm_is_ours(events->shm))
		add_folder(events, events->shm);
}

static struct ff_error *open_source(struct ff_events *events, const struct ff_events_options *options)
{
	if (options->lane) {
		events->one_lane = true;
		return add_lane(events, AT_FDCWD, options->lane);
	}
	_cleanup_free_ char *dir = NULL;
	struct ff_error *err = ff_statedir_path(options->dir, &dir);
	if (err)
		return err;
	if (asprintf(&events->folder, "%s/lanes", dir) < 0) {
		events->folder = NULL;
		return &ff_enomem;
	}
	if (!ff_record_shm_dir(dir, sizeof(events->shm), events->shm))
		events->shm[0] = '\0';
	look_for_lanes(events);
	return NULL;
}

struct ff_error *ff_events_open(const struct ff_events_options *options, struct ff_events **ret)
{
	static const struct ff_events_options defaults;
	if (!options)
		options = &defaults;
	struct ff_events *events = calloc(1, sizeof(*events));
	if (!events)
		return &ff_enomem;
	events->since_ns = options->since_ns;
	events->follow = options->follow;
	struct ff_error *err = open_source(events, options);
	if (err) {
		ff_events_close(events);
		return err;
	}
	*ret = events;
	return NULL;
}

static struct lane *oldest(struct ff_events *events)
{
	struct lane *found = NULL;
	for (size_t i = 0; i < events->n; i++) {
		struct lane *lane = &events->lanes[i];
		while (!lane->next && ff_lane_reader_next(lane->reader, &lane->next) == FF_LANE_EVENT)
			if (lane->next->time_ns < events->since_ns)
				lane->next = NULL;
		if (lane->next && (!found || lane->next->time_ns < found->next->time_ns))
			found = lane;
	}
	return found;
}

struct ff_error *ff_events_next(struct ff_events *events, const struct ff_event **ret)
{
	if (events->given)
		events->given->next = NULL;
	if (events->follow && !events->one_lane && ff_ring_ns(CLOCK_MONOTONIC) - events->looked_ns > look_again_ns)
		look_for_lanes(events);
	events->given = oldest(events);
	*ret = events->given ? events->given->next : NULL;
	return NULL;
}

uint64_t ff_events_ordinal(const struct ff_events *events)
{
	return events->given && events->given->next ? ff_lane_reader_ordinal(events->given->reader) : 0;
}

void ff_events_counts(const struct ff_events *events, uint64_t *ret_torn, uint64_t *ret_lost, uint64_t *ret_dropped)
{
	*ret_torn = *ret_lost = *ret_dropped = 0;
	for (size_t i = 0; i < events->n; i++) {
		struct ff_lane_counts counts = ff_lane_reader_counts(events->lanes[i].reader);
		*ret_torn += counts.torn;
		*ret_lost += counts.lost;
		*ret_dropped += counts.dropped;
	}
}

bool ff_events_problem(const struct ff_events *events, size_t index, const char **ret)
{
	if (index >= events->n_problems)
		return false;
	*ret = events->problems[index];
	return true;
}

void ff_events_close(struct ff_events *events)
{
	if (!events)
		return;
	for (size_t i = 0; i < events->n; i++)
		ff_lane_reader_destroy(events->lanes[i].reader);
	for (size_t i = 0; i < events->n_problems; i++)
		free(events->problems[i]);
	free(events->folder);
	free(events);
}
