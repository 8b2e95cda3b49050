// know/model_memory.h beside what engines printed of themselves in public logs: weights within 5 %, all within 10 %.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "know/serving.h"

static const double GIB = 1 << 30;

enum { LLAMA_8B, QWEN_1_5B, QWEN_14B, QWEN_235B_FP8, LLAMA_8B_Q4 };

// A shape as config.json says it; heads are of 128 numbers in all of these.
#define SHAPE(type, n, width, h, kv, words, forward)                                                                   \
	.dtype = type, .layers = n, .hidden = width, .heads = h, .kv_heads = kv, .head_dim = 128, .vocabulary = words, \
	.intermediate = forward

// Tensors of one type, as the headers sum them up.
#define TENSORS(type, numbers, size) \
	.n_dtypes = 1, .dtypes = {{type, 1, numbers, size}}, .parameters = numbers, .bytes = size

static const struct ff_model models[] = {
	[LLAMA_8B] = {.shape = {SHAPE("bfloat16", 32, 4096, 32, 8, 128256, 14336)},
		.tensors = {TENSORS("BF16", 8030261248, 16060522496), .matrix_parameters = 6979321856}},
	[QWEN_1_5B] = {.shape = {SHAPE("bfloat16", 28, 1536, 12, 2, 151936, 8960)},
		.tensors = {TENSORS("BF16", 1543714304, 3087428608)}},
	[QWEN_14B] = {.shape = {SHAPE("bfloat16", 48, 5120, 40, 8, 152064, 13824)},
		.tensors = {TENSORS("BF16", 14770033664, 29540067328)}},
	[QWEN_235B_FP8] = {.shape = {SHAPE("bfloat16", 94, 4096, 64, 4, 151936, 12288), .quantization = "fp8",
				   .experts = 128, .experts_used = 8, .expert_width = 1536},
		.tensors = {.n_dtypes = 2,
			.dtypes = {{"BF16", 500, 1294000000, 2588000000},
				{"F8_E4M3", 36000, 233800000000, 233800000000}},
			.parameters = 235094000000,
			.bytes = 236388000000}},
	[LLAMA_8B_Q4] = {.gguf = true,
		.shape = {SHAPE("", 32, 4096, 32, 8, 128256, 14336)},
		.tensors = {TENSORS("Q4_K", 8030261248, 4912898304), .input_bytes = 295501824,
			.output_bytes = 430940160}},
};

static void near_to(const char *what, double ours, double theirs, double within)
{
	if (ours < theirs * (1 - within) || ours > theirs * (1 + within))
		fail_msg("%s: %.3f, the engine says %.3f", what, ours, theirs);
}

static struct ff_serving_plan vllm(double gib, double share, uint64_t batch, uint64_t step, unsigned gpus)
{
	return (struct ff_serving_plan){.engine = FF_SERVING_VLLM,
		.context = 4096,
		.sequences = 1,
		.batch = batch,
		.step_tokens = step,
		.gpus = gpus,
		.cache_bits = 16000,
		.share = share,
		.memory = (uint64_t)(gib * GIB)};
}

// What vLLM has left for its cache, in tokens: the memory of the GPU less all the rest.
static void vllm_leaves_as_much_for_its_cache(void **state)
{
	(void)state;
	const struct {
		const char *what;
		int model;
		struct ff_serving_plan plan;
		double weights, tokens; // GiB; as it printed them
	} logs[] = {
		{"Llama 3.1 8B, H100, 0.6", LLAMA_8B, vllm(79.14, 0.9, 256, 512, 1), 14.99, 54.93 * 8192},
		{"Llama 3.1 8B, L40S, 0.8", LLAMA_8B, vllm(44.4, 0.9, 1024, 2048, 1), 14.99, 158656},
		{"Qwen2.5 1.5B, T4, one pass", QWEN_1_5B, vllm(14.56, 0.5, 256, 32768, 1), 2.89, 88304},
		{"R1 distilled 14B, two 4090", QWEN_14B, vllm(23.55, 0.98, 256, 2048, 2), 13.95, 81536},
		{"Qwen3 235B fp8, four H100", QWEN_235B_FP8, vllm(79.18, 0.9, 1024, 8192, 4), 55.3, 178880},
	};
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		struct ff_model_need need;
		struct ff_serving_plan plan = logs[i].plan;
		const struct ff_model *m = &models[logs[i].model];
		// Its share counts tensors and NCCL alone; what lies beside them has the rest of the GPU.
		plan.memory += (uint64_t)(1.2 * GIB);
		plan.share *= (double)logs[i].plan.memory / (double)plan.memory;
		assert_true(ff_know_model_need(m, &plan, &need));
		near_to(logs[i].what, (double)need.weights / GIB, logs[i].weights, 0.05);
		double all = (double)logs[i].plan.memory * logs[i].plan.share;
		double cache = logs[i].tokens * (double)ff_know_token_bytes(m, &plan);
		double ours = (double)ff_know_longest_context(m, &plan) * (double)ff_know_token_bytes(m, &plan);
		near_to(logs[i].what, all - ours, all - cache, 0.10);
	}
}

static void activations_are_those_of_the_logs(void **state)
{
	(void)state;
	struct ff_model_need need;
	struct ff_serving_plan h100 = vllm(79.14, 0.9, 256, 512, 1), t4 = vllm(14.56, 0.5, 256, 32768, 1);
	assert_true(ff_know_model_need(&models[LLAMA_8B], &h100, &need));
	near_to("sampler of 256 rows", (double)need.activations / GIB, 1.19, 0.10);
	assert_true(ff_know_model_need(&models[QWEN_1_5B], &t4, &need));
	near_to("a pass of 32768 tokens", (double)need.activations / GIB, 2.02, 0.10);
}

// "KV Cache is allocated. #tokens: 367404, K size: 8.23 GB, V size: 8.23 GB" with --tp 4 --mem-fraction-static 0.93
static void sglang_leaves_as_much_for_its_cache(void **state)
{
	(void)state;
	struct ff_model_need need;
	struct ff_serving_plan p = vllm(79.18, 0.93, 0, 0, 4);
	p.engine = FF_SERVING_SGLANG;
	assert_true(ff_know_model_need(&models[QWEN_235B_FP8], &p, &need));
	near_to("weights", (double)need.weights / GIB, 55.3, 0.05);
	double ours = (double)ff_know_longest_context(&models[QWEN_235B_FP8], &p) *
		(double)ff_know_token_bytes(&models[QWEN_235B_FP8], &p);
	near_to("all that is not cache", 79.18 - ours / GIB, 79.18 - 2 * 8.23, 0.10);
}

static void sglang_keeps_clear_what_it_says(void **state)
{
	(void)state;
	struct ff_serving_plan p = {.engine = FF_SERVING_SGLANG, .memory = 80ull << 30};
	ff_know_serving_usual(&models[LLAMA_8B], "9.0", &p);
	assert_true(p.share > 0.83 && p.share < 0.85); // 512 MiB, 8192 tokens and graphs of 256: 13.1 GiB
	p = (struct ff_serving_plan){.engine = FF_SERVING_SGLANG, .memory = 24ull << 30};
	ff_know_serving_usual(&models[LLAMA_8B], "8.9", &p);
	assert_true(p.share > 0.84 && p.share < 0.86); // 512 MiB, 2048 tokens and graphs of 24: 3.7 GiB
}

static void the_model_of_facts_is_the_one_of_its_files(void **state)
{
	(void)state;
	struct ff_model_need by_files, by_facts;
	struct ff_model m;
	struct ff_serving_plan p = vllm(79.14, 0.9, 256, 512, 1);
	json_t *entry = json_pack("{s:I, s:{s:I, s:I}, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s}}", "weights",
		(json_int_t)16060522496, "tensors", "parameters", (json_int_t)8030261248, "matrix_parameters",
		(json_int_t)6979321856, "config", "layers", 32, "hidden", 4096, "heads", 32, "kv_heads", 8, "head_dim",
		128, "vocabulary", 128256, "intermediate", 14336, "dtype", "bfloat16");
	assert_true(ff_know_model_of_facts(entry, &m));
	assert_true(ff_know_model_need(&m, &p, &by_facts));
	assert_true(ff_know_model_need(&models[LLAMA_8B], &p, &by_files));
	assert_int_equal(by_facts.total, by_files.total);
	p.offload = 1 << 30;
	assert_true(ff_know_model_need(&m, &p, &by_facts));
	assert_int_equal(by_facts.weights, by_files.weights - (1 << 30));
	json_object_del(entry, "weights");
	assert_false(ff_know_model_of_facts(entry, &m));
	json_decref(entry);
}

static void llama_cpp_takes_what_it_prints(void **state)
{
	(void)state;
	struct ff_model_need need;
	const double mib = 1 << 20;
	struct ff_serving_plan p = {.engine = FF_SERVING_LLAMA_CPP,
		.context = 8192,
		.sequences = 1,
		.gpus = 1,
		.cache_bits = 16000,
		.share = 1,
		.memory = 24ull << 30};
	assert_true(ff_know_model_need(&models[LLAMA_8B_Q4], &p, &need));
	near_to("CUDA0 model buffer", (double)need.weights / mib, 4403.49, 0.01);
	near_to("KV self size", (double)need.cache / mib, 1024, 0.001);
	near_to("compute buffer", (double)need.activations / mib, 258.5, 0.01);
}

static void windows_states_and_compressed_keys_take_less(void **state)
{
	(void)state;
	struct ff_model m = models[LLAMA_8B];
	struct ff_model_need whole, need;
	struct ff_serving_plan p = vllm(79.14, 0.9, 1, 2048, 1);
	p.context = 131072;
	assert_true(ff_know_model_need(&m, &p, &whole));
	m.shape.kept = (struct ff_model_layers){.full = 8, .windowed = 24, .window = 4096};
	assert_true(ff_know_model_need(&m, &p, &need));
	assert_int_equal(need.cache, (8 * 131072ull + 24 * 4096ull) * 4096);
	m.shape.kept = (struct ff_model_layers){.full = 32, .latent = 576, .latent_whole = 40960};
	assert_true(ff_know_model_need(&m, &p, &need));
	assert_int_equal(need.cache, 32 * 131072ull * 576 * 2);
	p.engine = FF_SERVING_TRANSFORMERS; // keeps them uncompressed
	assert_true(ff_know_model_need(&m, &p, &need));
	assert_int_equal(need.cache, 32 * 131072ull * 40960 * 2);
	p.engine = FF_SERVING_VLLM;
	m.shape.kept = (struct ff_model_layers){.full = 8, .recurrent = 24, .state = 1000};
	assert_true(ff_know_model_need(&m, &p, &need));
	assert_int_equal(need.cache, whole.cache / 4);
	assert_int_equal(need.state, 24 * 1000 * 2);
}

static void a_token_takes_what_the_layers_that_keep_it_take(void **state)
{
	(void)state;
	struct ff_model mixtral = {
		.shape = {.layers = 32, .hidden = 4096, .heads = 32, .kv_heads = 8, .head_dim = 128}};
	struct ff_serving_plan p = {.context = 1, .sequences = 1, .gpus = 1, .cache_bits = 16000};
	assert_int_equal(ff_know_token_bytes(&mixtral, &p), 131072);
	mixtral.shape.kept = (struct ff_model_layers){.full = 8, .windowed = 24, .window = 4096};
	assert_int_equal(ff_know_token_bytes(&mixtral, &p), 131072 / 4);
	mixtral.shape.layers = 0;
	assert_int_equal(ff_know_token_bytes(&mixtral, &p), 0);
}

static void nothing_is_said_where_the_files_do_not(void **state)
{
	(void)state;
	struct ff_model_need need;
	struct ff_serving_plan p = vllm(80, 0.9, 256, 2048, 1);
	struct ff_model m = models[LLAMA_8B];
	m.shape.kv_heads = 0;
	assert_false(ff_know_model_need(&m, &p, &need));
	m = models[LLAMA_8B];
	m.tensors.bytes = 0;
	assert_false(ff_know_model_need(&m, &p, &need));
	m = models[LLAMA_8B];
	m.shape.vocabulary = UINT64_MAX;
	assert_false(ff_know_model_need(&m, &p, &need));
	m = models[LLAMA_8B];
	p.scheme = "no such";
	assert_false(ff_know_model_need(&m, &p, &need));
	assert_int_equal(ff_know_longest_context(&m, &p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vllm_leaves_as_much_for_its_cache),
		cmocka_unit_test(activations_are_those_of_the_logs),
		cmocka_unit_test(sglang_leaves_as_much_for_its_cache),
		cmocka_unit_test(sglang_keeps_clear_what_it_says),
		cmocka_unit_test(the_model_of_facts_is_the_one_of_its_files),
		cmocka_unit_test(llama_cpp_takes_what_it_prints),
		cmocka_unit_test(windows_states_and_compressed_keys_take_less),
		cmocka_unit_test(a_token_takes_what_the_layers_that_keep_it_take),
		cmocka_unit_test(nothing_is_said_where_the_files_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
