// parse: headers of model files that lie; know: memory arithmetic. tests/wheels/test_model_files.py reads real ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "know/model_size.h"
#include "parse/model_file.h"

static void refuse(const char *json, const char *because)
{
	struct ff_model_tensors t = {.tensors = 77};
	struct ff_error *err = ff_safetensors_parse("m.safetensors", ff_span_of(json), &t);
	assert_non_null(err);
	if (!strstr(err->message, because))
		fail_msg("%s", err->message);
	assert_int_equal(t.tensors, 77);
	ff_error_destroy(err);
}

static void safetensors_counts_by_type(void **state)
{
	(void)state;
	static const char json[] = "{\"__metadata__\":{\"format\":\"pt\"},"
				   "\"b\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[8,20]},"
				   "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
	struct ff_model_tensors t;
	assert_null(ff_safetensors_parse("m", ff_span_of(json), &t));
	assert_int_equal(t.tensors, 2);
	assert_int_equal(t.parameters, 8);
	assert_int_equal(t.bytes, 20);
	assert_int_equal(t.file_bytes, 8 + sizeof(json) - 1 + 20);
}

static void safetensors_that_lie_are_refused(void **state)
{
	(void)state;
	refuse("[]", "no JSON object");
	refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,7]}}", "another size");
	refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "no shape");
	refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "data_offsets");
	refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "no shape");
	refuse("{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	       "\"b\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
		"overlap");
	refuse("{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	       "\"b\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[6,10]}}",
		"hole");
	uint64_t n;
	struct ff_error *err = ff_safetensors_header("pointer", FF_SPAN("version https://git-lfs"), 134, &n);
	assert_non_null(err); // a git-lfs pointer
	ff_error_destroy(err);
}

static void config_says_in_many_ways_how_many_heads_have_keys(void **state)
{
	static const struct {
		const char *text;
		uint64_t kv_heads;
	} rows[] = {
		{"{\"num_attention_heads\":71,\"num_kv_heads\":71,\"multi_query\":true}", 1}, // falcon-7b
		{"{\"num_attention_heads\":71,\"multi_query\":true,\"new_decoder_architecture\":false}", 1},
		{"{\"num_attention_heads\":128,\"num_kv_heads\":8,\"multi_query\":true,"
		 "\"new_decoder_architecture\":true}",
			8}, // falcon-40b
		{"{\"n_head\":128,\"n_head_kv\":8,\"multi_query\":true}", 8},
		{"{\"n_head\":48,\"multi_query\":true}", 1}, // starcoder
		{"{\"n_head\":48,\"multi_query\":false}", 48},
		{"{\"n_heads\":48,\"attn_config\":{\"kv_n_heads\":8}}", 8}, // dbrx
		{"{\"llm_config\":{\"num_attention_heads\":28,\"num_key_value_heads\":4}}", 4},
		{"{\"thinker_config\":{\"text_config\":{\"num_attention_heads\":28,\"num_key_value_heads\":4}}}", 4},
	};
	struct ff_model_shape s;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(ff_config_json_parse("config.json", ff_span_of(rows[i].text), &s));
		assert_int_equal(s.kv_heads, rows[i].kv_heads);
	}
}

static void config_has_many_spellings(void **state)
{
	(void)state;
	struct ff_model_shape s;
	assert_null(ff_config_json_parse("config.json",
		FF_SPAN("{\"model_type\":\"mixtral\",\"num_hidden_layers\":32,\"hidden_size\":4096,"
			"\"num_attention_heads\":32,\"num_key_value_heads\":8,\"num_local_experts\":8,"
			"\"torch_dtype\":\"bfloat16\",\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}}"),
		&s));
	assert_int_equal(s.head_dim, 128);
	assert_string_equal(s.quantization, "gptq");
	assert_int_equal(s.quantization_bits, 4);
	assert_null(ff_config_json_parse("config.json", FF_SPAN("{\"n_layer\":12,\"n_embd\":768,\"n_head\":12}"), &s));
	assert_int_equal(s.layers, 12);
	assert_int_equal(s.kv_heads, 12);
	assert_null(ff_config_json_parse("config.json", FF_SPAN("{\"text_config\":{\"n_layer\":-1}}"), &s));
	assert_int_equal(s.layers, 0);
}

static void weights_by_scheme(void **state)
{
	(void)state;
	uint64_t bytes;
	assert_true(ff_know_weight_bytes(8000000000, "nf4", &bytes));
	assert_int_equal(bytes, 4500000000);
	assert_true(ff_know_weight_bytes(3, "bf16", &bytes));
	assert_int_equal(bytes, 6);
	assert_false(ff_know_weight_bytes(3, "q99", &bytes));
	assert_false(ff_know_weight_bytes(UINT64_MAX, "fp32", &bytes));
}

static void parameters_by_shape(void **state)
{
	(void)state;
	// Llama 3.1 8B has 8.03e9 weights; an embedding that is not shared with the output counts once here.
	struct ff_model_shape llama = {.layers = 32, .hidden = 4096, .intermediate = 14336, .vocabulary = 128256};
	uint64_t n;
	assert_true(ff_know_least_parameters(&llama, &n));
	assert_in_range(n, 7200000000, 8030000000);
	llama.experts = 128;
	assert_false(ff_know_least_parameters(&llama, &n));
	llama = (struct ff_model_shape){.layers = 10000, .hidden = 1 << 20, .intermediate = 1 << 20, .experts = 8};
	assert_true(ff_know_least_parameters(&llama, &n));
	llama.hidden = UINT64_MAX;
	assert_false(ff_know_least_parameters(&llama, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(safetensors_counts_by_type),
		cmocka_unit_test(safetensors_that_lie_are_refused),
		cmocka_unit_test(config_has_many_spellings),
		cmocka_unit_test(config_says_in_many_ways_how_many_heads_have_keys),
		cmocka_unit_test(weights_by_scheme),
		cmocka_unit_test(parameters_by_shape),
	};
	return cmocka_run_group_tests_name("model_file", tests, NULL, NULL);
}
