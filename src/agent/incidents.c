// What the database says of this run's failures. It is read where it changed, never more than once a second, and a database that is
// locked or damaged costs the answer, not the agent.
#include "agent/agent.h"

#include "base/clock.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const files[] = {"firstfix.db", "firstfix.db-wal"};

// A number that is another one when somebody wrote.
static uint64_t state_of_files(const struct ff_agent *a)
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
	unsigned i = 0;
	cause = cause && *cause ? cause : "unknown";
	while (i < FF_CAUSES_MAX - 1 && causes[i].name[0] && strncmp(causes[i].name, cause, FF_ID - 1) != 0)
		i++;
	if (!causes[i].name[0])
		snprintf(causes[i].name, sizeof(causes[i].name), "%s", i == FF_CAUSES_MAX - 1 ? "other" : cause);
	causes[i].n += n > 0 ? (uint64_t)n : 1;
}

struct read_of_store {
	uint64_t incidents;
	struct ff_named causes[FF_CAUSES_MAX];
	struct ff_last_incident last;
};

static struct ff_error *read_store(const struct ff_agent *a, struct read_of_store *ret)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *list = NULL, *doc = NULL;
	char since[FF_TIME_LEN];
	size_t i;
	json_t *row;
	struct ff_error *err = ff_store_open(a->dir, true, &store);
	if (!err)
		err = ff_store_list(store, &list);
	if (err)
		return err;
	ff_clock_format(a->since_epoch_ns, since);
	json_array_foreach (list, i, row) {
		ret->incidents++;
		count_cause(ret->causes, row);
	}
	const json_t *newest = json_array_get(list, 0);
	const char *seen = ff_json_text(newest, "last_seen"), *id = ff_json_text(newest, "id");
	if (!seen || !id || strcmp(seen, since) < 0)
		return NULL;
	err = ff_store_get(store, id, &doc);
	if (err)
		return err;
	put(ret->last.id, sizeof(ret->last.id), doc, "id");
	put(ret->last.cause, sizeof(ret->last.cause), doc, "diagnosis.diagnoses.0.cause");
	put(ret->last.title, sizeof(ret->last.title), doc, "diagnosis.diagnoses.0.title");
	put(ret->last.fix, sizeof(ret->last.fix), doc, "diagnosis.diagnoses.0.fixes.0.say");
	return NULL;
}

void ff_agent_look_at_store(struct ff_agent *a)
{
	struct read_of_store got = {0};
	uint64_t now = ff_clock_ns(), state = state_of_files(a);
	if (state == a->store_changed || now - a->store_looked_ns < UINT64_C(1000000000))
		return;
	a->store_looked_ns = now;
	struct ff_error *err = read_store(a, &got);
	pthread_mutex_lock(&a->lock);
	snprintf(a->store_problem, sizeof(a->store_problem), "%s", err && err->code != FF_EABSENT ? err->message : "");
	if (!err) {
		a->incidents = got.incidents;
		memcpy(a->causes, got.causes, sizeof(a->causes));
		a->incident = got.last;
	}
	if (!err || err->code == FF_EABSENT)
		a->store_changed = state;
	pthread_mutex_unlock(&a->lock);
	ff_error_destroy(err);
}
