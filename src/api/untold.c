// Telling for the dead: what incident/untold.h finds in a lane is stored and counted like what a process tells itself.
//
// A telling that had begun may be over, or go on in the program that the dead process had started: of the two that
// share its token the first one counts. So it is with what nobody had begun: who tells for the dead may be killed, too,
// and whoever goes on then has the same token for it, made of the lane's numbers.
#include "incident/untold.h"

#include "api/api.h"
#include "base/cleanup.h"
#include "store/store.h"

static int64_t number_of(const json_t *entry, const char *key)
{
	return json_integer_value(json_object_get(entry, key));
}

// The incident that an entry becomes; where another telling of it came first, it is found.
static struct ff_error *make(struct ff_store *store, const json_t *of, json_t *entry, bool first)
{
	_cleanup_json_ json_t *doc = NULL, *found = NULL;
	struct ff_error *err = ff_incident_of_untold(entry, of, &doc);
	if (!err)
		err = first ? ff_incident_add_to(store, doc) : ff_store_find(store, doc, &found);
	json_t *id = json_object_get(found ? found : doc, "id");
	return err ? err : ff_json_put(entry, "incident", json_incref(id));
}

static struct ff_error *count(struct ff_store *store, json_t *entry, int64_t times)
{
	const char *id = ff_json_text(entry, "incident");
	return id && times > 0 ? ff_store_again(store, id, (unsigned)times) : NULL;
}

static struct ff_error *end_begun(struct ff_store *store, const json_t *of, json_t *entry, int64_t begun)
{
	bool first = false, known = json_object_get(entry, "incident");
	struct ff_error *err = ff_store_once_begin(store, ff_json_text(entry, "token"), &first);
	if (!err && !known)
		err = make(store, of, entry, first);
	if (!err && first)
		err = count(store, entry, known ? begun : begun - 1);
	return ff_store_once_end(store, err);
}

static struct ff_error *count_rest(struct ff_store *store, const json_t *of, json_t *entry, int64_t times)
{
	const json_t *event = json_object_get(entry, "event");
	const char *key = json_string_value(json_object_get(event, "firstfix.failure.key"));
	bool first = false, known = json_object_get(entry, "incident");
	char token[96];
	snprintf(token, sizeof(token), "dead-%lld-%.32s-%lld",
		(long long)json_integer_value(json_object_get(event, "process.pid")), key ? key : "",
		(long long)json_integer_value(json_object_get(event, "firstfix.failure.count")));
	struct ff_error *err = ff_store_once_begin(store, token, &first);
	if (!err && !known)
		err = make(store, of, entry, first);
	if (!err && first)
		err = count(store, entry, known ? times : times - 1);
	return ff_store_once_end(store, err);
}

static struct ff_error *tell(struct ff_store *store, const json_t *of, json_t *entry)
{
	int64_t times = number_of(entry, "times"), begun = number_of(entry, "begun");
	struct ff_error *err = NULL;
	if (begun > 0 && ff_json_text(entry, "token")) {
		err = end_begun(store, of, entry, begun);
		times -= begun;
	}
	return err || times <= 0 ? err : count_rest(store, of, entry, times);
}

void ff_tell_for_the_dead(struct ff_store *store, json_t *doc)
{
	static const char *const inner[] = {"event", "begun", "token"};
	size_t i;
	json_t *entry;
	json_array_foreach (json_object_get(doc, "untold"), i, entry) {
		if (store)
			ff_error_destroy(tell(store, doc, entry));
		for (size_t k = 0; k < sizeof(inner) / sizeof(inner[0]); k++)
			json_object_del(entry, inner[k]);
	}
}
