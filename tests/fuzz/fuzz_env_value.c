// NAME=VALUE of any content through the table of environment variables, the allocator's settings included.
#include <stddef.h>
#include <stdint.h>

#include "know/allocator.h"
#include "know/env_vars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span value = {(const char *)data, size}, name;
	if (!ff_span_next(&value, '=', &name) || !value.p)
		return 0;
	struct ff_env_var var;
	if (ff_env_var_find(name, &var)) {
		ff_env_value_bad(&var, value);
		ff_env_value_must_exist(&var, value);
	}
	_cleanup_json_ json_t *env = json_object(), *notes = NULL, *settings = NULL;
	json_t *key = ff_json_string(name.n ? name.p : "", name.n),
	       *text = ff_json_string(value.n ? value.p : "", value.n);
	json_object_set(env, json_string_value(key), text);
	json_object_set_new(env, "PYTORCH_CUDA_ALLOC_CONF", text);
	json_decref(key);
	ff_error_destroy(ff_env_notes(env, NULL, NULL, &notes));
	ff_error_destroy(ff_allocator_settings(env, "2.3.1+cu121", &settings));
	return 0;
}
