// Log records of OTLP/JSON, as a Collector's file exporter writes them, one request a line.
//
//	{"resourceLogs": [{"resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "n1"}}]},
//	  "scopeLogs": [{"logRecords": [{"timeUnixNano": "...", "eventName": "firstfix.incident", "attributes": [...]}]}]}]}
//
// How the source lies: a number may be a string of digits or a number; an attribute may come twice (the first counts);
// a processor on the way may have renamed or dropped any; other programs send log records through the same Collector.
#include "fleet/record.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <stdlib.h>

enum { NS_PER_MS = 1000000, TEXT_MAX = 2000 };

// What keeps its name when a worker starts again; the first that the resource has.
static const char *const names_worker[] = {"firstfix.worker", "k8s.pod.uid", "k8s.pod.name", "runpod.pod.id",
	"container.id", "host.id", "host.name", "service.instance.id"};
static const char *const names_host[] = {"k8s.node.name", "host.name", "host.id"};
static const char *const names_fleet[] = {
	"firstfix.fleet", "deployment.environment.name", "k8s.cluster.name", "runpod.endpoint.id"};

// What a resource says that is a fact of a worker.
static const char *const names_facts[] = {"host.name", "host.arch", "os.version", "k8s.node.name", "k8s.namespace.name",
	"cloud.region", "cloud.availability_zone", "container.image.name", "container.image.tags", "service.name",
	"service.version", "host.type", "host.image.id"};

#define NAMES(list) (list), sizeof(list) / sizeof((list)[0])

static const json_t *attribute(const json_t *list, const char *key)
{
	size_t i;
	json_t *entry;
	json_array_foreach (list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "key"));
		if (name && strcmp(name, key) == 0)
			return json_object_get(entry, "value");
	}
	return NULL;
}

static const char *text_of(const json_t *value)
{
	return json_string_value(json_object_get(value, "stringValue"));
}

static const char *text(const json_t *list, const char *key)
{
	return text_of(attribute(list, key));
}

static uint64_t digits(const json_t *value)
{
	uint64_t n = 0;
	if (json_is_integer(value))
		return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
	return json_is_string(value) && ff_span_u64(ff_span_of(json_string_value(value)), &n) ? n : 0;
}

static const char *first_of(const json_t *list, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *found = text(list, names[i]);
		if (found && *found)
			return found;
	}
	return NULL;
}

// {"kvlistValue": {"values": [...]}}, or the text of an object.
static json_t *body_object(const json_t *body)
{
	const char *said = text_of(body);
	if (said)
		return json_loads(said, 0, NULL);
	const json_t *list = json_object_get(json_object_get(body, "kvlistValue"), "values");
	json_t *o = json_is_array(list) ? json_object() : NULL, *entry;
	size_t i;
	json_array_foreach (list, i, entry) {
		const char *key = json_string_value(json_object_get(entry, "key"));
		const char *value = text_of(json_object_get(entry, "value"));
		if (!o || !key || !value || json_object_set_new(o, key, json_string(value)) < 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

static void add_resource(struct ff_fleet_facts *facts, const json_t *resource)
{
	size_t own = facts->n;
	for (size_t i = 0; i < sizeof(names_facts) / sizeof(names_facts[0]); i++) {
		const json_t *value = attribute(resource, names_facts[i]);
		const char *said = text_of(value);
		size_t k = 0;
		if (!said) // a list of one, as of an image's tags
			said = text_of(json_array_get(ff_json_at(value, "arrayValue.values"), 0));
		while (k < own && strcmp(facts->rows[k].key, names_facts[i]) != 0)
			k++;
		if (said && strlen(said) <= FF_FLAT_VALUE && k == own && facts->n < FF_FLEET_FACTS_MAX)
			facts->rows[facts->n++] = (struct ff_flat_member){names_facts[i], said};
	}
}

// What was read, of a copy of the text where it is plain, else of *ret_tree.
static bool read_body(const json_t *body, char *copy, json_t **ret_tree, struct ff_fleet_facts *ret)
{
	if (copy &&
		ff_flat_object(copy, json_string_length(json_object_get(body, "stringValue")), ret->rows, FF_FLAT_FACTS,
			&ret->n))
		return ret->n > 0;
	*ret_tree = body_object(body);
	return ff_fleet_facts_of(*ret_tree, ret);
}

static struct ff_error *offer_facts(
	const struct ff_fleet_sink *sink, struct ff_fleet_record *r, const json_t *resource, const json_t *body)
{
	_cleanup_json_ json_t *tree = NULL;
	const char *said = text_of(body);
	_cleanup_free_ char *copy = said ? strdup(said) : NULL;
	struct ff_fleet_facts facts;
	char made[FF_FLAT_HASH];
	if (!body)
		return ff_fleet_offer(sink, r);
	if (said && !copy)
		return &ff_enomem;
	if (!read_body(body, copy, &tree, &facts)) {
		sink->counts->refused_facts++;
		return NULL;
	}
	ff_facts_flat_hash_of(facts.rows, facts.n, made);
	if (r->hash && strcmp(made, r->hash) != 0)
		sink->counts->contradicting++;
	add_resource(&facts, resource);
	r->facts = &facts;
	struct ff_error *err = ff_fleet_offer(sink, r);
	r->facts = NULL;
	return err;
}

// Where in an incident's attributes what stands, and its name in an exemplar.
static const struct {
	const char *attribute, *key;
} of_exemplar[] = {
	{"firstfix.incident.why", "why"},
	{"firstfix.incident.evidence", "evidence"},
	{"firstfix.incident.fix", "fix"},
	{"firstfix.incident.command", "command"},
	{"firstfix.incident.how", "how"},
	{"exception.type", "exception"},
	{"exception.message", "message"},
};

static struct ff_error *offer_incident(
	const struct ff_fleet_sink *sink, struct ff_fleet_record *r, const json_t *attributes, const json_t *body)
{
	_cleanup_json_ json_t *exemplar = json_object();
	for (size_t i = 0; i < sizeof(of_exemplar) / sizeof(of_exemplar[0]); i++) {
		const char *said = text(attributes, of_exemplar[i].attribute);
		if (said)
			json_object_set_new(
				exemplar, of_exemplar[i].key, ff_json_string(said, strnlen(said, TEXT_MAX)));
	}
	r->incident = text(attributes, "firstfix.incident.id");
	r->fingerprint = text(attributes, "firstfix.incident.fingerprint");
	r->cause = text(attributes, "firstfix.incident.cause");
	r->count = digits(json_object_get(attribute(attributes, "firstfix.incident.count"), "intValue"));
	r->title = text_of(body);
	r->exemplar = exemplar;
	return exemplar ? ff_fleet_offer(sink, r) : &ff_enomem;
}

static const struct {
	const char *event;
	enum ff_fleet_kind kind;
} events[] = {{"firstfix.facts", FF_FLEET_FACTS}, {"firstfix.start", FF_FLEET_START},
	{"firstfix.incident", FF_FLEET_INCIDENT}};

static struct ff_error *read_record(const struct ff_fleet_sink *sink, const struct ff_fleet_record *of_resource,
	const json_t *resource, const json_t *record)
{
	const json_t *attributes = json_object_get(record, "attributes"), *body = json_object_get(record, "body");
	const char *event = json_string_value(json_object_get(record, "eventName"));
	struct ff_fleet_record r = *of_resource;
	size_t i = 0;
	event = event ? event : text(attributes, "event.name");
	while (event && i < sizeof(events) / sizeof(events[0]) && strcmp(events[i].event, event) != 0)
		i++;
	if (!event || i == sizeof(events) / sizeof(events[0])) {
		sink->counts->other++;
		return NULL;
	}
	uint64_t at = digits(json_object_get(record, "timeUnixNano"));
	r.kind = events[i].kind;
	r.at_ms = (at ? at : digits(json_object_get(record, "observedTimeUnixNano"))) / NS_PER_MS;
	r.hash = text(attributes, "firstfix.facts.hash");
	if (r.kind == FF_FLEET_INCIDENT)
		return offer_incident(sink, &r, attributes, body);
	return r.kind == FF_FLEET_FACTS ? offer_facts(sink, &r, resource, body) : ff_fleet_offer(sink, &r);
}

static struct ff_error *read_scopes(const struct ff_fleet_sink *sink, const json_t *group)
{
	const json_t *resource = ff_json_at(group, "resource.attributes");
	struct ff_fleet_record r = {.worker = first_of(resource, NAMES(names_worker)),
		.host = first_of(resource, NAMES(names_host)),
		.fleet = sink->fleet ? sink->fleet : first_of(resource, NAMES(names_fleet))};
	size_t i, k;
	json_t *scope, *record;
	json_array_foreach (json_object_get(group, "scopeLogs"), i, scope) {
		json_array_foreach (json_object_get(scope, "logRecords"), k, record) {
			struct ff_error *err = read_record(sink, &r, resource, record);
			if (err)
				return err;
		}
	}
	return NULL;
}

bool ff_fleet_is_otlp(const json_t *document)
{
	return json_object_get(document, "resourceLogs") || json_object_get(document, "resourceSpans") ||
		json_object_get(document, "resourceMetrics");
}

struct ff_error *ff_fleet_read_otlp(const json_t *document, const struct ff_fleet_sink *sink)
{
	const json_t *groups = json_object_get(document, "resourceLogs");
	size_t i;
	json_t *group;
	if (!json_is_array(groups))
		sink->counts->other++;
	json_array_foreach (groups, i, group) {
		struct ff_error *err = read_scopes(sink, group);
		if (err)
			return err;
	}
	return NULL;
}
