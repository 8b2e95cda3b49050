// know: environment variables and allocator settings against installed versions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "know/allocator.h"
#include "know/env_vars.h"

static void a_full_name_wins_over_a_prefix(void **state)
{
	(void)state;
	struct ff_env_var v;
	assert_true(ff_env_var_find(FF_SPAN("HF_TOKEN"), &v) && v.secret && !v.prefix);
	assert_true(ff_env_var_find(FF_SPAN("HF_NEW_THING"), &v) && v.prefix);
	assert_true(ff_env_var_find(FF_SPAN("CUDA_MPS_OTHER"), &v) && ff_span_eq(v.name, "CUDA_MPS_"));
	assert_false(ff_env_var_find(FF_SPAN("EDITOR"), &v));
	assert_false(ff_env_var_find(FF_SPAN("HF_"), &v));
}

static const char *kind_of(const json_t *notes, const char *name)
{
	for (size_t i = 0; i < json_array_size(notes); i++) {
		if (strcmp(ff_json_text(json_array_get(notes, i), "name"), name) == 0)
			return ff_json_text(json_array_get(notes, i), "kind");
	}
	return "none";
}

static json_t *notes_of(const char *env, const char *packages)
{
	_cleanup_json_ json_t *e = json_loads(env, 0, NULL), *p = json_loads(packages, 0, NULL);
	json_t *notes = NULL;
	assert_non_null(e);
	assert_non_null(p);
	assert_null(ff_env_notes(e, p, NULL, &notes));
	return notes;
}

static void installed_versions_decide_what_is_ignored(void **state)
{
	(void)state;
	const char *env =
		"{\"HF_HUB_ENABLE_HF_TRANSFER\": \"1\", \"TRANSFORMERS_CACHE\": \"/c\", \"HUGGINGFACE_HUB_CACHE\": "
		"\"/c\","
		" \"PYTORCH_CUDA_ALLOC_CONF\": \"\", \"HUGGING_FACE_HUB_TOKEN\": {\"masked\": true, \"length\": 3}}";
	_cleanup_json_ json_t *old = notes_of(env,
		"{\"huggingface_hub\": {\"version\": \"0.36.2\"}, \"transformers\": {\"version\": \"4.45.0\"},"
		" \"torch\": {\"version\": \"2.3.1+cu121\"}}");
	assert_string_equal(kind_of(old, "HF_HUB_ENABLE_HF_TRANSFER"), "none");
	assert_string_equal(kind_of(old, "TRANSFORMERS_CACHE"), "deprecated");
	assert_string_equal(kind_of(old, "HUGGINGFACE_HUB_CACHE"), "deprecated");
	assert_string_equal(kind_of(old, "HUGGING_FACE_HUB_TOKEN"), "deprecated");
	assert_string_equal(kind_of(old, "PYTORCH_CUDA_ALLOC_CONF"), "empty");
	_cleanup_json_ json_t *new = notes_of(env,
		"{\"huggingface_hub\": {\"version\": \"1.2.0\"}, \"transformers\": {\"version\": \"5.0.1\"},"
		" \"torch\": {\"version\": \"2.10.0\"}}");
	assert_string_equal(kind_of(new, "HF_HUB_ENABLE_HF_TRANSFER"), "ignored");
	assert_string_equal(kind_of(new, "TRANSFORMERS_CACHE"), "ignored");
	assert_string_equal(kind_of(new, "PYTORCH_CUDA_ALLOC_CONF"), "deprecated");
	_cleanup_json_ json_t *unknown = notes_of(env, "{}");
	assert_string_equal(kind_of(unknown, "TRANSFORMERS_CACHE"), "none");
}

static const char *text_of(const json_t *notes, const char *name)
{
	for (size_t i = 0; i < json_array_size(notes); i++) {
		if (strcmp(ff_json_text(json_array_get(notes, i), "name"), name) == 0)
			return ff_json_text(json_array_get(notes, i), "text");
	}
	return "";
}

static void an_engine_reads_what_its_release_reads(void **state)
{
	(void)state;
	const char *env = "{\"VLLM_ATTENTION_BACKEND\": \"FLASHINFER\", \"VLLM_WORKER_MULTIPROC_METHODS\": \"spawn\","
			  " \"VLLM_SERVICE_PORT_HTTP\": \"8000\", \"VLLM_PORT\": \"8000\"}";
	_cleanup_json_ json_t *old = notes_of(env, "{\"vllm\": {\"version\": \"0.9.0.1\"}}");
	assert_string_equal(kind_of(old, "VLLM_ATTENTION_BACKEND"), "none");
	_cleanup_json_ json_t *new = notes_of(env, "{\"vllm\": {\"version\": \"0.20.1\"}}");
	assert_string_equal(kind_of(new, "VLLM_ATTENTION_BACKEND"), "ignored");
	assert_non_null(strstr(text_of(new, "VLLM_ATTENTION_BACKEND"), "use --attention-backend"));
	assert_string_equal(kind_of(new, "VLLM_WORKER_MULTIPROC_METHODS"), "ignored"); // nobody's name, and near to one
	assert_non_null(strstr(text_of(new, "VLLM_WORKER_MULTIPROC_METHODS"), "VLLM_WORKER_MULTIPROC_METHOD is"));
	assert_string_equal(kind_of(new, "VLLM_SERVICE_PORT_HTTP"), "none"); // Kubernetes' own, of a service named vllm
	assert_string_equal(kind_of(new, "VLLM_PORT"), "none");
	_cleanup_json_ json_t *built = notes_of(env, "{\"vllm\": {\"version\": \"0.20.2.dev7+g1234567\"}}");
	assert_string_equal(kind_of(built, "VLLM_ATTENTION_BACKEND"), "none"); // no release
	_cleanup_json_ json_t *without = notes_of(env, "{}");
	assert_string_equal(kind_of(without, "VLLM_ATTENTION_BACKEND"), "none");
}

static void values_are_judged_by_kind(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
		bool good;
	} cases[] = {
		{"CUDA_LAUNCH_BLOCKING", "1", true},
		{"CUDA_LAUNCH_BLOCKING", "yes", false},
		{"HF_HUB_OFFLINE", "YES", true},
		{"HF_HUB_OFFLINE", "2", false},
		{"NCCL_DEBUG", "info", true},
		{"NCCL_DEBUG", "VERBOSE", false},
		{"MASTER_PORT", "70000", false},
		{"OMP_NUM_THREADS", "4,2", true},
		{"HF_ENDPOINT", "hf-mirror.com", false},
		{"TORCH_CUDA_ARCH_LIST", "7.5 8.6+PTX", true},
		{"TORCH_CUDA_ARCH_LIST", "9.0a;12.0f", true},
		{"TORCH_CUDA_ARCH_LIST", "Ampere", true},
		{"TORCH_CUDA_ARCH_LIST", "90", false},
		{"BNB_CUDA_VERSION", "121", true},
		{"BNB_CUDA_VERSION", "cuda121", false},
		{"NVIDIA_VISIBLE_DEVICES", "all", true},
		{"NVIDIA_VISIBLE_DEVICES", "0,GPU-8", true},
		{"NVIDIA_VISIBLE_DEVICES", "void", false},
		{"NVIDIA_DRIVER_CAPABILITIES", "compute,utility", true},
		{"CUBLAS_WORKSPACE_CONFIG", ":16:8", true},
		{"CUBLAS_WORKSPACE_CONFIG", "4096:8", false},
		{"VLLM_SOMETHING", "anything", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ff_env_var v;
		assert_true(ff_env_var_find(ff_span_of(cases[i].name), &v));
		const char *bad = ff_env_value_bad(&v, ff_span_of(cases[i].value));
		if (!bad != cases[i].good)
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value, bad ? bad : "good");
	}
}

static json_t *settings_of(const char *env, const char *torch)
{
	_cleanup_json_ json_t *e = json_loads(env, 0, NULL);
	json_t *settings = NULL;
	assert_null(ff_allocator_settings(e, torch, &settings));
	return settings;
}

static void the_effective_name_depends_on_torch(void **state)
{
	(void)state;
	const char *both = "{\"PYTORCH_CUDA_ALLOC_CONF\": \"max_split_size_mb:64\", \"PYTORCH_ALLOC_CONF\": "
			   "\"expandable_segments:True\"}";
	_cleanup_json_ json_t *old = settings_of(both, "2.9.1"), *new = settings_of(both, "2.10.0+cu128");
	assert_string_equal(ff_json_text(old, "name"), "PYTORCH_CUDA_ALLOC_CONF");
	assert_string_equal(ff_json_text(old, "ignored"), "PYTORCH_ALLOC_CONF");
	assert_string_equal(ff_json_text(new, "name"), "PYTORCH_ALLOC_CONF");
	_cleanup_json_ json_t *only_new =
		settings_of("{\"PYTORCH_ALLOC_CONF\": \"expandable_segments:True\"}", "2.3.1+cu121");
	assert_null(ff_json_at(only_new, "name"));
	assert_string_equal(ff_json_text(only_new, "ignored"), "PYTORCH_ALLOC_CONF");
}

static void keys_have_their_torch(void **state)
{
	(void)state;
	const char *env =
		"{\"PYTORCH_CUDA_ALLOC_CONF\": \"pinned_use_background_threads:True,expandable_segments:True\"}";
	_cleanup_json_ json_t *old = settings_of(env, "2.3.1+cu121"), *new = settings_of(env, "2.7.0"),
			      *none = settings_of("{}", "2.7.0");
	assert_int_equal(json_array_size(ff_json_at(old, "errors")), 1);
	assert_string_equal(ff_json_text(old, "errors.0.key"), "pinned_use_background_threads");
	assert_int_equal(json_array_size(ff_json_at(new, "errors")), 0);
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_name_wins_over_a_prefix),
		cmocka_unit_test(installed_versions_decide_what_is_ignored),
		cmocka_unit_test(an_engine_reads_what_its_release_reads),
		cmocka_unit_test(values_are_judged_by_kind),
		cmocka_unit_test(the_effective_name_depends_on_torch),
		cmocka_unit_test(keys_have_their_torch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
