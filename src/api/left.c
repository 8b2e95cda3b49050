// Processes that ended without a word: their lanes are found, told of once, and closed.
//
// Whoever is beside a process tells of it: its supervisor, whose document lies in open/, or the Python that had started
// it and lives. Their lanes are left alone.
#include "ring/left.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "base/logline.h"
#include "base/statedir.h"
#include "incident/incident.h"
#include "ring/lane.h"
#include "store/quarantine.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIDS_MAX = 1024, TOLD_MAX = 32 };

struct cared_for {
	uint32_t pids[PIDS_MAX];
	size_t n;
};

static void add(struct cared_for *c, int64_t pid)
{
	if (c->n < PIDS_MAX && pid > 0 && pid <= INT32_MAX)
		c->pids[c->n++] = (uint32_t)pid;
}

static bool has(const struct cared_for *c, const struct ff_left *left)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->pids[i] == left->pid || c->pids[i] == left->parent_pid)
			return true;
	}
	return false;
}

static void add_living(DIR *lanes, struct cared_for *c)
{
	const struct dirent *e;
	for (int i = 0; i < FF_LEFT_LOOK_AT && (e = readdir(lanes)); i++) {
		unsigned pid;
		unsigned long long start;
		uint64_t now;
		if (sscanf(e->d_name, "%u-%llu", &pid, &start) == 2 && ff_lane_start_time(pid, &now) && now == start)
			add(c, pid);
	}
	rewinddir(lanes);
}

static void add_open_runs(const char *state, struct cared_for *c)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/open", state) >= (int)sizeof(path))
		return;
	_cleanup_closedir_ DIR *d = opendir(path);
	const struct dirent *e;
	for (int i = 0; d && i < FF_LEFT_LOOK_AT && (e = readdir(d)); i++) {
		_cleanup_json_ json_t *death = NULL;
		int64_t pid = 0;
		if (e->d_name[0] == '.' ||
			snprintf(path, sizeof(path), "%s/open/%s", state, e->d_name) >= (int)sizeof(path))
			continue;
		_cleanup_error_ struct ff_error *err = ff_death_read(path, &death);
		if (!err && ff_json_int(death, "pid", &pid))
			add(c, pid);
	}
}

// One that came before is said in a line.
static void say(json_t *doc, const struct ff_style *style, json_t *shown, struct ff_buf *out)
{
	_cleanup_free_ char *text = NULL;
	const char *id = ff_json_text(doc, "id");
	struct ff_style how = *style;
	how.brief = id && json_object_get(shown, id);
	_cleanup_error_ struct ff_error *unsaid = ff_incident_say(doc, &how, &text);
	if (text)
		ff_buf_str(out, text);
	if (id)
		json_object_set_new(shown, id, json_true());
}

// Whether all is done that could be.
static bool tell(const char *dir, const char *path, const struct ff_left *left, struct ff_store *store,
	const struct ff_style *style, json_t *shown, struct ff_buf *out)
{
	_cleanup_json_ json_t *doc = NULL;
	uint8_t boot[16];
	char token[sizeof(left->name) + 16];
	bool first;
	ff_lane_boot_id(boot);
	_cleanup_error_ struct ff_error *failed =
		ff_incident_of_left(path, left->pid, memcmp(boot, left->boot_id, sizeof(boot)) != 0, store, &doc);
	if (failed || !doc)
		return true;
	ff_tell_for_the_dead(store, doc);
	// Who told of it may have been killed before it closed the lane.
	snprintf(token, sizeof(token), "%02x%02x%02x%02x-%s", left->boot_id[0], left->boot_id[1], left->boot_id[2],
		left->boot_id[3], left->name);
	_cleanup_error_ struct ff_error *unstored =
		ff_waiting_keep(dir, doc, ff_incident_add_once(store, token, doc, &first));
	if (!unstored && !first)
		return true;
	ff_error_destroy(ff_quarantine_note(dir, doc)); // once too: a second count refuses a request early
	say(doc, style, shown, out);
	return ff_waiting_is_kept(doc);
}

static void tell_all(const char *dir, const char *state, DIR *lanes, struct ff_store *store,
	const struct ff_style *style, struct ff_buf *out)
{
	_cleanup_json_ json_t *shown = json_object();
	struct cared_for c = {.n = 0};
	const struct dirent *e;
	struct ff_left left;
	char path[PATH_MAX];
	int told = 0;
	add_living(lanes, &c);
	add_open_runs(state, &c);
	for (int i = 0; told < TOLD_MAX && i < FF_LEFT_LOOK_AT && (e = readdir(lanes)); i++) {
		if (!ff_left_open(dirfd(lanes), e->d_name, &left))
			continue;
		bool done = !has(&c, &left) &&
			snprintf(path, sizeof(path), "%s/lanes/%s", state, left.name) < (int)sizeof(path);
		if (done) {
			done = tell(dir, path, &left, store, style, shown, out);
			told++;
		}
		ff_left_close(&left, done);
	}
}

struct ff_error *ff_incident_left(const char *dir, const struct ff_style *style, char **ret)
{
	_cleanup_free_ char *state = NULL;
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_buf_ struct ff_buf out = {0};
	char path[PATH_MAX];
	struct ff_error *err = ff_statedir_make(dir, NULL, &state);
	if (!err)
		err = ff_store_open(state, false, &store);
	if (!err && snprintf(path, sizeof(path), "%s/lanes", state) >= (int)sizeof(path))
		err = ff_error_os(ENAMETOOLONG, "%s", state);
	if (err)
		return err;
	_cleanup_closedir_ DIR *lanes = opendir(path);
	if (lanes)
		tell_all(dir, state, lanes, store, style, &out);
	return ff_buf_finish(&out, ret);
}

void ff_left_told(const char *dir, const json_t *told)
{
	_cleanup_free_ char *state = NULL;
	char path[PATH_MAX];
	uint32_t pids[64];
	size_t i, n = 0;
	json_t *value;
	_cleanup_error_ struct ff_error *err = ff_statedir_path(dir, &state);
	if (err || snprintf(path, sizeof(path), "%s/lanes", state) >= (int)sizeof(path))
		return;
	json_array_foreach (json_object_get(told, "pids"), i, value) {
		if (n < sizeof(pids) / sizeof(pids[0]))
			pids[n++] = (uint32_t)json_integer_value(value);
	}
	ff_left_close_of(path, pids, n);
}
