// Which failures there are, and one of them.
//
//	{"schema": "firstfix.fleet-top/1", "fleet": "default", "failures": [{"fingerprint": "...", "workers": 412, ...}]}
#include "fleet/explain.h"

#include "base/clock.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

enum { HOURS_KEPT = 24 * 30 };
enum { MOST_FAILURES = 1000, MOST_HOSTS = 20, MOST_IMAGES = 10, MOST_FAILING = 50 };

// "paris (412 workers), tokyo (17 workers)"
static struct ff_error *several(const json_t *fleets)
{
	_cleanup_buf_ struct ff_buf text = {0};
	size_t i;
	json_t *row;
	json_array_foreach (fleets, i, row) {
		long long n = json_integer_value(json_object_get(row, "workers"));
		ff_buf_printf(
			&text, "%s%s (%lld worker%s)", i ? ", " : "", ff_json_text(row, "name"), n, n == 1 ? "" : "s");
	}
	return text.failed
		? &ff_enomem
		: ff_error_create(FF_EUSAGE, "several fleets are in this database: %s; say --fleet NAME", text.p);
}

static struct ff_error *find_fleet(struct ff_source *source, const char *fleet, json_t **ret)
{
	_cleanup_json_ json_t *fleets = NULL;
	const struct ff_fleet_about about = {0};
	size_t i;
	json_t *row;
	struct ff_error *err = source->ops->rows(source, FF_ASK_FLEETS, &about, &fleets);
	if (err)
		return err;
	if (!fleet && json_array_size(fleets) > 1)
		return several(fleets);
	json_array_foreach (fleets, i, row) {
		const char *name = ff_json_text(row, "name");
		if (name && (!fleet || strcmp(name, fleet) == 0)) {
			*ret = json_incref(row);
			return NULL;
		}
	}
	return ff_error_create(FF_EABSENT, fleet ? "no worker of a fleet '%s' is known" : "no worker is known%s",
		fleet ? fleet : "; 'firstfix fleet ingest PATH' reads what they said");
}

struct ff_error *ff_fleet_find(struct ff_source *source, const char *fleet, const char *fingerprint,
	struct ff_fleet_about *ret, json_t **ret_failure, json_t **ret_owner)
{
	_cleanup_json_ json_t *own = NULL, *found = NULL;
	struct ff_fleet_about about = {
		.fingerprint = fingerprint, .now_ms = (int64_t)(ff_clock_epoch_ns() / 1000000), .limit = MOST_FAILURES};
	struct ff_error *err = find_fleet(source, fleet, &own);
	if (err)
		return err;
	about.fleet = ff_json_text(own, "name");
	if (fingerprint) {
		err = source->ops->rows(source, FF_ASK_FAILURE, &about, &found);
		if (!err && (json_array_size(found) == 0 || !*fingerprint))
			err = ff_error_create(FF_EABSENT,
				"no failure '%s'; 'firstfix fleet top' shows their fingerprints", fingerprint);
		else if (!err && json_array_size(found) > 1)
			err = ff_error_create(
				FF_EUSAGE, "'%s' begins more than one fingerprint; give more of it", fingerprint);
		if (err)
			return err;
		*ret_failure = json_incref(json_array_get(found, 0));
		about.fingerprint = ff_json_text(*ret_failure, "fingerprint");
	}
	*ret = about;
	*ret_owner = ff_take(&own);
	return NULL;
}

void ff_fleet_put_time(json_t *row, const char *key)
{
	char text[FF_TIME_LEN];
	json_int_t ms = json_integer_value(json_object_get(row, key));
	ff_clock_format((uint64_t)ms * 1000000, text);
	json_object_set_new(row, key, json_string(text));
}

// Milliseconds to what people and programs read: times and hours.
static void finish_row(json_t *row)
{
	json_int_t lost = json_integer_value(json_object_get(row, "lost_ms"));
	ff_fleet_put_time(row, "first");
	ff_fleet_put_time(row, "last");
	json_object_del(row, "lost_ms");
	json_object_set_new(row, "lost_worker_hours", json_real(floor((double)lost / 36000) / 100));
}

// A question about a whole fleet; limit: 0, the usual one.
static struct ff_error *ask(struct ff_source *source, const char *fleet, enum ff_fleet_question question, int64_t limit,
	json_t **ret_owner, json_t **ret_rows)
{
	struct ff_fleet_about about;
	struct ff_error *err = ff_fleet_find(source, fleet, NULL, &about, NULL, ret_owner);
	if (err)
		return err;
	if (limit)
		about.limit = limit;
	return source->ops->rows(source, question, &about, ret_rows);
}

struct ff_error *ff_fleet_top(struct ff_source *source, const char *fleet, json_t **ret)
{
	_cleanup_json_ json_t *owner = NULL, *list = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = ask(source, fleet, FF_ASK_TOP, 0, &owner, &list);
	if (err)
		return err;
	json_array_foreach (list, i, row)
		finish_row(row);
	*ret = json_pack("{s:s, s:O, s:O, s:O}", "schema", "firstfix.fleet-top/1", "fleet",
		json_object_get(owner, "name"), "workers", json_object_get(owner, "workers"), "failures", list);
	return *ret ? NULL : &ff_enomem;
}

// Images of those that fail, most first.
static json_t *images_of(const struct ff_fact_counts *counts)
{
	static const char *const keys[] = {"container.image.tags", "container.image.name", "host.image.id"};
	json_t *list = json_array();
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		for (size_t i = 0; i < counts->n && json_array_size(list) < MOST_IMAGES; i++)
			if (strcmp(counts->rows[i].key, keys[k]) == 0 && counts->rows[i].with[1])
				json_array_append_new(list,
					json_pack("{s:s, s:s, s:I, s:I}", "key", keys[k], "value",
						counts->rows[i].value, "failing", (json_int_t)counts->rows[i].with[1],
						"others", (json_int_t)counts->rows[i].with[0]));
	return list;
}

static struct ff_error *fill(struct ff_source *source, const struct ff_fleet_about *about, json_t *doc)
{
	static const struct {
		const char *key;
		enum ff_fleet_question question;
		int64_t limit;
	} parts[] = {{"hosts", FF_ASK_HOSTS, MOST_HOSTS}, {"timeline", FF_ASK_HOURS, MOST_HOSTS},
		{"failing", FF_ASK_FAILING, MOST_FAILING}};
	FF_CLEANUP(ff_fact_counts_deinit) struct ff_fact_counts counts = {0};
	struct ff_fleet_about asked = *about;
	size_t i;
	json_t *row;
	struct ff_error *err = NULL;
	for (size_t k = 0; !err && k < sizeof(parts) / sizeof(parts[0]); k++) {
		json_t *list = NULL;
		asked.limit = parts[k].limit;
		err = source->ops->rows(source, parts[k].question, &asked, &list);
		if (!err && json_object_set_new(doc, parts[k].key, list) < 0)
			err = &ff_enomem;
	}
	json_array_foreach (json_object_get(doc, "timeline"), i, row)
		ff_fleet_put_time(row, "hour");
	json_array_foreach (json_object_get(doc, "failing"), i, row) {
		ff_fleet_put_time(row, "first");
		ff_fleet_put_time(row, "last");
	}
	if (!err)
		err = source->ops->counts(source, about, &counts);
	if (!err && json_object_set_new(doc, "images", images_of(&counts)) < 0)
		err = &ff_enomem;
	return err;
}

struct ff_error *ff_fleet_show(struct ff_source *source, const char *fleet, const char *fingerprint, json_t **ret)
{
	_cleanup_json_ json_t *owner = NULL, *doc = NULL, *list = NULL;
	struct ff_fleet_about about;
	size_t i;
	json_t *row;
	struct ff_error *err = ff_fleet_find(source, fleet, fingerprint, &about, &doc, &owner);
	if (!err)
		err = source->ops->rows(source, FF_ASK_TOP, &about, &list);
	if (err)
		return err;
	json_array_foreach (list, i, row) {
		finish_row(row);
		json_object_update_missing(doc, row);
	}
	const char *exemplar = ff_json_text(doc, "exemplar");
	json_object_set_new(doc, "exemplar", exemplar ? json_loads(exemplar, 0, NULL) : json_null());
	json_object_set_new(doc, "schema", json_string("firstfix.fleet-failure/1"));
	json_object_set(doc, "fleet", json_object_get(owner, "name"));
	err = fill(source, &about, doc);
	if (!err)
		*ret = ff_take(&doc);
	return err;
}

struct ff_error *ff_fleet_list(struct ff_source *source, json_t **ret)
{
	_cleanup_json_ json_t *list = NULL;
	const struct ff_fleet_about about = {0};
	struct ff_error *err = source->ops->rows(source, FF_ASK_FLEETS, &about, &list);
	if (!err && !(*ret = json_pack("{s:s, s:O}", "schema", "firstfix.fleets/1", "fleets", list)))
		err = &ff_enomem;
	return err;
}

struct ff_error *ff_fleet_causes(struct ff_source *source, const char *fleet, json_t **ret)
{
	_cleanup_json_ json_t *owner = NULL, *list = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = ask(source, fleet, FF_ASK_CAUSES, HOURS_KEPT, &owner, &list);
	if (err)
		return err;
	json_array_foreach (list, i, row)
		ff_fleet_put_time(row, "hour");
	*ret = json_pack("{s:s, s:O, s:O}", "schema", "firstfix.fleet-causes/1", "fleet",
		json_object_get(owner, "name"), "hours", list);
	return *ret ? NULL : &ff_enomem;
}
