// System, container and environment: what surrounds Python, and the limits that kill workers (memory, shared memory,
// disks).
#include "emit/report.h"

enum { LOW_SHM = 128 << 20, MANY_VARIABLES = 400 };

// A relation of two sizes: "5.0 GB of 20.0 GB".
static bool size_of(struct ff_cell *cell, const char *free_path, const char *total_path, const char *word)
{
	int64_t part, total;
	bool has_total = ff_json_int(cell->scope, total_path, &total);
	if (!ff_json_int(cell->scope, free_path, &part))
		return has_total && (ff_value_size(total, cell->out), true);
	ff_value_size(part, cell->out);
	ff_buf_str(cell->out, word);
	if (!has_total)
		return true;
	ff_buf_str(cell->out, " of ");
	ff_value_size(total, cell->out);
	return true;
}

static bool write_memory(struct ff_cell *cell)
{
	return size_of(cell, "system.memory.available", "system.memory.total", " available");
}

static bool write_shm(struct ff_cell *cell)
{
	int64_t size;
	// docker's default of 64 MB; NCCL and data loaders want more. A hint, the rules judge.
	if (ff_json_int(cell->doc, "system.shm.size", &size) && size < LOW_SHM)
		cell->mark = FF_MARK_WARN;
	return size_of(cell, "system.shm.free", "system.shm.size", " free");
}

static bool write_oom_kills(struct ff_cell *cell)
{
	if (!json_is_integer(cell->value) || !json_integer_value(cell->value))
		return false;
	cell->mark = FF_MARK_WARN;
	ff_buf_printf(cell->out, "%lld processes, by the memory limit", (long long)json_integer_value(cell->value));
	return true;
}

static bool write_platform(struct ff_cell *cell)
{
	const char *kernel = ff_json_text(cell->doc, "system.kernel"), *arch = ff_json_text(cell->doc, "system.arch");
	if (!kernel)
		return false;
	ff_buf_printf(cell->out, "Linux-%s", kernel);
	// platform.platform() ends in the machine as well; the kernel's own name may hold it already
	if (arch && !ff_ends(kernel, arch))
		ff_buf_printf(cell->out, "-%s", arch);
	return true;
}

static bool write_cores(struct ff_cell *cell)
{
	int64_t cores, usable;
	if (!ff_json_int(cell->doc, "system.cpu.cores", &cores))
		return false;
	ff_buf_printf(cell->out, "%lld", (long long)cores);
	if (ff_json_int(cell->doc, "system.cpu.cores_usable", &usable) && usable != cores)
		ff_buf_printf(cell->out, " (%lld usable)", (long long)usable);
	return true;
}

static bool write_os(struct ff_cell *cell)
{
	const char *name = ff_json_text(cell->value, "name"), *id = ff_json_text(cell->value, "id");
	const char *version = ff_json_text(cell->value, "version");
	if (!name && !id)
		return false;
	ff_buf_str(cell->out, name ? name : id);
	if (!name && version)
		ff_buf_printf(cell->out, " %s", version);
	return true;
}

// {"name": "glibc", "version": "2.35"} -> "glibc 2.35"
static bool write_libc(struct ff_cell *cell)
{
	const char *name = ff_json_text(cell->value, "name"), *version = ff_json_text(cell->value, "version");
	if (!version)
		return false;
	ff_buf_printf(cell->out, "%s %s", name ? name : "", version);
	return true;
}

static bool write_libstdcxx(struct ff_cell *cell)
{
	const char *path = ff_json_text(cell->value, "path"), *glibcxx = ff_json_text(cell->value, "glibcxx");
	if (!glibcxx)
		return false;
	ff_buf_printf(cell->out, "GLIBCXX_%s%s%s%s", glibcxx, path ? " (" : "", path ? path : "", path ? ")" : "");
	return true;
}

// "nofile 1048576, memlock 8388608": the soft limits that are limits.
static bool write_limits(struct ff_cell *cell)
{
	const char *name;
	json_t *value;
	size_t shown = 0;
	json_object_foreach ((json_t *)cell->value, name, value) {
		if (!json_is_integer(value) || (ff_ends(name, "_hard") && !cell->verbose))
			continue;
		ff_buf_printf(cell->out, "%s%s %lld", shown++ ? ", " : "", name, (long long)json_integer_value(value));
	}
	return shown > 0;
}

static const char *mount_of(const json_t *disk)
{
	const char *mount = ff_json_text(disk, "mount");
	return mount ? mount : ff_json_text(disk, "path");
}

// True when an entry before stands for the same file system.
static bool is_shown(const json_t *disks, size_t index)
{
	const char *mount = mount_of(json_array_get(disks, index));
	for (size_t i = 0; mount && i < index; i++) {
		const char *other = mount_of(json_array_get(disks, i));
		if (other && strcmp(other, mount) == 0)
			return true;
	}
	return false;
}

static void list_uses(const json_t *disks, size_t index, struct ff_buf *out)
{
	const char *mount = mount_of(json_array_get(disks, index));
	for (size_t i = index, n = 0; i < json_array_size(disks); i++) {
		const char *other = mount_of(json_array_get(disks, i));
		const json_t *use = json_object_get(json_array_get(disks, i), "for");
		if (!use || !other || strcmp(other, mount) != 0)
			continue;
		ff_buf_str(out, n++ ? ", " : ", for ");
		ff_value_text(use, out);
	}
}

// One line a file system, with everything that lies on it.
static void show_disk(struct ff_report *r, const json_t *disks, size_t index)
{
	const json_t *disk = json_array_get(disks, index);
	const char *mount = mount_of(disk), *type = ff_json_text(disk, "type");
	bool read_only = json_is_true(json_object_get(disk, "read_only"));
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_cell cell = {.doc = r->doc, .scope = disk, .out = &text};
	if (!mount || is_shown(disks, index) || !size_of(&cell, "free", "total", " free"))
		return;
	if (type)
		ff_buf_printf(&text, ", %s", type);
	ff_buf_str(&text, read_only ? ", read-only" : "");
	list_uses(disks, index, &text);
	r->page->out.failed |= text.failed;
	if (text.p)
		ff_page_say(r->page, read_only ? FF_MARK_WARN : FF_MARK_MEMORY, "Disk", "%s: %s", mount, text.p);
}

void ff_report_system(struct ff_report *r)
{
	static const struct ff_report_line lines[] = {
		{FF_MARK_PYTHON, "Python version", "python.version", NULL, ""},
		{FF_MARK_PYTHON, "Python executable", "python.executable", NULL, NULL},
		{FF_MARK_PYTHON, "Python environment", "python.kind", NULL, NULL, true},
		{FF_MARK_MACHINE, "Platform", NULL, write_platform, NULL},
		{FF_MARK_MACHINE, "Machine", "system.arch", NULL, NULL, true},
		{FF_MARK_MACHINE, "Processor", "system.cpu.model", NULL, NULL, true},
		{FF_MARK_MACHINE, "Cores", NULL, write_cores, NULL, true},
		{FF_MARK_MACHINE, "Operating system", "system.os", write_os, NULL, true},
		{FF_MARK_MACHINE, "C library", "system.libc", write_libc, NULL, true},
		{FF_MARK_MACHINE, "C++ library", "system.libstdcxx", write_libstdcxx, NULL, true},
		{FF_MARK_PACKAGE, "Container", "system.container.runtime", NULL, NULL},
		{FF_MARK_PACKAGE, "Orchestrator", "system.container.orchestrator", NULL, NULL, true},
		{FF_MARK_PACKAGE, "Cloud platform", "system.container.platform", NULL, NULL, true},
		{FF_MARK_MEMORY, "Memory", NULL, write_memory, NULL},
		{FF_MARK_MEMORY, "Memory limit", "system.memory.limit", ff_write_size, NULL},
		{FF_MARK_MEMORY, "Swap", "system.memory.swap", ff_write_size, NULL, true},
		{FF_MARK_WARN, "Killed for memory", "system.memory.oom_kill", write_oom_kills, NULL},
		{FF_MARK_MEMORY, "Shared memory (/dev/shm)", NULL, write_shm, NULL},
		{FF_MARK_NUMBER, "Limits", "system.limits", write_limits, NULL, true},
	};
	ff_report_lines(r, r->doc, lines, sizeof(lines) / sizeof(lines[0]));
	const json_t *disks = r->page->style->brief ? NULL : ff_json_at(r->doc, "system.disks");
	for (size_t i = 0; i < json_array_size(disks); i++)
		show_disk(r, disks, i);
}

// The variables that decide most often come first and in this order.
static const char *const leading[] = {"CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH", "BNB_CUDA_VERSION",
	"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "HF_HOME", "TRANSFORMERS_CACHE", "CUDA_VISIBLE_DEVICES"};

static bool is_leading(const char *name)
{
	for (size_t i = 0; i < sizeof(leading) / sizeof(leading[0]); i++) {
		if (strcmp(leading[i], name) == 0)
			return true;
	}
	return false;
}

static void show_variable(struct ff_report *r, const char *name, const json_t *value)
{
	_cleanup_buf_ struct ff_buf text = {0};
	bool has_value = ff_value_text(value, &text) && text.n;
	r->page->out.failed |= text.failed;
	ff_page_line(r->page, FF_MARK_NONE, name,
		has_value ? (struct ff_span){text.p, text.n} : FF_SPAN("(set, but empty)"));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void show_other_variables(struct ff_report *r, const json_t *env)
{
	const char *names[MANY_VARIABLES], *name;
	json_t *value;
	size_t n = 0;
	json_object_foreach ((json_t *)env, name, value) {
		if (n < MANY_VARIABLES && !is_leading(name))
			names[n++] = name;
	}
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++)
		show_variable(r, names[i], json_object_get(env, names[i]));
}

// What is odd about the variables: malformed, ignored, deprecated; and what torch's allocator will refuse.
static void show_notes(struct ff_report *r)
{
	const json_t *notes = ff_json_at(r->doc, "env_notes"), *errors = ff_json_at(r->doc, "allocator.errors");
	const char *variable = ff_json_text(r->doc, "allocator.name");
	for (size_t i = 0; i < json_array_size(notes); i++) {
		const char *name = ff_json_text(json_array_get(notes, i), "name");
		const char *text = ff_json_text(json_array_get(notes, i), "text");
		if (name && text)
			ff_page_say(r->page, FF_MARK_WARN, name, "%s", text);
	}
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const char *key = ff_json_text(json_array_get(errors, i), "key");
		const char *text = ff_json_text(json_array_get(errors, i), "text");
		if (text)
			ff_page_say(r->page, FF_MARK_WARN, variable ? variable : "Allocator", "%s%s%s", key ? key : "",
				key ? ": " : "", text);
	}
}

void ff_report_env(struct ff_report *r)
{
	const json_t *env = json_object_get(r->doc, "env");
	for (size_t i = 0; i < sizeof(leading) / sizeof(leading[0]); i++) {
		const json_t *value = json_object_get(env, leading[i]);
		if (value)
			show_variable(r, leading[i], value);
	}
	if (!r->page->style->brief)
		show_other_variables(r, env);
	show_notes(r);
}
