// What a flag of the container changes in the facts that it governs: shared memory, memory, the user, the GPUs.
//
//	{"container": "shm-size", "value": 16}    system.shm.size 67108864  ->  17179869184
//	{"container": "gpus"}                     a GPU on the bus, no device node in here  ->  given to the container
//
// A flag that governs what no fact holds has no effect here; the table says what would decide.
//
// How it lies: a container shows of its host's GPUs only the bus and the driver's module. Where it shows neither,
// nobody knows from within whether the host has one to give.
#include "fix/machine.h"

enum { TEXT_MAX = 48, GIB_MAX = 1 << 20 }; // no flag asks for more: a log's number may be anything

typedef struct ff_error *flag_effect(
	const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix);

static int64_t number_of(const json_t *value)
{
	const char *text = json_string_value(value);
	return text ? strtoll(text, NULL, 10) : json_integer_value(value);
}

// "64 MiB", "16 GiB": of a size that is no whole number of GiB the MiB are said.
static const char *size_text(int64_t bytes, char ret[static TEXT_MAX])
{
	bool whole = bytes >> 30 && !(bytes & ((INT64_C(1) << 30) - 1));
	snprintf(ret, TEXT_MAX, whole ? "%lld GiB" : "%lld MiB", (long long)(bytes >> (whole ? 30 : 20)));
	return ret;
}

// A size in GiB that the flag gives. One that is no more than what is here changes nothing.
static struct ff_error *size_becomes(
	const struct ff_fix_machine *m, const char *path, const char *what, const json_t *value, json_t *fix)
{
	char now[TEXT_MAX], then[TEXT_MAX];
	int64_t here = 0, gib = number_of(value), wanted;
	bool known = m->facts && ff_json_int(m->facts, path, &here);
	if (gib <= 0 || gib > GIB_MAX)
		return NULL;
	wanted = gib << 30;
	size_text(wanted, then);
	if (known && here >= wanted)
		return ff_fix_refuse(fix, "%s is %s already", what, size_text(here, now));
	struct ff_goal goal = {
		.what = what, .now = known ? size_text(here, now) : NULL, .then = then, .fact = path, .required = true};
	struct ff_error *err = known ? ff_fix_effect(fix, "facts", path, json_integer(wanted)) : NULL;
	return err ? err : ff_fix_goal(fix, &goal);
}

static struct ff_error *shm_size(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	(void)flag;
	return size_becomes(m, "system.shm.size", "/dev/shm", value, fix);
}

static struct ff_error *memory(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	(void)flag;
	return size_becomes(m, "system.memory.limit", "the memory limit", value, fix);
}

static struct ff_error *shm_writable(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	const json_t *here = m->facts ? ff_json_at(m->facts, "system.shm.writable") : NULL;
	struct ff_goal goal = {.what = "/dev/shm",
		.now = json_is_false(here) ? "read-only" : NULL,
		.then = "writable",
		.fact = "system.shm.writable",
		.words = {"/dev/shm"},
		.required = true};
	(void)flag, (void)value;
	struct ff_error *err = here ? ff_fix_effect(fix, "facts", goal.fact, json_true()) : NULL;
	return err ? err : ff_fix_goal(fix, &goal);
}

static struct ff_error *user(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	int64_t uid = 0;
	char now[TEXT_MAX];
	(void)flag, (void)value;
	if (!m->facts || !ff_json_int(m->facts, "process.uid", &uid))
		return NULL;
	if (!uid)
		return ff_fix_refuse(fix, "the worker is root already");
	snprintf(now, sizeof(now), "%lld", (long long)uid);
	struct ff_goal goal = {
		.what = "the worker's user", .now = now, .then = "root", .fact = "process.uid", .required = true};
	struct ff_error *err = ff_fix_effect(fix, "facts", goal.fact, json_integer(0));
	return err ? err : ff_fix_goal(fix, &goal);
}

static struct ff_error *platform(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	const char *arch = strcmp(flag, "platform-amd64") == 0 ? "x86_64" : "aarch64";
	const char *here = m->facts ? ff_json_text(m->facts, "system.arch") : NULL;
	(void)value;
	if (here && strcmp(here, arch) == 0)
		return ff_fix_refuse(fix, "the machine is %s already", arch);
	return ff_fix_goal(
		fix, &(struct ff_goal){.what = "the platform", .now = here, .then = arch, .fact = "system.arch"});
}

static bool is_empty(const json_t *list)
{
	return json_is_array(list) && !json_array_size(list);
}

// What lists them in here is the bus or the kernel, and not the driver.
static bool lists_only_bus(const json_t *gpus)
{
	size_t i;
	json_t *gpu;
	bool any = false;
	json_array_foreach (gpus, i, gpu) {
		const char *by = ff_json_text(gpu, "seen_by");
		if (!by || (strcmp(by, "pci") != 0 && strcmp(by, "kernel") != 0))
			return false;
		any = true;
	}
	return any;
}

// Its device nodes are missing in here, or the driver's library finds none.
static bool sees_no_gpu(const json_t *facts)
{
	const char *visible = ff_json_text(facts, "env.NVIDIA_VISIBLE_DEVICES");
	int64_t code = 0;
	bool void_of = visible && (!*visible || strcmp(visible, "void") == 0 || strcmp(visible, "none") == 0);
	bool refused = ff_json_int(facts, "cuda.driver_init.code", &code) && code != 0;
	return void_of || refused || lists_only_bus(json_object_get(facts, "gpus")) ||
		is_empty(json_object_get(facts, "gpus")) || is_empty(ff_json_at(facts, "driver.devices")) ||
		ff_json_at(facts, "driver.error");
}

static bool host_has_gpu(const json_t *facts)
{
	return ff_json_at(facts, "pci.gpus.0") || ff_json_at(facts, "gpus.0") ||
		ff_json_text(facts, "driver.kernel_module") || ff_json_text(facts, "driver.version");
}

static struct ff_error *gpus(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	(void)flag, (void)value;
	if (!m->facts || !host_has_gpu(m->facts))
		return ff_fix_open(fix, "whether its host has a GPU and a driver to give, nvidia-smi there shows");
	return ff_fix_goal(fix,
		&(struct ff_goal){.what = "the host's GPU",
			.now = sees_no_gpu(m->facts) ? "not given" : NULL,
			.then = "given",
			.required = true});
}

static struct ff_error *folder(const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	(void)m, (void)flag;
	const char *path = json_string_value(value);
	return ff_fix_open(fix, "whether what is missing in %s lies in the folder that is mounted there is not known",
		path ? path : "it");
}

struct ff_error *ff_fix_container_effect(
	const struct ff_fix_machine *m, const char *flag, const json_t *value, json_t *fix)
{
	static const struct {
		const char *flag;
		flag_effect *write;
	} governs[] = {{"gpus", gpus}, {"runtime", gpus}, {"device", gpus}, {"label", gpus}, {"capabilities", gpus},
		{"shm-size", shm_size}, {"shm-writable", shm_writable}, {"memory", memory}, {"user", user},
		{"platform-amd64", platform}, {"platform-arm64", platform}, {"mount", folder}, {"bind", folder}};
	for (size_t i = 0; i < sizeof(governs) / sizeof(*governs); i++)
		if (strcmp(governs[i].flag, flag) == 0)
			return governs[i].write(m, flag, value, fix);
	return NULL;
}
