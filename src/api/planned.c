// A machine that is only planned: what the driver would answer where an image is to run. Nothing is guessed beyond what
// the name of a GPU and the version of a driver tell.
//
//	--gpu h100 --driver 550.54.14
//	-> {"nvml": {"driver": {"version": "550.54.14", "cuda": "12.4"}, "gpus": [{"name": "H100", "planned": true, ...}]},
//	    "cuda_driver": {"driver_init": {"code": 0, "name": "CUDA_SUCCESS"}, "driver_version": "12.4"}}
//	--disk 20G --model Qwen/Qwen2.5-7B-Instruct
//	-> facts: {"planned": {"disk": {"free": 21474836480}, "model": {"name": "Qwen/...", "bytes": 15231271864}}}
//
// The model is read where this program runs (its headers alone), not in the image: that is where its name means
// something.
#include "api/api.h"

#include "know/driver.h"
#include "know/gpu_arch.h"
#include "model/fit.h"

#include <stdlib.h>
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

// "20G", "20GiB", "1.5T": as df and Kubernetes count; "20GB" as disks are sold.
static bool size_of(const char *text, int64_t *ret)
{
	static const struct {
		const char *unit;
		double bytes;
	} units[] = {{"M", 0x1p20}, {"Mi", 0x1p20}, {"MiB", 0x1p20}, {"MB", 1e6}, {"G", 0x1p30}, {"Gi", 0x1p30},
		{"GiB", 0x1p30}, {"GB", 1e9}, {"T", 0x1p40}, {"Ti", 0x1p40}, {"TiB", 0x1p40}, {"TB", 1e12}};
	char *end;
	double n = strtod(text, &end);
	for (size_t i = 0; *text >= '0' && *text <= '9' && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcasecmp(end, units[i].unit) == 0 && n > 0 && n * units[i].bytes < 0x1p60) {
			*ret = (int64_t)(n * units[i].bytes);
			return true;
		}
	return false;
}

static struct ff_error *model_of(const char *what, json_t **ret)
{
	_cleanup_host_ struct ff_host *here = NULL;
	_cleanup_model_files_ struct ff_model_files files = {0};
	struct ff_error *err = ff_host_create(&(struct ff_host_options){0}, &here);
	if (!err)
		err = ff_model_read(here, what, false, &files);
	if (err)
		return err;
	*ret = json_pack("{s:o, s:I}", "name", ff_json_string(what, strlen(what)), "bytes",
		(json_int_t)files.model.tensors.bytes);
	return *ret ? NULL : &ff_enomem;
}

struct ff_error *ff_planned_facts(const struct ff_collect_options *options, json_t *facts)
{
	_cleanup_json_ json_t *planned = json_object();
	json_t *model = NULL;
	int64_t free = 0;
	if (!options->disk && !options->model)
		return NULL;
	if (options->disk && !size_of(options->disk, &free))
		return ff_error_create(FF_EUSAGE, "--disk %.40s: a size, as 20G or 500GB", options->disk);
	if (free && json_object_set_new(planned, "disk", json_pack("{s:I}", "free", (json_int_t)free)) < 0)
		return &ff_enomem;
	struct ff_error *err = options->model ? model_of(options->model, &model) : NULL;
	if (!err && model && json_object_set_new(planned, "model", model) < 0)
		err = &ff_enomem;
	if (!err && json_object_set(facts, "planned", planned) < 0)
		err = &ff_enomem;
	return err;
}
