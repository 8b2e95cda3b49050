// The changes that make a model fit, from the one that costs least: more of the GPU for the engine, a cache of 8 bits,
// fewer sequences, a shorter context, more GPUs, smaller weights, some of them in the machine's memory. What the user
// asked for in so many words is given up last.
//
// Each is tried by the same arithmetic as the question. Where none is enough alone, smaller weights and more GPUs are
// tried together with a shorter context.
#include "model/fit.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONTEXT_LEAST = 512, CONTEXT_STEP = 1024, GPUS_MAX = 16, SAY_MAX = 200 };

static const double SHARE_MORE = 0.95;

// A plan that is being changed, and what was set.
struct draft {
	const struct ff_fit_question *q;
	struct ff_serving_plan plan;
	json_t *settings;
	char say[SAY_MAX];
};

static bool is_vllm(const struct draft *d)
{
	return d->plan.engine == FF_SERVING_VLLM;
}

static bool fits(const struct draft *d, struct ff_model_need *ret)
{
	return ff_know_model_need(&d->q->files->model, &d->plan, ret) && ff_know_model_fits(ret);
}

static void set_number(struct draft *d, const char *setting, uint64_t n)
{
	json_object_set_new(d->settings, setting, json_integer((json_int_t)n));
}

static void say(struct draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct draft *d, const char *format, ...)
{
	size_t n = strlen(d->say);
	va_list args;
	va_start(args, format);
	if (n)
		n += (size_t)snprintf(d->say + n, sizeof(d->say) - n, " ");
	if (n < sizeof(d->say))
		vsnprintf(d->say + n, sizeof(d->say) - n, format, args);
	va_end(args);
}

// ---- one change each: false where it means nothing here ----

static bool more_of_the_gpu(struct draft *d)
{
	double share = SHARE_MORE;
	if (!is_vllm(d) || d->q->asked->share || d->q->gpu->held || d->plan.share >= share)
		return false;
	d->plan.share = share;
	json_object_set_new(d->settings, "gpu_memory_utilization", json_real(share));
	say(d, "Let the engine take %g of the GPU's memory.", share);
	return true;
}

static bool smaller_trial(struct draft *d)
{
	const uint64_t batch = 64;
	if (!is_vllm(d) || d->q->asked->sequences || d->plan.batch <= batch)
		return false;
	d->plan.batch = batch;
	set_number(d, "max_num_seqs", batch);
	say(d, "Prepare for %llu sequences at once.", (unsigned long long)batch);
	return true;
}

static bool small_cache(struct draft *d)
{
	if (d->plan.engine == FF_SERVING_TRANSFORMERS)
		return false;
	d->plan.cache_bits = is_vllm(d) ? 8000 : 8500;
	json_object_set_new(d->settings, "kv_cache_q8", json_true());
	say(d, "Keep the cache in 8 bits.");
	return true;
}

static bool fewer_sequences(struct draft *d)
{
	uint64_t n = ff_know_most_sequences(&d->q->files->model, &d->plan);
	if (!d->q->asked->sequences || !n || n >= d->plan.sequences)
		return false;
	d->plan.sequences = n;
	set_number(d, "max_num_seqs", n);
	say(d, "Serve %llu at once.", (unsigned long long)n);
	return true;
}

static bool shorter_context(struct draft *d)
{
	uint64_t n = ff_know_longest_context(&d->q->files->model, &d->plan);
	n -= n > 2 * CONTEXT_STEP ? n % CONTEXT_STEP : n % 256;
	if (n < CONTEXT_LEAST || n >= d->plan.context)
		return false;
	d->plan.context = n;
	set_number(d, "max_model_len", n * (d->plan.engine == FF_SERVING_LLAMA_CPP ? d->plan.sequences : 1));
	say(d, "Shorten the context to %llu tokens.", (unsigned long long)n);
	return true;
}

static bool more_gpus(struct draft *d)
{
	uint64_t heads = d->q->files->model.shape.heads;
	struct ff_model_need need;
	for (unsigned n = d->plan.gpus * 2; n <= GPUS_MAX; n *= 2) {
		bool shared = d->plan.engine != FF_SERVING_VLLM || (heads && heads % n == 0);
		struct draft tried = *d;
		tried.plan.gpus = n;
		if (!shared || (!fits(&tried, &need) && n * 2 <= GPUS_MAX))
			continue;
		d->plan.gpus = n;
		set_number(d, "tensor_parallel_size", n);
		say(d,
			d->q->gpu->count && d->q->gpu->count < n ? "Serve it on %u such GPUs; there are %u here."
								 : "Serve it on %u such GPUs.",
			n, d->q->gpu->count);
		return true;
	}
	return false;
}

// Weights that are small already, or of which nobody knows what they are, stay as they are.
static bool has_wide_weights(const struct draft *d)
{
	const struct ff_model *m = &d->q->files->model;
	return !m->gguf && !d->plan.scheme && !*m->shape.quantization && m->tensors.matrix_parameters &&
		m->tensors.bytes / 2 >= m->tensors.parameters;
}

static bool eight_bits(struct draft *d)
{
	if (!has_wide_weights(d) || !is_vllm(d) || !ff_fit_has_capability(d->q->gpu, 8, 9))
		return false;
	d->plan.scheme = "fp8";
	json_object_set_new(d->settings, "quantization", json_string("fp8"));
	say(d, "Make the weights fp8 while loading.");
	return true;
}

static bool four_bits(struct draft *d)
{
	if (!has_wide_weights(d))
		return false;
	d->plan.scheme = "nf4";
	json_object_set_new(d->settings, "four_bit", json_true());
	say(d, "Make the weights 4 bits while loading (bitsandbytes).");
	return true;
}

// ---- in the order of what they cost ----

typedef bool change_fn(struct draft *d);

static change_fn *const alone[] = {more_of_the_gpu, smaller_trial, small_cache, shorter_context, fewer_sequences,
	more_gpus, eight_bits, four_bits};
static change_fn *const asked_last[] = {fewer_sequences, shorter_context};
static change_fn *const together[][3] = {{more_of_the_gpu, smaller_trial, shorter_context},
	{more_of_the_gpu, small_cache, shorter_context}, {eight_bits, more_of_the_gpu, shorter_context},
	{four_bits, more_of_the_gpu, shorter_context}, {more_gpus, more_of_the_gpu, shorter_context},
	{more_gpus, four_bits, shorter_context}};

static bool was_asked(const struct ff_fit_question *q, change_fn *change)
{
	return (change == shorter_context && q->asked->context) || (change == fewer_sequences && q->asked->sequences) ||
		(change == more_gpus && q->gpu->count && q->gpu->count < 2 * q->plan.gpus);
}

static struct ff_error *add_change(const struct draft *d, const struct ff_model_need *need, json_t *list)
{
	_cleanup_free_ char *flags = NULL, *command = NULL;
	struct ff_error *err = ff_fit_flags(d->q, d->settings, &flags);
	if (!err)
		err = ff_fit_command(d->q, flags, &command);
	if (err)
		return err;
	json_t *entry = json_pack("{s:s, s:s, s:s, s:I, s:I, s:i, s:o}", "say", d->say, "flags", flags, "command",
		command, "context", (json_int_t)d->plan.context, "sequences", (json_int_t)d->plan.sequences, "gpus",
		(int)d->plan.gpus, "memory", ff_fit_memory(need));
	return json_array_append_new(list, entry) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *try_changes(
	const struct ff_fit_question *q, change_fn *const *changes, size_t n, json_t *list, bool *ret_found)
{
	// What was asked for stays in the command beside what changes.
	struct draft d = {.q = q, .plan = q->plan, .settings = ff_fit_settings(q)};
	struct ff_model_need need;
	struct ff_error *err = d.settings ? NULL : &ff_enomem;
	bool done = false;
	*ret_found = false;
	for (size_t i = 0; !err && i < n && !*ret_found; i++) {
		done = changes[i](&d) || done;
		*ret_found = done && fits(&d, &need);
	}
	if (!err && *ret_found)
		err = add_change(&d, &need, list);
	json_decref(d.settings);
	return err;
}

struct ff_error *ff_fit_changes(const struct ff_fit_question *q, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = list ? NULL : &ff_enomem;
	bool found;
	for (size_t i = 0; !err && i < sizeof(alone) / sizeof(alone[0]); i++)
		if (!was_asked(q, alone[i]))
			err = try_changes(q, &alone[i], 1, list, &found);
	for (size_t i = 0; !err && i < sizeof(asked_last) / sizeof(asked_last[0]); i++)
		if (was_asked(q, asked_last[i]))
			err = try_changes(q, &asked_last[i], 1, list, &found);
	for (size_t i = 0; !err && !json_array_size(list) && i < sizeof(together) / sizeof(together[0]); i++)
		err = try_changes(q, together[i], 3, list, &found);
	if (!err && !json_array_size(list) && was_asked(q, more_gpus))
		err = try_changes(q, (change_fn *const[]){more_gpus}, 1, list, &found);
	if (!err)
		*ret = json_incref(list);
	return err;
}
