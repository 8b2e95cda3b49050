// From a facts document to the question that know/bnb.c answers, and its answer as facts.
#include "know/bnb_facts.h"

#include "know/bnb.h"
#include "know/driver.h"
#include "know/gpu_arch.h"

enum { BINARIES_MAX = 128 };

// torch.cuda.is_available(), as far as it follows from what the driver said.
static enum ff_known gpu_is_there(const json_t *facts, const json_t *env)
{
	const char *visible = json_string_value(json_object_get(env, "CUDA_VISIBLE_DEVICES"));
	int64_t code, count;
	if (visible && (!*visible || strcmp(visible, "-1") == 0))
		return FF_KNOWN_NO;
	if (ff_json_int(facts, "cuda.driver_init.code", &code) && code != 0)
		return FF_KNOWN_NO;
	if (json_array_size(ff_json_at(facts, "cuda.devices")) > 0)
		return FF_KNOWN_YES;
	if (ff_json_int(facts, "driver.gpu_count", &count))
		return count > 0 ? FF_KNOWN_YES : FF_KNOWN_NO;
	return ff_json_at(facts, "driver.error") || ff_know_no_cuda_driver(facts) ? FF_KNOWN_NO : FF_KNOWN_NOT;
}

static const char *highest_capability(const json_t *facts)
{
	static const char *const lists[] = {"cuda.devices", "gpus"};
	const char *highest = NULL;
	struct ff_arch best = {0}, one;
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]) && !highest; l++) {
		const json_t *gpu;
		size_t i;
		json_array_foreach (ff_json_at(facts, lists[l]), i, gpu) {
			const char *text = ff_json_text(gpu, "compute_capability");
			if (!text || !ff_arch_parse(ff_span_of(text), &one))
				continue;
			bool higher = one.major != best.major ? one.major > best.major : one.minor > best.minor;
			if (highest && !higher)
				continue;
			highest = text;
			best = one;
		}
	}
	return highest;
}

// Versions up to 0.40.0 ask the first libcudart that they find.
static const char *first_cudart(const json_t *facts)
{
	const json_t *library;
	size_t i;
	json_array_foreach (ff_json_at(facts, "cuda.libraries"), i, library) {
		const char *name = ff_json_text(library, "name");
		if (name && strcmp(name, "libcudart") == 0)
			return ff_json_text(library, "version");
	}
	return NULL;
}

static const char *assumption(const struct ff_bnb_choice *choice)
{
	if (choice->assumed_gpu && choice->assumed_capability)
		return "torch sees a GPU of compute capability 7.5 or more";
	if (choice->assumed_gpu)
		return "torch sees a GPU";
	return choice->assumed_capability ? "the GPU has compute capability 7.5 or more" : NULL;
}

static json_t *answer_of(const struct ff_bnb_choice *choice)
{
	return json_pack("{s:s*, s:s, s:s*, s:s*, s:b, s:s}", "wanted", choice->wanted[0] ? choice->wanted : NULL,
		"wanted_because", choice->because, "wanted_if", assumption(choice), "note", choice->note, "found",
		(int)choice->found, "outcome", ff_bnb_outcome_name(choice->outcome));
}

struct ff_error *ff_bnb_choice_of(const json_t *facts, const json_t *env, json_t **ret)
{
	const json_t *binaries = ff_json_at(facts, "bitsandbytes.binaries"), *binary;
	const json_t *cuda = ff_json_at(facts, "torch.cuda");
	const char *shipped[BINARIES_MAX];
	size_t n = 0, i;
	*ret = NULL;
	if (!binaries || !cuda)
		return NULL;
	json_array_foreach (binaries, i, binary)
		if (n < BINARIES_MAX && json_is_string(binary))
			shipped[n++] = json_string_value(binary);
	struct ff_bnb_question question = {
		.version = ff_json_text(facts, "bitsandbytes.version"),
		.torch_cuda = json_string_value(cuda),
		.torch_hip = ff_json_text(facts, "torch.hip"),
		.cudart = first_cudart(facts),
		.override_cuda = json_string_value(json_object_get(env, "BNB_CUDA_VERSION")),
		.override_rocm = json_string_value(json_object_get(env, "BNB_ROCM_VERSION")),
		.capability = highest_capability(facts),
		.gpu = gpu_is_there(facts, env),
		.shipped = shipped,
		.n_shipped = n,
	};
	struct ff_bnb_choice choice;
	if (!ff_know_bnb_select(&question, &choice))
		return ff_error_create(FF_EUNSUPPORTED, "what bitsandbytes %s loads is not known",
			question.version ? question.version : "of unknown version");
	*ret = answer_of(&choice);
	return *ret ? NULL : &ff_enomem;
}
