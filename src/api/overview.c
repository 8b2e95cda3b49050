// What `firstfix` alone says, as one document: the machine, what will fail on it, and what failed before.
//
//	{"schema": "firstfix.overview/1", "version": "0.1.0", "facts": {...}, "check": {...}, "incidents": [...]}
#include "api/api.h"
#include "emit/emit.h"

struct ff_error *ff_overview_render(const struct ff_facts *facts, const struct ff_diagnosis *check,
	enum ff_format format, const struct ff_style *style, char **ret)
{
	json_t *incidents = NULL;
	ff_error_destroy(
		ff_incidents_list(NULL, &incidents)); // a folder that cannot be read is no reason to say nothing
	_cleanup_json_ json_t *doc =
		json_pack("{s:s, s:s, s:O, s:O, s:o*}", "schema", "firstfix.overview/1", "version", FF_VERSION, "facts",
			ff_facts_document(facts), "check", ff_diagnosis_document(check), "incidents", incidents);
	return ff_emit_masked(doc, format, style, ret);
}
