// Reads what several rooms ask of a document of facts.
//
//	{"complete": ["env", "python.packages"], "python": {"packages": {"huggingface_hub": {"version": "0.25.2"}}}}
#include "know/facts.h"

#include "parse/requirement.h"

bool ff_facts_complete(const json_t *facts, const char *what)
{
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(facts, "complete"), i, item) {
		if (json_is_string(item) && strcmp(json_string_value(item), what) == 0)
			return true;
	}
	return false;
}

json_t *ff_facts_package(const json_t *packages, const char *name)
{
	const char *key;
	json_t *entry;
	json_object_foreach ((json_t *)packages, key, entry) {
		if (ff_package_name_equal(ff_span_of(key), ff_span_of(name)))
			return entry;
	}
	return NULL;
}
