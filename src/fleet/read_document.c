// firstfix.incident/1 of a bundle or a state folder, and firstfix.facts/1: what a worker has that nobody sent.
//
// How the source lies: an incident has the facts of its start and, where they could be read, of its death; a document
// says of its machine what the environment says, which is often nothing: then the file's name is the worker's.
#include "fleet/record.h"

#include "base/clock.h"
#include "base/str.h"
#include "know/facts_flat.h"

enum { NS_PER_MS = 1000000, EVIDENCE_MAX = 8, TEXT_MAX = 400 };

static const char *const worker_paths[] = {
	"env.FIRSTFIX_WORKER", "env.POD_UID", "env.RUNPOD_POD_ID", "env.POD_NAME", "env.HOSTNAME"};
static const char *const host_paths[] = {"env.NODE_NAME", "env.RUNPOD_POD_HOSTNAME", "env.HOSTNAME"};

static const char *first_text(const json_t *facts, const char *const *paths, size_t n)
{
	const char *found = NULL;
	for (size_t i = 0; i < n && !found; i++)
		found = ff_json_text(facts, paths[i]);
	return found;
}

static uint64_t moment(const json_t *document, const char *path)
{
	uint64_t ns = 0;
	const char *said = ff_json_text(document, path);
	return said && ff_clock_parse(said, &ns) ? ns / NS_PER_MS : 0;
}

static struct ff_fleet_record begin(const struct ff_fleet_sink *sink, const json_t *facts, enum ff_fleet_kind kind)
{
	const char *worker = first_text(facts, worker_paths, sizeof(worker_paths) / sizeof(worker_paths[0]));
	return (struct ff_fleet_record){.kind = kind,
		.fleet = sink->fleet,
		.worker = worker ? worker : sink->worker,
		.host = first_text(facts, host_paths, sizeof(host_paths) / sizeof(host_paths[0]))};
}

static struct ff_error *offer_facts(const struct ff_fleet_sink *sink, const json_t *facts, uint64_t at_ms,
	enum ff_fleet_kind after, char ret_hash[FF_FLAT_HASH])
{
	_cleanup_json_ json_t *flat = NULL;
	struct ff_fleet_facts members;
	struct ff_error *err = ff_facts_flat(facts, &flat);
	if (err || !ff_fleet_facts_of(flat, &members))
		return err;
	ff_facts_flat_hash(flat, ret_hash);
	struct ff_fleet_record r = begin(sink, facts, FF_FLEET_FACTS);
	r.at_ms = at_ms;
	r.hash = ret_hash;
	r.facts = &members;
	err = ff_fleet_offer(sink, &r);
	r.facts = NULL;
	r.kind = after;
	return err || after == FF_FLEET_FACTS ? err : ff_fleet_offer(sink, &r);
}

static json_t *evidence_of(const json_t *diagnosis)
{
	json_t *list = json_array(), *entry;
	size_t i;
	json_array_foreach (json_object_get(diagnosis, "evidence"), i, entry) {
		const char *text = ff_json_text(entry, "text"), *fact = ff_json_text(entry, "fact");
		if (i < EVIDENCE_MAX && (text || fact))
			json_array_append_new(list,
				text ? ff_json_string(text, strnlen(text, TEXT_MAX))
				     : ff_json_string(fact, strnlen(fact, TEXT_MAX)));
	}
	return list;
}

static void put_text(json_t *exemplar, const char *key, const json_t *document, const char *path)
{
	const char *text = ff_json_text(document, path);
	if (text)
		json_object_set_new(exemplar, key, ff_json_string(text, strnlen(text, TEXT_MAX * 4)));
}

static json_t *exemplar_of(const json_t *document)
{
	static const struct {
		const char *key, *path;
	} parts[] = {
		{"why", "diagnosis.diagnoses.0.why"},
		{"fix", "diagnosis.diagnoses.0.fixes.0.say"},
		{"command", "diagnosis.diagnoses.0.fixes.0.command"},
		{"how", "how"},
		{"exception", "exception.type"},
		{"message", "exception.message"},
	};
	json_t *exemplar = json_object(), *evidence = evidence_of(ff_json_at(document, "diagnosis.diagnoses.0"));
	for (size_t i = 0; exemplar && i < sizeof(parts) / sizeof(parts[0]); i++)
		put_text(exemplar, parts[i].key, document, parts[i].path);
	if (json_array_size(evidence))
		json_object_set(exemplar, "evidence", evidence);
	json_decref(evidence);
	return exemplar;
}

static struct ff_error *read_incident(const struct ff_fleet_sink *sink, const json_t *document)
{
	char hash[FF_FLAT_HASH] = "";
	const json_t *startup = ff_json_at(document, "facts.startup"), *failure = ff_json_at(document, "facts.failure");
	const json_t *facts = json_is_object(startup) ? startup : failure;
	uint64_t seen = moment(document, "last_seen"), began = moment(document, "started_at");
	_cleanup_json_ json_t *exemplar = exemplar_of(document);
	int64_t count = 1;
	seen = seen ? seen : moment(document, "at");
	struct ff_error *err = offer_facts(sink, facts, began ? began : seen, FF_FLEET_FACTS, hash);
	struct ff_fleet_record r = begin(sink, facts, FF_FLEET_INCIDENT);
	const char *title = ff_json_text(document, "diagnosis.diagnoses.0.title");
	ff_json_int(document, "count", &count);
	r.at_ms = seen;
	r.hash = hash[0] ? hash : NULL;
	r.incident = ff_json_text(document, "id");
	r.incident = r.incident ? r.incident : ff_json_text(document, "run_id"); // a bundle may have been made before
	r.fingerprint = ff_json_text(document, "fingerprint");
	r.cause = ff_json_text(document, "diagnosis.diagnoses.0.cause");
	r.title = title ? title : ff_json_text(document, "title");
	r.count = count > 0 ? (uint64_t)count : 0;
	r.exemplar = exemplar;
	return err ? err : ff_fleet_offer(sink, &r);
}

struct ff_error *ff_fleet_read_good_start(const json_t *facts, const struct ff_fleet_sink *sink)
{
	char hash[FF_FLAT_HASH];
	return offer_facts(sink, facts, moment(facts, "taken_at"), FF_FLEET_START, hash);
}

struct ff_error *ff_fleet_read_document(const json_t *document, const struct ff_fleet_sink *sink, bool *ret_known)
{
	char hash[FF_FLAT_HASH];
	const char *schema = json_string_value(json_object_get(document, "schema"));
	*ret_known = true;
	if (schema && strcmp(schema, "firstfix.incident/1") == 0)
		return read_incident(sink, document);
	if (schema && strcmp(schema, "firstfix.facts/1") == 0)
		return offer_facts(sink, document, moment(document, "taken_at"), FF_FLEET_FACTS, hash);
	*ret_known = false;
	return NULL;
}
