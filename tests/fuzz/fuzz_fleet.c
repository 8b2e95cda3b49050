// What a file of a fleet may hold, to the rows of a database and the answers from it: any bytes as OTLP/JSON, as an
// incident, as facts; then every question.
#include "fleet/database.h"
#include "fleet/explain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct to {
	struct ff_fleet *fleet;
	struct ff_fleet_counts counts;
};

static struct ff_error *take(void *arg, const struct ff_fleet_record *record)
{
	struct to *to = arg;
	return ff_fleet_put(to->fleet, record, 1800000000000, &to->counts);
}

// What is asked for was just named by another answer, so every question has one.
static void must(struct ff_error *err)
{
	if (err)
		abort();
}

static void ask_of_failure(struct ff_source *source, const char *fleet, const char *fingerprint)
{
	_cleanup_json_ json_t *shown = NULL, *why = NULL, *one = NULL;
	must(ff_fleet_show(source, fleet, fingerprint, &shown));
	must(ff_fleet_explain(source, fleet, fingerprint, &why));
	const char *worker = ff_json_text(json_array_get(json_object_get(shown, "failing"), 0), "worker");
	if (!worker)
		abort();
	must(ff_fleet_worker(source, fleet, worker, fingerprint, &one));
}

static void ask(struct ff_source *source)
{
	_cleanup_json_ json_t *fleets = NULL;
	size_t i, k;
	json_t *fleet, *failure;
	must(ff_fleet_list(source, &fleets));
	json_array_foreach (json_object_get(fleets, "fleets"), i, fleet) {
		_cleanup_json_ json_t *top = NULL, *causes = NULL;
		const char *name = ff_json_text(fleet, "name");
		must(ff_fleet_top(source, name, &top));
		must(ff_fleet_causes(source, name, &causes));
		json_array_foreach (json_object_get(top, "failures"), k, failure)
			ask_of_failure(source, name, ff_json_text(failure, "fingerprint"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_source_ struct ff_source *source = NULL;
	struct to to = {0};
	struct ff_fleet_sink sink = {.take = take, .to = &to, .counts = &to.counts, .worker = "w"};
	json_t *document = json_loadb((const char *)data, size, 0, NULL);
	bool known;
	if (!document)
		return 0;
	if (ff_fleet_open(":memory:", false, &to.fleet))
		abort();
	struct ff_error *err = ff_fleet_read_otlp(document, &sink);
	if (!err)
		err = ff_fleet_read_document(document, &sink, &known);
	if (!err)
		err = ff_fleet_read_good_start(document, &sink);
	if (err) // no input makes the database fail
		abort();
	json_decref(document);
	if (ff_source_sqlite(to.fleet, &source))
		abort();
	ask(source);
	return 0;
}
