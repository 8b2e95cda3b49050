// The environment of this process, changed and put back.
//
//	{"set": {"PYTHONNOUSERSITE": "1"}, "unset": ["PYTHONPATH"]}    ->    {"PYTHONNOUSERSITE": null, "PYTHONPATH": "/opt/old"}
#include "cli/fix_variables.h"

#include <stdlib.h>

static void exchange(const char *name, const char *value, json_t *old)
{
	const char *before = getenv(name);
	json_object_set_new(old, name, before ? json_string(before) : json_null());
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

json_t *ff_fix_variables_put(const json_t *fix)
{
	json_t *old = json_object(), *value;
	const char *name;
	size_t i;
	if (!old)
		return NULL;
	json_object_foreach (json_object_get(fix, "set"), name, value)
		exchange(name, json_string_value(value), old);
	json_array_foreach (json_object_get(fix, "unset"), i, value)
		exchange(json_string_value(value), NULL, old);
	const char *index = getenv("PIP_INDEX_URL");
	if (index && *index && !getenv("UV_DEFAULT_INDEX") && !getenv("UV_INDEX_URL"))
		exchange("UV_DEFAULT_INDEX", index, old); // uv does not read pip's
	return old;
}

void ff_fix_variables_put_back(const json_t *old)
{
	const char *name;
	json_t *value;
	_cleanup_json_ json_t *unused = json_object();
	json_object_foreach ((json_t *)old, name, value)
		exchange(name, json_string_value(value), unused);
}
