// bitsandbytes.wanted, wanted_because, found, outcome: the library that this version loads on this machine.
//
//	{"bitsandbytes": {"wanted": "libbitsandbytes_cuda121.so", "wanted_because": "BNB_CUDA_VERSION", "found": true,
//	                  "outcome": "loads"}}
//
// `outcome` is "loads", "cpu-instead" (only a warning tells) or "fails". Where no GPU fact could be had the answer is the one
// for a machine with a GPU, and `wanted_if` says so.
#include "know/bnb.h"
#include "know/gpu_arch.h"
#include "probe/probe.h"

enum { BINARIES_MAX = 128 };

// torch.cuda.is_available(), as far as it follows from what the driver said.
static enum ff_known gpu_is_there(const struct ff_probe_ctx *ctx)
{
	const char *visible = ff_host_getenv(ctx->host, "CUDA_VISIBLE_DEVICES");
	int64_t code, count;
	if (visible && (!*visible || strcmp(visible, "-1") == 0))
		return FF_KNOWN_NO;
	if (ff_json_int(ctx->facts, "cuda.driver_init.code", &code) && code != 0)
		return FF_KNOWN_NO;
	if (json_array_size(ff_json_at(ctx->facts, "cuda.devices")) > 0)
		return FF_KNOWN_YES;
	if (ff_json_int(ctx->facts, "driver.gpu_count", &count))
		return count > 0 ? FF_KNOWN_YES : FF_KNOWN_NO;
	return ff_json_at(ctx->facts, "driver.error") ? FF_KNOWN_NO : FF_KNOWN_NOT;
}

static const char *highest_capability(const struct ff_probe_ctx *ctx)
{
	static const char *const lists[] = {"cuda.devices", "gpus"};
	const char *highest = NULL;
	struct ff_arch best = {0}, one;
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]) && !highest; l++) {
		const json_t *gpu;
		size_t i;
		json_array_foreach (ff_json_at(ctx->facts, lists[l]), i, gpu) {
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
static const char *first_cudart(const struct ff_probe_ctx *ctx)
{
	const json_t *library;
	size_t i;
	json_array_foreach (ff_json_at(ctx->facts, "cuda.libraries"), i, library) {
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

void ff_probe_bitsandbytes_choice(struct ff_probe_ctx *ctx)
{
	const json_t *binaries = ff_json_at(ctx->facts, "bitsandbytes.binaries"), *binary;
	const json_t *cuda = ff_json_at(ctx->facts, "torch.cuda");
	const char *shipped[BINARIES_MAX];
	size_t n = 0, i;
	// Without torch the question has no answer: bitsandbytes fails to import.
	if (!binaries || !cuda)
		return;
	json_array_foreach (binaries, i, binary)
		if (n < BINARIES_MAX)
			shipped[n++] = json_string_value(binary);
	struct ff_bnb_question question = {
		.version = ff_json_text(ctx->facts, "bitsandbytes.version"),
		.torch_cuda = json_string_value(cuda),
		.torch_hip = ff_json_text(ctx->facts, "torch.hip"),
		.cudart = first_cudart(ctx),
		.override_cuda = ff_host_getenv(ctx->host, "BNB_CUDA_VERSION"),
		.override_rocm = ff_host_getenv(ctx->host, "BNB_ROCM_VERSION"),
		.capability = highest_capability(ctx),
		.gpu = gpu_is_there(ctx),
		.shipped = shipped,
		.n_shipped = n,
	};
	struct ff_bnb_choice choice;
	if (!ff_know_bnb_select(&question, &choice)) {
		ff_miss(ctx, "bitsandbytes.wanted",
			ff_error_create(FF_EUNSUPPORTED, "what bitsandbytes %s loads is not known",
				question.version ? question.version : "of unknown version"));
		return;
	}
	if (choice.wanted[0])
		ff_fact_text(ctx, "bitsandbytes.wanted", choice.wanted);
	ff_fact_text(ctx, "bitsandbytes.wanted_because", choice.because);
	ff_fact_text(ctx, "bitsandbytes.wanted_if", assumption(&choice));
	ff_fact_text(ctx, "bitsandbytes.note", choice.note);
	ff_fact_bool(ctx, "bitsandbytes.found", choice.found);
	ff_fact_text(ctx, "bitsandbytes.outcome", ff_bnb_outcome_name(choice.outcome));
}
