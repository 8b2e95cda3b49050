// The second half of the facade: incidents, their store and bundles, behind include/firstfix/firstfix.h.
#include <firstfix/firstfix.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/logline.h"
#include "base/statedir.h"
#include "emit/emit.h"
#include "incident/incident.h"
#include "know/facts_diff.h"
#include "store/bundle.h"
#include "store/quarantine.h"
#include "store/store.h"

#include <fcntl.h>

enum { KEEP_COUNT = 200, SHARE = 2 };

struct ff_incident {
	json_t *doc, *death;
	char *id;
};

static struct ff_error *incident_of(json_t *doc, const json_t *death, struct ff_incident **ret)
{
	struct ff_incident *incident = calloc(1, sizeof(*incident));
	if (!incident)
		return &ff_enomem;
	const char *id = ff_json_text(doc, "id");
	incident->doc = json_incref(doc);
	incident->death = json_incref((json_t *)death);
	incident->id = id && ff_waiting_is_kept(doc) ? strdup(id) : NULL;
	*ret = incident;
	return NULL;
}

void ff_incident_free(struct ff_incident *incident)
{
	if (!incident)
		return;
	json_decref(incident->doc);
	json_decref(incident->death);
	free(incident->id);
	free(incident);
}

const char *ff_incident_id(const struct ff_incident *incident)
{
	return incident->id;
}

static _Thread_local char notice[1024];

static void take_notice(const struct ff_store *store)
{
	const char *text = ff_store_notice(store);
	if (text)
		snprintf(notice, sizeof(notice), "%s", text);
}

const char *ff_incidents_notice(void)
{
	return notice[0] ? notice : NULL;
}

static struct ff_error *open_store(const char *dir, bool read_only, struct ff_store **ret)
{
	_cleanup_free_ char *path = NULL;
	struct ff_error *err = read_only ? ff_statedir_path(dir, &path) : ff_statedir_make(dir, NULL, &path);
	if (!err)
		err = ff_store_open(path, read_only, ret);
	if (!err && !read_only)
		ff_waiting_take(dir, *ret);
	if (!err)
		take_notice(*ret);
	if (!err || !read_only || err->code != FF_EABSENT)
		return err;
	ff_error_destroy(err);
	return ff_error_create(
		FF_EABSENT, "nothing is stored in %s yet (another state folder: FIRSTFIX_DIR or --dir)", path);
}

// Before it is read: what waits belongs to what was asked for.
static void store_waiting(const char *dir)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_error_ struct ff_error *err = ff_waiting_any(dir) ? open_store(dir, false, &store) : NULL;
}

struct ff_error *ff_incident_add_to(struct ff_store *store, json_t *doc)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	_cleanup_free_ char *id = NULL;
	int64_t deleted = 0;
	struct ff_error *err = ff_share(doc, &masked);
	if (!err)
		err = ff_store_add(store, masked, &id);
	if (!err)
		take_notice(store);
	if (!err)
		err = ff_json_put(doc, "id", json_string(id));
	return err ? err : ff_store_prune(store, KEEP_COUNT, (int64_t)(ff_statedir_max_bytes() / SHARE), &deleted);
}

// A stored one of which more is known.
static struct ff_error *put_back(struct ff_store *store, const json_t *doc)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	struct ff_error *err = ff_share(doc, &masked);
	return err ? err : ff_store_replace(store, masked);
}

static struct ff_error *add_death(struct ff_store *store, const json_t *death, json_t *doc)
{
	_cleanup_json_ json_t *found = NULL;
	const char *how = ff_json_text(death, "how"), *run = ff_json_text(death, "run_id");
	int64_t attempt = 0;
	char token[128];
	bool first;
	if (json_object_get(doc, "id"))
		return put_back(store, doc);
	// Who told of it may have been killed before the document was removed.
	bool again = run && how && strcmp(how, "vanished") == 0;
	ff_json_int(death, "attempt", &attempt);
	snprintf(token, sizeof(token), "run-%.64s-%lld", run ? run : "", (long long)attempt);
	struct ff_error *err = ff_incident_add_once(store, again ? token : NULL, doc, &first);
	if (!err && !first)
		err = ff_store_find(store, doc, &found);
	json_t *id = json_object_get(found, "id");
	return err || !id ? err : ff_json_put(doc, "id", json_incref(id));
}

struct ff_error *ff_incident_from_death(const char *death_path, struct ff_incident **ret, struct ff_error **ret_stored)
{
	_cleanup_json_ json_t *death = NULL, *doc = NULL;
	_cleanup_store_ struct ff_store *store = NULL;
	struct ff_error *err = ff_death_read(death_path, &death);
	if (err)
		return err;
	struct ff_error *stored = open_store(ff_json_text(death, "state_dir"), false, &store);
	err = ff_incident_assemble(death, store, &doc);
	if (!err)
		ff_tell_for_the_dead(store, doc);
	if (!err && store)
		stored = add_death(store, death, doc);
	if (!err) {
		stored = ff_waiting_keep(ff_json_text(death, "state_dir"), doc, stored);
		ff_left_told(ff_json_text(death, "state_dir"), death);
	}
	if (!err)
		ff_error_destroy(ff_quarantine_note(ff_json_text(death, "state_dir"), doc));
	if (!err)
		err = incident_of(doc, death, ret);
	if (err || !ret_stored)
		ff_error_destroy(stored);
	else
		*ret_stored = stored;
	return err;
}

bool ff_incident_was_told(const struct ff_incident *incident)
{
	return json_is_true(json_object_get(incident->doc, "shown")) && ff_waiting_is_kept(incident->doc);
}

// True when another process of the same run has told of the same failure already: it is counted, and said in a line.
static bool is_known(struct ff_store *store, const json_t *doc)
{
	_cleanup_json_ json_t *before = NULL;
	_cleanup_error_ struct ff_error *err = ff_store_find(store, doc, &before);
	const char *run = ff_json_text(doc, "run_id"), *then = ff_json_text(before, "run_id");
	return run && then && strcmp(run, then) == 0;
}

// How often, since when.
static void put_count(struct ff_store *store, json_t *doc)
{
	static const char *const kept[] = {"count", "first_seen", "last_seen"};
	_cleanup_json_ json_t *row = NULL;
	_cleanup_error_ struct ff_error *err = ff_store_get(store, ff_json_text(doc, "id"), &row);
	for (size_t i = 0; !err && i < sizeof(kept) / sizeof(kept[0]); i++)
		json_object_set(doc, kept[i], json_object_get(row, kept[i]));
}

// firstfix.recorded/1, for the process that asked.
static struct ff_error *recorded(
	const json_t *doc, bool known, const struct ff_error *unstored, const struct ff_style *style, char **ret)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	_cleanup_free_ char *text = NULL;
	struct ff_style brief = *style;
	brief.brief = known;
	struct ff_error *err = ff_share(doc, &masked);
	if (!err)
		err = ff_emit(masked, FF_TEXT, &brief, &text);
	if (err)
		return err;
	const json_t *shown = ff_shareable_document(masked);
	_cleanup_json_ json_t *answer = json_pack("{s:s, s:O*, s:O*, s:s*, s:b, s:O*, s:O*, s:s}", "schema",
		"firstfix.recorded/1", "incident", ff_waiting_is_kept(shown) ? json_object_get(shown, "id") : NULL,
		"count", json_object_get(shown, "count"), "unstored", unstored ? ff_error_message(unstored) : NULL,
		"known", known, "cause", ff_json_at(shown, "diagnosis.diagnoses.0.cause"), "diagnosis",
		json_object_get(shown, "diagnosis"), "text", text);
	*ret = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	return *ret ? NULL : &ff_enomem;
}

struct ff_error *ff_incident_add_once(struct ff_store *store, const char *token, json_t *doc, bool *ret_first)
{
	*ret_first = true;
	struct ff_error *err = token ? ff_store_once_begin(store, token, ret_first) : NULL;
	if (!err && *ret_first)
		err = ff_incident_add_to(store, doc);
	return token ? ff_store_once_end(store, err) : err;
}

struct ff_error *ff_incident_from_failure(const char *dir, const char *path, const struct ff_style *style, char **ret)
{
	_cleanup_json_ json_t *failure = NULL, *doc = NULL;
	_cleanup_store_ struct ff_store *store = NULL;
	struct ff_error *err = ff_failure_read(path, &failure);
	if (err)
		return err;
	_cleanup_error_ struct ff_error *unstored = open_store(dir, false, &store);
	err = ff_incident_of_failure(failure, store, &doc);
	if (!err && !doc)
		return (*ret = strdup("{\"schema\": \"firstfix.recorded/1\"}")) ? NULL : &ff_enomem;
	bool known = !err && store && is_known(store, doc);
	if (!err)
		ff_error_destroy(ff_quarantine_note(dir, doc));
	if (!err && json_object_get(failure, "exit")) // of a child that is dead; others will tell themselves
		ff_tell_for_the_dead(store, doc);
	else if (!err)
		json_object_del(doc, "untold");
	bool first; // it may have died meanwhile, and whoever found it dead may have told for it
	if (!err && store)
		unstored = ff_incident_add_once(store, ff_json_text(failure, "token"), doc, &first);
	if (!err && store && !unstored)
		put_count(store, doc);
	if (!err)
		unstored = ff_waiting_keep(dir, doc, unstored);
	if (!err && json_object_get(failure, "exit"))
		ff_left_told(dir, failure);
	return err ? err : recorded(doc, known, unstored, style, ret);
}

struct ff_error *ff_incident_again(const char *dir, const char *id, unsigned times, const char *token)
{
	_cleanup_store_ struct ff_store *store = NULL;
	bool first = true;
	struct ff_error *err = open_store(dir, false, &store);
	if (err || !token)
		return err ? err : ff_store_again(store, id, times);
	err = ff_store_once_begin(store, token, &first);
	if (!err && first)
		err = ff_store_again(store, id, times);
	return ff_store_once_end(store, err);
}

struct ff_error *ff_incident_save(const char *dir, const char *log_name, const struct ff_facts *facts,
	const struct ff_diagnosis *diagnosis, struct ff_incident **ret)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_store_ struct ff_store *store = NULL;
	struct ff_error *err = ff_incident_of_log(
		log_name, facts ? ff_facts_document(facts) : NULL, ff_diagnosis_document(diagnosis), &doc);
	if (!err)
		err = open_store(dir, false, &store);
	if (!err)
		err = ff_incident_add_to(store, doc);
	return err ? err : incident_of(doc, NULL, ret);
}

struct ff_error *ff_incident_read(const char *dir, const char *id_or_bundle, struct ff_incident **ret)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_store_ struct ff_store *store = NULL;
	struct ff_error *err;
	if (ff_bundle_is(id_or_bundle)) {
		err = ff_bundle_read(id_or_bundle, &doc);
	} else {
		store_waiting(dir);
		err = open_store(dir, true, &store);
		if (!err)
			err = ff_store_get(store, id_or_bundle, &doc);
	}
	return err ? err : incident_of(doc, NULL, ret);
}

struct ff_error *ff_incident_render(
	const struct ff_incident *incident, enum ff_format format, const struct ff_style *style, char **ret)
{
	return ff_emit_masked(incident->doc, format, style, ret);
}

struct ff_error *ff_incident_log_line(const struct ff_incident *incident, char **ret)
{
	static const struct {
		const char *key, *path;
	} rows[] = {{"body", "title"}, {"firstfix.incident", "id"}, {"firstfix.count", "count"},
		{"firstfix.command", "command"}, {"firstfix.how", "how"}, {"firstfix.exit", "exit"},
		{"firstfix.diagnosis", "diagnosis"}};
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	_cleanup_buf_ struct ff_buf line = {0};
	struct ff_error *err = ff_share(incident->doc, &s);
	if (err)
		return err;
	ff_logline_begin(&line, "firstfix.incident");
	size_t n = sizeof(rows) / sizeof(rows[0]) - (ff_incident_was_told(incident) ? 1 : 0);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(ff_shareable_document(s), rows[i].path);
		_cleanup_free_ char *text =
			value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
		if (text)
			ff_logline_document(&line, rows[i].key, text);
	}
	ff_logline_end(&line);
	return ff_buf_finish(&line, ret);
}

struct ff_error *ff_incident_say(json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_incident *incident = NULL;
	struct ff_error *err = incident_of(doc, NULL, &incident);
	if (!err)
		err = ff_logline_wanted() ? ff_incident_log_line(incident, ret)
					  : ff_incident_render(incident, FF_TEXT, style, ret);
	ff_incident_free(incident);
	return err;
}

struct ff_error *ff_incident_verdict_text(const struct ff_incident *incident, char **ret)
{
	return ff_incident_verdict(incident->death, incident->doc, incident->id, ret);
}

struct ff_error *ff_incident_bundle(const struct ff_incident *incident, const char *path)
{
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	_cleanup_free_ char *markdown = NULL;
	struct ff_error *err = ff_share(incident->doc, &s);
	if (!err)
		err = ff_emit(s, FF_MARKDOWN, NULL, &markdown);
	return err ? err : ff_bundle_write(path, s, markdown);
}

static struct ff_error *render_diff(const json_t *before, const json_t *after, const json_t *matters,
	enum ff_format format, const struct ff_style *style, size_t *ret_changes, char **ret)
{
	_cleanup_json_ json_t *changes = NULL, *doc = NULL;
	struct ff_error *err = ff_facts_diff(before, after, matters, &changes);
	if (err)
		return err;
	doc = json_pack("{s:s, s:O}", "schema", "firstfix.diff/1", "changed", changes);
	err = ff_emit_masked(doc, format, style, ret);
	if (!err && ret_changes)
		*ret_changes = json_array_size(changes);
	return err;
}

struct ff_error *ff_incident_diff(const struct ff_incident *before, const struct ff_incident *after,
	enum ff_format format, const struct ff_style *style, char **ret)
{
	const json_t *a = ff_json_at(before->doc, "facts.failure"), *b = ff_json_at(after->doc, "facts.failure");
	if (!a || !b)
		return ff_error_create(FF_EABSENT, "one of the two incidents holds no facts");
	return render_diff(a, b, NULL, format, style, NULL, ret);
}

struct ff_error *ff_facts_compare(const struct ff_facts *before, const struct ff_facts *after,
	const struct ff_diagnosis *diagnosis, enum ff_format format, const struct ff_style *style, size_t *ret_changes,
	char **ret)
{
	_cleanup_json_ json_t *matters = json_array();
	size_t i, k;
	json_t *d, *entry;
	if (diagnosis) {
		json_array_foreach (json_object_get(ff_diagnosis_document(diagnosis), "diagnoses"), i, d)
			json_array_foreach (json_object_get(d, "evidence"), k, entry)
				if (json_object_get(entry, "fact"))
					json_array_append(matters, json_object_get(entry, "fact"));
	}
	return render_diff(
		ff_facts_document(before), ff_facts_document(after), matters, format, style, ret_changes, ret);
}

struct ff_error *ff_facts_last_good(const char *dir, const char *command_key, struct ff_facts **ret)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = open_store(dir, true, &store);
	if (!err)
		err = ff_store_get_good(store, command_key, &doc);
	return err ? err : ff_facts_of_document(doc, ret);
}

struct ff_error *ff_incidents_list(const char *dir, json_t **ret)
{
	_cleanup_store_ struct ff_store *store = NULL;
	store_waiting(dir);
	struct ff_error *err = open_store(dir, true, &store);
	if (!err)
		return ff_store_list(store, ret);
	if (err->code != FF_EABSENT)
		return err;
	ff_error_destroy(err); // nothing was ever stored
	*ret = json_array();
	return *ret ? NULL : &ff_enomem;
}

struct ff_error *ff_incidents_render(const char *dir, enum ff_format format, const struct ff_style *style, char **ret)
{
	json_t *list = NULL;
	struct ff_error *err = ff_statedir_check(dir);
	if (!err)
		err = ff_incidents_list(dir, &list);
	_cleanup_json_ json_t *doc =
		err ? NULL : json_pack("{s:s, s:o}", "schema", "firstfix.incidents/1", "incidents", list);
	return err ? err : ff_emit_masked(doc, format, style, ret);
}

unsigned ff_incidents_unreported(const char *dir)
{
	_cleanup_free_ char *path = NULL, *open_runs = NULL;
	_cleanup_error_ struct ff_error *err = ff_statedir_path(dir, &path);
	if (err || asprintf(&open_runs, "%s/open", path) < 0)
		return 0;
	_cleanup_closedir_ DIR *d = opendir(open_runs);
	unsigned n = 0;
	for (const struct dirent *e; d && (e = readdir(d));) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		_cleanup_close_ int fd = e->d_name[0] == '.'
			? -1
			: openat(dirfd(d), e->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		n += fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
	}
	return n;
}

struct ff_error *ff_incidents_prune(const char *dir, unsigned max_count, unsigned max_mib, unsigned *ret_deleted)
{
	_cleanup_store_ struct ff_store *store = NULL;
	int64_t deleted = 0;
	struct ff_error *err = ff_statedir_check(dir);
	if (!err)
		err = open_store(dir, false, &store);
	if (!err)
		err = ff_store_prune(store, max_count, (int64_t)max_mib << 20, &deleted);
	if (!err)
		*ret_deleted = (unsigned)deleted;
	return err;
}

struct ff_error *ff_incident_attempted(const char *dir, const char *id, const char *result, const char *say)
{
	_cleanup_store_ struct ff_store *store = NULL;
	char now[FF_TIME_LEN];
	ff_clock_rfc3339(now);
	_cleanup_json_ json_t *attempt = json_pack("{s:s, s:s, s:s*}", "at", now, "result", result, "say", say);
	struct ff_error *err = attempt ? open_store(dir, false, &store) : &ff_enomem;
	return err ? err : ff_store_attempt(store, id, attempt);
}

struct ff_error *ff_incident_good_start(const char *dir, const char *report_path, const char *command_key)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	struct ff_facts *facts = NULL;
	struct ff_error *err = ff_facts_read(report_path, &facts);
	if (err)
		return err;
	err = ff_share(ff_facts_document(facts), &s);
	ff_facts_free(facts);
	if (!err)
		err = open_store(dir, false, &store);
	return err ? err : ff_store_put_good(store, command_key, s);
}
