// What the database says of this run's failures, read by a thread of its own where it changed: the newest one within a
// second, the counts by cause so seldom that a full database costs a tenth of a CPU at most. One that is locked or
// damaged costs the answer.
#include "agent/agent.h"

#include "base/clock.h"
#include "store/quarantine.h"
#include "store/store.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LOOK_MS = 500, QUARANTINE_EVERY = 10, COUNT_SHARE = 10, STACK = 512 << 10 };

static const char *const files[] = {"firstfix.db", "firstfix.db-wal"};

uint64_t ff_incidents_files(const struct ff_agent *a)
{
	uint64_t sum = 1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[PATH_MAX + 32];
		struct stat st;
		snprintf(path, sizeof(path), "%s/%s", a->dir, files[i]);
		if (stat(path, &st) == 0)
			sum = sum * 31 + (uint64_t)st.st_size + (uint64_t)st.st_mtim.tv_sec * 1000003 +
				(uint64_t)st.st_mtim.tv_nsec;
	}
	return sum;
}

static void put(char *ret, size_t n, const json_t *doc, const char *path)
{
	const char *text = ff_json_text(doc, path);
	snprintf(ret, n, "%s", text ? text : "");
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static void count_cause(struct ff_named *causes, const json_t *row)
{
	const char *cause = ff_json_text(row, "cause");
	json_int_t n = json_integer_value(json_object_get(row, "count"));
	ff_named_row(causes, FF_CAUSES_MAX, cause && *cause ? cause : "unknown")->n += n > 0 ? (uint64_t)n : 1;
}

struct counted {
	uint64_t incidents;
	struct ff_named causes[FF_CAUSES_MAX];
};

// By the run's name, where both have one; by the time of day else, which may have been set meanwhile.
static bool is_of_this_run(const struct ff_agent *a, const json_t *doc)
{
	char since[FF_TIME_LEN];
	const char *run = ff_json_text(doc, "run_id"), *seen = ff_json_text(doc, "last_seen");
	if (run && a->options.run)
		return strcmp(run, a->options.run) == 0;
	ff_clock_format(a->since_epoch_ns, since);
	return seen && strcmp(seen, since) >= 0;
}

static struct ff_error *read_last(const struct ff_agent *a, struct ff_store *store, struct ff_last_incident *ret)
{
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_store_get(store, "last", &doc);
	if (err)
		return err;
	if (!is_of_this_run(a, doc))
		return NULL;
	put(ret->id, sizeof(ret->id), doc, "id");
	put(ret->cause, sizeof(ret->cause), doc, "diagnosis.diagnoses.0.cause");
	put(ret->title, sizeof(ret->title), doc, "diagnosis.diagnoses.0.title");
	put(ret->fix, sizeof(ret->fix), doc, "diagnosis.diagnoses.0.fixes.0.say");
	return NULL;
}

static struct ff_error *count_all(struct ff_store *store, struct counted *ret)
{
	_cleanup_json_ json_t *list = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = ff_store_list(store, &list);
	json_array_foreach (list, i, row) {
		ret->incidents++;
		count_cause(ret->causes, row);
	}
	return err;
}

// One look; true when the counts were made too.
static bool look(struct ff_agent *a, bool counts)
{
	_cleanup_store_ struct ff_store *store = NULL;
	struct ff_last_incident last = {0};
	struct counted counted = {0};
	struct ff_error *err = ff_store_open(a->dir, true, &store);
	if (!err)
		err = read_last(a, store, &last);
	if (!err && counts)
		err = count_all(store, &counted);
	bool absent = err && err->code == FF_EABSENT; // nothing was stored yet
	pthread_mutex_lock(&a->lock);
	snprintf(a->store_problem, sizeof(a->store_problem), "%s", err && !absent ? err->message : "");
	if (!err) {
		a->incident = last;
		a->store_reads++;
	}
	if (!err && counts) {
		a->incidents = counted.incidents;
		memcpy(a->causes, counted.causes, sizeof(a->causes));
	}
	pthread_mutex_unlock(&a->lock);
	ff_error_destroy(err);
	return counts;
}

// Inputs that killed workers: how many, and how many of them are refused.
static void look_at_quarantine(struct ff_agent *a)
{
	const char *wanted = getenv("FIRSTFIX_QUARANTINE");
	json_int_t limit = wanted ? atoi(wanted) : 0;
	unsigned suspected = 0, refused = 0;
	_cleanup_json_ json_t *list = NULL;
	size_t i;
	json_t *row;
	ff_error_destroy(ff_quarantine_list(a->dir, &list));
	json_array_foreach (list, i, row) {
		bool is = limit > 0 && json_integer_value(json_object_get(row, "kills")) >= limit;
		refused += is;
		suspected += !is;
	}
	pthread_mutex_lock(&a->lock);
	a->suspected = suspected;
	a->refused = refused;
	pthread_mutex_unlock(&a->lock);
}

static void *watch(void *agent)
{
	struct ff_agent *a = agent;
	uint64_t seen = 0, counted = 0, count_at = 0;
	unsigned looks = 0;
	for (;;) {
		uint64_t state = ff_incidents_files(a), begin = ff_clock_ns();
		bool counts = state != counted && begin >= count_at;
		if ((state != seen || counts) && look(a, counts)) {
			counted = state;
			count_at = ff_clock_ns() + COUNT_SHARE * (ff_clock_ns() - begin);
		}
		if (state != seen || ++looks % QUARANTINE_EVERY == 0)
			look_at_quarantine(a);
		seen = state;
		poll(NULL, 0, LOOK_MS);
	}
	return NULL;
}

struct ff_error *ff_incidents_start(struct ff_agent *a)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int code = pthread_create(&thread, &attributes, watch, a);
	pthread_attr_destroy(&attributes);
	return code ? ff_error_os(code, "a thread for the database") : NULL;
}
