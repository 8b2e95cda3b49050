// A machine that is only planned: what the driver would answer where an image is to run. Nothing is guessed beyond what
// the name of a GPU and the version of a driver tell.
//
//	--gpu h100 --driver 550.54.14
//	-> {"nvml": {"driver": {"version": "550.54.14", "cuda": "12.4"}, "gpus": [{"name": "H100", "planned": true, ...}]},
//	    "cuda_driver": {"driver_init": {"code": 0, "name": "CUDA_SUCCESS"}, "driver_version": "12.4"}}
#include "api/api.h"

#include "know/driver.h"
#include "know/gpu_arch.h"
#include "model/fit.h"

#include <string.h>

static bool is_version(const char *text)
{
	return *text && strspn(text, "0123456789.") == strlen(text) && strchr(text, '.');
}

static json_t *text_of(struct ff_span text)
{
	return text.n ? ff_json_string(text.p, text.n) : NULL;
}

static json_t *gpu_of(const struct ff_fit_gpu *gpu)
{
	return json_pack("{s:i, s:b, s:s, s:s, s:s, s:s, s:{s:I, s:I, s:I}}", "index", 0, "planned", true, "name",
		gpu->name, "compute_capability", gpu->cc, "vendor", "nvidia", "seen_by", "nvml", "memory", "total",
		(json_int_t)gpu->memory, "free", (json_int_t)gpu->memory, "used", (json_int_t)0);
}

struct ff_error *ff_planned_machine(const struct ff_collect_options *options, json_t **ret)
{
	struct ff_fit_gpu gpu = {0};
	if ((!options->root && !options->image && !options->requirements) || (!options->gpu && !options->driver))
		return NULL;
	if (options->driver && !is_version(options->driver))
		return ff_error_create(FF_EUSAGE, "--driver %.40s: a version, as 550.54.14", options->driver);
	struct ff_error *err = options->gpu ? ff_fit_gpu_find(options->gpu, NULL, &gpu) : NULL;
	if (!err && options->gpu && !*gpu.cc)
		err = ff_error_create(
			FF_EUSAGE, "--gpu %.60s: which one, as h100: its architecture counts", options->gpu);
	if (err)
		return err;
	struct ff_span cuda = options->driver ? ff_know_driver_cuda(options->driver) : (struct ff_span){NULL, 0};
	json_t *nvml = json_pack("{s:{s:s*, s:o*, s:s*, s:i}}", "driver", "version", options->driver, "cuda",
		text_of(cuda), "kernel_module", options->driver, "gpu_count", 1);
	json_t *asked = json_pack("{s:{s:i, s:s}, s:o*}", "driver_init", "code", 0, "name", "CUDA_SUCCESS",
		"driver_version", text_of(cuda));
	json_t *plan = json_pack("{s:o, s:o}", "nvml", nvml, "cuda_driver", asked);
	if (!plan || (options->gpu && json_object_set_new(nvml, "gpus", json_pack("[o]", gpu_of(&gpu))) < 0)) {
		json_decref(plan);
		return &ff_enomem;
	}
	*ret = plan;
	return NULL;
}
