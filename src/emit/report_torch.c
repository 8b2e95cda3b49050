// The first section: what torch is, what CUDA it was built for, and each GPU with the code that torch has for it.
//
// "CUDA Available" is what torch.cuda.is_available() would answer, concluded from facts without starting Python. Two
// things fool it in practice: a CPU build of torch, and CUDA_VISIBLE_DEVICES that hides every GPU.
#include "emit/report.h"

#include "know/driver.h"
#include "know/gpu_arch.h"

static const char *visible_devices(const json_t *doc)
{
	return json_string_value(json_object_get(json_object_get(doc, "env"), "CUDA_VISIBLE_DEVICES"));
}

// The first thing that keeps torch from a GPU, as text; NULL when nothing known does.
static const char *obstacle(const json_t *doc)
{
	const char *cuda = ff_json_text(doc, "torch.cuda"), *driver = ff_json_text(doc, "driver.version");
	const char *visible = visible_devices(doc);
	if (json_is_null(ff_json_at(doc, "torch.cuda")) && !ff_json_text(doc, "torch.hip"))
		return "this torch is a CPU build";
	if (visible && (!visible[0] || strcmp(visible, "-1") == 0))
		return "CUDA_VISIBLE_DEVICES hides every GPU";
	int64_t init;
	if (ff_json_at(doc, "driver.error") || (ff_json_int(doc, "cuda.driver_init.code", &init) && init))
		return "the driver answers with an error";
	if (cuda && driver && ff_know_driver_runs(driver, cuda, NULL) == FF_DRIVER_TOO_OLD)
		return "the driver is too old for the CUDA of this torch";
	if (ff_know_no_cuda_driver(doc))
		return "there is no NVIDIA driver";
	const json_t *gpus = ff_json_at(doc, "gpus");
	if (json_is_array(gpus) && !json_array_size(gpus))
		return "no GPU is visible";
	if (!json_array_size(gpus) && json_is_array(ff_json_at(doc, "driver.devices")) &&
		!json_array_size(ff_json_at(doc, "driver.devices")))
		return "there are no NVIDIA device nodes";
	return NULL;
}

bool ff_write_cuda_available(struct ff_cell *cell)
{
	const char *why = obstacle(cell->doc);
	if (!ff_json_text(cell->doc, "torch.version"))
		return false;
	if (why) {
		bool has_gpu = json_array_size(ff_json_at(cell->doc, "gpus")) > 0;
		cell->mark = has_gpu || ff_json_at(cell->doc, "driver.version") ? FF_MARK_FAIL : FF_MARK_WARN;
		ff_buf_printf(cell->out, "False (%s)", why);
		return true;
	}
	if (!json_array_size(ff_json_at(cell->doc, "gpus"))) {
		const char *reason = ff_report_reason(cell->doc, "gpus");
		if (!reason)
			reason = ff_report_reason(cell->doc, "driver");
		cell->mark = FF_MARK_NONE;
		ff_buf_printf(cell->out, "not known (%s)", reason ? reason : "no GPU was read");
		return true;
	}
	ff_buf_str(cell->out, "True");
	return true;
}

// The runtime that torch would load; else the toolkit's.
static bool write_runtime(struct ff_cell *cell)
{
	const json_t *libraries = ff_json_at(cell->doc, "cuda.libraries");
	for (size_t i = 0; i < json_array_size(libraries); i++) {
		const json_t *library = json_array_get(libraries, i);
		const char *name = ff_json_text(library, "name"), *by = ff_json_text(library, "chosen_by");
		const char *version = ff_json_text(library, "version"), *path = ff_json_text(library, "path");
		if (!name || !by || !version || strcmp(name, "libcudart") != 0 || strcmp(by, "torch") != 0)
			continue;
		ff_buf_printf(cell->out, "%s (torch loads %s)", version, path ? path : name);
		return true;
	}
	const char *toolkit = ff_json_text(cell->doc, "cuda.toolkit.version");
	const char *home = ff_json_text(cell->doc, "cuda.toolkit.home");
	if (!toolkit)
		return false;
	ff_buf_printf(cell->out, "%s%s%s%s", toolkit, home ? " (toolkit in " : "", home ? home : "", home ? ")" : "");
	return true;
}

static bool write_cuda_build(struct ff_cell *cell)
{
	if (!ff_json_at(cell->doc, "torch.version"))
		return false;
	if (!json_is_null(cell->value))
		return ff_value_text(cell->value, cell->out);
	cell->mark = FF_MARK_NONE;
	ff_buf_str(cell->out, ff_json_text(cell->doc, "torch.hip") ? "no (a ROCm build)" : "no (a CPU build)");
	return true;
}

static bool write_archs(struct ff_cell *cell)
{
	const json_t *ptx = ff_json_at(cell->doc, "torch.ptx");
	if (!ff_value_text(cell->value, cell->out))
		return false;
	if (json_array_size(ptx)) {
		ff_buf_str(cell->out, "; PTX ");
		ff_value_text(ptx, cell->out);
	}
	return true;
}

static bool write_torch_version(struct ff_cell *cell)
{
	const char *version = ff_report_version(cell->doc, "torch");
	const json_t *packages = ff_json_at(cell->doc, "python.packages");
	if (version) {
		ff_buf_str(cell->out, version);
		return true;
	}
	cell->mark = FF_MARK_NONE;
	if (!packages || json_object_get(packages, "torch") || json_object_get(cell->doc, "torch"))
		return false;
	ff_buf_str(cell->out, "not installed");
	return true;
}

static bool write_count(struct ff_cell *cell)
{
	const json_t *gpus = ff_json_at(cell->doc, "gpus");
	if (json_is_array(gpus)) {
		cell->mark = json_array_size(gpus) ? FF_MARK_OK : FF_MARK_WARN;
		ff_buf_printf(cell->out, "%zu", json_array_size(gpus));
		return true;
	}
	cell->mark = FF_MARK_NONE;
	return ff_report_unknown(cell->doc, "gpus", "driver", cell->out);
}

void ff_report_torch(struct ff_report *r)
{
	static const struct ff_report_line lines[] = {
		{FF_MARK_OK, "PyTorch Version", NULL, write_torch_version, NULL},
		{FF_MARK_OK, "PyTorch CUDA Compiled", "torch.cuda", write_cuda_build, NULL},
		{FF_MARK_OK, "CUDA Available", NULL, ff_write_cuda_available, NULL},
		{FF_MARK_OK, "CUDA Version (PyTorch)", "torch.cuda", NULL, NULL},
		{FF_MARK_OK, "ROCm Version (PyTorch)", "torch.hip", NULL, NULL},
		{FF_MARK_OK, "CUDA Runtime Version", NULL, write_runtime, NULL},
		{FF_MARK_OK, "cuDNN Version", "torch.cudnn", ff_write_cudnn, NULL},
		{FF_MARK_OK, "PyTorch GPU code", "torch.archs", write_archs, "torch.version"},
		{FF_MARK_OK, "Number of GPUs", NULL, write_count, NULL},
	};
	ff_report_lines(r, r->doc, lines, sizeof(lines) / sizeof(lines[0]));
	ff_report_gpus(r);
}

// The capability, and whether torch carries code for it: the one line that decides whether this worker can live.
bool ff_write_capability(struct ff_cell *cell)
{
	const char *cc = json_string_value(cell->value);
	if (!cc)
		return false;
	ff_buf_str(cell->out, cc);
	const char *version = ff_json_text(cell->doc, "torch.version");
	const json_t *archs = ff_json_at(cell->doc, "torch.archs"), *ptx = ff_json_at(cell->doc, "torch.ptx");
	if (!version || (!archs && !ptx))
		return true;
	switch (ff_know_arch_covers(archs, ptx, cc)) {
	case FF_ARCH_NONE:
		cell->mark = FF_MARK_FAIL;
		ff_buf_printf(cell->out, " (torch %s has no code for it)", version);
		return true;
	case FF_ARCH_PTX:
		cell->mark = FF_MARK_WARN;
		ff_buf_printf(
			cell->out, " (torch %s has PTX only: the driver compiles it at the first start)", version);
		return true;
	case FF_ARCH_SASS:
	case FF_ARCH_NOT_KNOWN:
		return true;
	}
	return true;
}

void ff_report_gpus(struct ff_report *r)
{
	static const struct ff_report_line lines[] = {
		{FF_MARK_GPU, "GPU", "name", NULL, "gpus"},
		{FF_MARK_MEMORY, "VRAM Total", "memory.total", ff_write_size, NULL},
		{FF_MARK_MEMORY, "VRAM Free", "memory.free", ff_write_size, NULL},
		{FF_MARK_NUMBER, "Compute Capability", "compute_capability", ff_write_capability, "gpus"},
		{FF_MARK_COUNT, "Multi-processor count", "sm_count", NULL, NULL},
		{FF_MARK_COUNT, "Max threads per block", "max_threads_per_block", NULL, NULL},
	};
	const json_t *gpus = ff_json_at(r->doc, "gpus");
	for (size_t i = 0; i < json_array_size(gpus); i++)
		ff_report_lines(r, json_array_get(gpus, i), lines, sizeof(lines) / sizeof(lines[0]));
}
