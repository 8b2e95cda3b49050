// What a step on the host changes in the facts: modes of its GPUs, the kernel module, device nodes and who may open
// them. A step that is no row here changes what no fact holds.
//
//	{"setting": "no-mig", "index": 0}     gpus.0.mig true                  ->  false
//	{"driver": "load"}                    NVML: driver not loaded          ->  the module of the installed libraries
#include "fix/machine.h"

enum { PATH_MAX_LENGTH = 64 };

typedef struct ff_error *step_effect(const struct ff_fix_machine *m, int64_t index, json_t *fix);

// What CUDA and NVML answered was of before.
static struct ff_error *answers_are_old(const struct ff_fix_machine *m, json_t *fix)
{
	static const char *const answers[] = {"driver.error", "cuda.driver_init", "driver.devices_denied"};
	struct ff_error *err = NULL;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers) && !err; i++)
		if (ff_json_at(m->facts, answers[i]))
			err = ff_fix_effect(fix, "facts", answers[i], json_null());
	return err;
}

// A mode of one GPU, or of all (-1), where the facts show that it is another one.
static struct ff_error *mode_becomes(const struct ff_fix_machine *m, int64_t index, const char *mode,
	const json_t *wanted, const struct ff_goal *goal, json_t *fix)
{
	struct ff_goal made = *goal;
	char path[PATH_MAX_LENGTH];
	struct ff_error *err = NULL;
	made.now = NULL;
	size_t i;
	json_t *gpu;
	json_array_foreach (json_object_get(m->facts, "gpus"), i, gpu) {
		const json_t *here = json_object_get(gpu, mode);
		if (err || !here || (index >= 0 && (int64_t)i != index) || json_equal((json_t *)here, (json_t *)wanted))
			continue;
		made.now = json_is_string(here) ? json_string_value(here) : goal->now;
		snprintf(path, sizeof(path), "gpus.%zu.%s", i, mode);
		err = ff_fix_effect(fix, "facts", path, json_deep_copy(wanted));
	}
	if (!err && made.now)
		err = answers_are_old(m, fix);
	return err ? err : ff_fix_goal(fix, &made);
}

static struct ff_error *no_mig(const struct ff_fix_machine *m, int64_t index, json_t *fix)
{
	static const struct ff_goal goal = {
		.what = "MIG mode", .now = "on", .then = "off", .words = {"MIG"}, .required = true};
	_cleanup_json_ json_t *off = json_false();
	return mode_becomes(m, index, "mig", off, &goal, fix);
}

static struct ff_error *compute_mode(const struct ff_fix_machine *m, int64_t index, json_t *fix)
{
	static const struct ff_goal goal = {.what = "the compute mode", .then = "default", .required = true};
	_cleanup_json_ json_t *usual = json_string("default");
	return mode_becomes(m, index, "compute_mode", usual, &goal, fix);
}

static struct ff_error *uvm_node(const struct ff_fix_machine *m, int64_t index, json_t *fix)
{
	static const char node[] = "/dev/nvidia-uvm";
	const json_t *here = ff_json_at(m->facts, "driver.devices");
	_cleanup_json_ json_t *devices = json_is_array(here) ? json_copy((json_t *)here) : NULL;
	bool there = false;
	size_t i;
	json_t *one;
	json_array_foreach (devices, i, one)
		there |= json_is_string(one) && strcmp(json_string_value(one), node) == 0;
	(void)index;
	if (there)
		return ff_fix_refuse(fix, "%s is there already", node);
	struct ff_error *err = NULL;
	if (devices) {
		json_array_append_new(devices, json_string(node));
		err = ff_fix_effect(fix, "facts", "driver.devices", json_incref(devices));
	}
	if (!err)
		err = answers_are_old(m, fix);
	struct ff_goal goal = {
		.what = node, .now = devices ? "not there" : NULL, .then = "there", .words = {node}, .required = true};
	return err ? err : ff_fix_goal(fix, &goal);
}

static struct ff_error *gpu_group(const struct ff_fix_machine *m, int64_t index, json_t *fix)
{
	struct ff_goal goal = {.what = "the GPU's device nodes",
		.now = json_array_size(ff_json_at(m->facts, "driver.devices_denied")) ? "closed to this user" : NULL,
		.then = "open",
		.words = {"/dev/nvidia"},
		.required = true};
	(void)index;
	struct ff_error *err = goal.now ? answers_are_old(m, fix) : NULL;
	return err ? err : ff_fix_goal(fix, &goal);
}

// NVML's code for a module that is not loaded.
enum { NOT_LOADED = 9 };

static struct ff_error *load(const struct ff_fix_machine *m, int64_t index, json_t *fix)
{
	const char *module = ff_json_text(m->facts, "driver.kernel_module");
	const char *library = ff_json_text(m->facts, "driver.user_library_version");
	int64_t code = 0;
	bool refused = (ff_json_int(m->facts, "driver.error.code", &code) && code == NOT_LOADED) ||
		(ff_json_at(m->facts, "pci.gpus.0") && !module && !ff_json_text(m->facts, "driver.version"));
	struct ff_error *err = refused ? answers_are_old(m, fix) : NULL;
	(void)index;
	if (!err && refused && library)
		err = ff_fix_effect(fix, "facts", "driver.kernel_module", json_string(library));
	struct ff_goal goal = {.what = "the kernel module",
		.now = refused && !module ? "not loaded" : NULL,
		.then = "loaded",
		.required = true};
	return err ? err : ff_fix_goal(fix, &goal);
}

struct ff_error *ff_fix_step_effect(
	const struct ff_fix_machine *m, const char *family, const char *what, const char *value, json_t *fix)
{
	static const struct {
		const char *family, *what;
		step_effect *write;
	} steps[] = {{"setting", "no-mig", no_mig}, {"setting", "compute-mode", compute_mode},
		{"setting", "uvm-node", uvm_node}, {"setting", "gpu-group", gpu_group}, {"driver", "load", load}};
	bool number = value && *value && strspn(value, "0123456789") == strlen(value);
	for (size_t i = 0; m->facts && i < sizeof(steps) / sizeof(*steps); i++)
		if (strcmp(steps[i].family, family) == 0 && strcmp(steps[i].what, what) == 0)
			return steps[i].write(m, number ? strtoll(value, NULL, 10) : -1, fix);
	return NULL;
}
