// What a file of a fleet may hold, to the rows of a database: any bytes as OTLP/JSON, as an incident, as facts.
#include "fleet/database.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
	ff_fleet_close(to.fleet);
	json_decref(document);
	return 0;
}
