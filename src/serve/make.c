// Documents of the fleet, made on the documents' thread of whatever keeps it. It is opened anew for each, so an ingest
// that goes on meanwhile is seen, and a database that was replaced too.
#include "serve/serve.h"

#include "agent/masked.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "fleet/database.h"
#include "fleet/explain.h"

#include <stdio.h>
#include <string.h>

// What a document is of; NULL: not said.
struct asked {
	char text[FF_DOCUMENT_OF];
	const char *fleet, *id, *failure;
};

static void take_apart(const char *of, struct asked *ret)
{
	const char **parts[] = {&ret->fleet, &ret->id, &ret->failure};
	char *rest = ret->text;
	snprintf(ret->text, sizeof(ret->text), "%s", of);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *part = rest ? strsep(&rest, FF_SERVE_BETWEEN) : NULL;
		*parts[i] = part && *part ? part : NULL;
	}
}

struct ff_error *ff_serve_open(const struct ff_serve *serve, struct ff_source **ret)
{
	struct ff_fleet *fleet = NULL;
	if (serve->clickhouse)
		return ff_source_clickhouse(serve->clickhouse, ret);
	struct ff_error *err = ff_fleet_open(serve->database, true, &fleet);
	return err ? err : ff_source_sqlite(fleet, ret);
}

typedef struct ff_error *question(struct ff_source *source, const struct asked *asked, json_t **ret);

static struct ff_error *ask_fleets(struct ff_source *source, const struct asked *asked, json_t **ret)
{
	(void)asked;
	return ff_fleet_list(source, ret);
}

static struct ff_error *ask_top(struct ff_source *source, const struct asked *asked, json_t **ret)
{
	return ff_fleet_top(source, asked->fleet, ret);
}

static struct ff_error *ask_causes(struct ff_source *source, const struct asked *asked, json_t **ret)
{
	return ff_fleet_causes(source, asked->fleet, ret);
}

static struct ff_error *ask_failure(struct ff_source *source, const struct asked *asked, json_t **ret)
{
	return ff_fleet_show(source, asked->fleet, asked->id, ret);
}

static struct ff_error *ask_explain(struct ff_source *source, const struct asked *asked, json_t **ret)
{
	return ff_fleet_explain(source, asked->fleet, asked->id, ret);
}

static struct ff_error *ask_worker(struct ff_source *source, const struct asked *asked, json_t **ret)
{
	return ff_fleet_worker(source, asked->fleet, asked->id, asked->failure, ret);
}

static struct ff_error *make(const struct ff_serve *serve, question *ask, const char *of, struct ff_buf *ret)
{
	_cleanup_source_ struct ff_source *source = NULL;
	_cleanup_json_ json_t *doc = NULL;
	struct asked asked;
	take_apart(of, &asked);
	struct ff_error *err = ff_serve_open(serve, &source);
	if (!err)
		err = ask(source, &asked, &doc);
	return err ? err : ff_masked_text(doc, ret);
}

#define DOCUMENT(name, keep_ms)                                                              \
	static struct ff_error *make_##name(void *owner, const char *of, struct ff_buf *ret) \
	{                                                                                    \
		return make(owner, ask_##name, of, ret);                                     \
	}
#include "serve/documents.def"
#undef DOCUMENT

const struct ff_document_kind ff_serve_documents[FF_SERVE_DOCUMENTS] = {
#define DOCUMENT(name, keep_ms) [FF_SERVE_##name] = {make_##name, keep_ms},
#include "serve/documents.def"
#undef DOCUMENT
};
