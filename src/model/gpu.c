// Which GPU, and how much of its memory a process can have.
//
//	--gpu h100        H100: 79.2 of the 80 GiB that it is sold with (rules/data/gpus.tsv)
//	--gpu 24GiB       any that has so much
//	(none)            what NVML says of this machine's: total less what the driver keeps, and what others hold
// How the source lies: a name may be sold with several sizes (A100, H100 NVL); NVML's total counts what the driver
// keeps for itself, some 300 to 600 MiB that no process gets.
#include "model/fit.h"

#include "know/gpu_arch.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double GIB = 1024.0 * 1024 * 1024;
static const double GIB_MAX = 4096;
static const double KEPT_BY_DRIVER = 0.015; // of the total, where NVML does not say

static bool as_size(const char *text, struct ff_fit_gpu *ret)
{
	char *end;
	double n = strtod(text, &end);
	bool unit = strcasecmp(end, "GiB") == 0 || strcasecmp(end, "GB") == 0 || strcasecmp(end, "G") == 0;
	if (end == text || !unit || !(n > 0.5 && n < GIB_MAX))
		return false;
	snprintf(ret->name, sizeof(ret->name), "a GPU of %g GiB", n);
	ret->memory = (uint64_t)(n * GIB);
	return true;
}

// "rtx5090" and "a100-80gb" as the table writes them: "RTX 5090", "A100 80GB".
static void as_sold(const char *text, bool spaced, char *ret, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; text[i] && n + 2 < size; i++) {
		bool number = isdigit((unsigned char)text[i]) && i && isalpha((unsigned char)text[i - 1]);
		if (number && spaced && n > 1)
			ret[n++] = ' ';
		ret[n++] = text[i] == '-' || text[i] == '_' ? ' ' : (char)toupper((unsigned char)text[i]);
	}
	ret[n] = 0;
}

static bool as_name(const char *text, struct ff_fit_gpu *ret)
{
	struct ff_gpu_info info;
	char sold[96];
	bool found = ff_know_gpu_by_name(text, &info);
	for (int spaced = 0; spaced < 2 && !found; spaced++) {
		as_sold(text, spaced, sold, sizeof(sold));
		found = ff_know_gpu_by_name(sold, &info);
	}
	if (!found || !info.usable_mib)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)info.name.n, info.name.p);
	snprintf(ret->cc, sizeof(ret->cc), "%.*s", (int)info.cc.n, info.cc.p);
	ret->memory = info.usable_mib << 20;
	ret->assumed = !info.memory_gib;
	return true;
}

static void from_facts(const json_t *gpu, struct ff_fit_gpu *ret)
{
	int64_t total = 0, used = 0, kept = 0;
	const char *name = ff_json_text(gpu, "name"), *cc = ff_json_text(gpu, "compute_capability");
	ff_json_int(gpu, "memory.total", &total);
	ff_json_int(gpu, "memory.used", &used);
	if (!ff_json_int(gpu, "memory.reserved", &kept) || kept <= 0)
		kept = (int64_t)((double)total * KEPT_BY_DRIVER);
	uint64_t memory = total > kept ? (uint64_t)(total - kept) : 0;
	ret->count++;
	if (ret->memory && ret->memory - ret->held <= memory - (uint64_t)(used > 0 ? used : 0))
		return;
	ret->memory = memory;
	ret->held = used > 0 && (uint64_t)used < memory ? (uint64_t)used : 0;
	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "GPU");
	snprintf(ret->cc, sizeof(ret->cc), "%s", cc ? cc : "");
}

struct ff_error *ff_fit_gpu_find(const char *name, const json_t *facts, struct ff_fit_gpu *ret)
{
	struct ff_fit_gpu gpu = {0};
	size_t i;
	json_t *each;
	if (name && !as_size(name, &gpu) && !as_name(name, &gpu))
		return ff_error_create(FF_EUSAGE,
			"'%.60s' is no GPU that rules/data/gpus.tsv knows with its memory: say how much it has, as "
			"--gpu 24GiB",
			name);
	json_array_foreach (ff_json_at(facts, "gpus"), i, each)
		if (!name)
			from_facts(each, &gpu);
	if (!gpu.memory)
		return ff_error_create(FF_EUSAGE,
			"there is no GPU here whose memory is known: say which one, as --gpu h100 or --gpu 24GiB");
	*ret = gpu;
	return NULL;
}
