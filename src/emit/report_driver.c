// Driver, GPU health, the CUDA libraries and who chose them; then what no other section shows, and what could not be read.
#include "emit/report.h"

static bool write_driver_error(struct ff_cell *cell)
{
	const char *text = ff_json_text(cell->value, "text");
	int64_t code;
	ff_buf_str(cell->out, text ? text : "not named");
	if (ff_json_int(cell->value, "code", &code))
		ff_buf_printf(cell->out, " (code %lld)", (long long)code);
	return true;
}

// Two driver versions at once: "Driver/library version mismatch" until a reboot.
static bool write_module(struct ff_cell *cell)
{
	const char *module = json_string_value(cell->value), *user = ff_json_text(cell->doc, "driver.version");
	if (!module)
		return false;
	ff_buf_str(cell->out, module);
	if (user && strcmp(user, module) != 0) {
		cell->mark = FF_MARK_FAIL;
		ff_buf_printf(cell->out, " (the user library is %s)", user);
	}
	return true;
}

static bool write_throttle(struct ff_cell *cell)
{
	if (!json_array_size(cell->value))
		return false;
	cell->mark = FF_MARK_WARN;
	return ff_value_text(cell->value, cell->out);
}

static bool write_unit(struct ff_cell *cell, const char *unit)
{
	if (!json_is_number(cell->value))
		return false;
	ff_buf_printf(cell->out, "%.15g %s", json_number_value(cell->value), unit);
	return true;
}

static bool write_celsius(struct ff_cell *cell)
{
	return write_unit(cell, "C");
}

static bool write_watt(struct ff_cell *cell)
{
	return write_unit(cell, "W");
}

static bool write_mode(struct ff_cell *cell)
{
	return cell->value && !json_is_false(cell->value) && ff_value_text(cell->value, cell->out);
}

static void show_processes(struct ff_report *r, const json_t *gpu)
{
	const json_t *processes = ff_json_at(gpu, "processes");
	for (size_t i = 0; i < json_array_size(processes); i++) {
		const json_t *p = json_array_get(processes, i);
		const char *name = ff_json_text(p, "name");
		int64_t pid = 0, used;
		_cleanup_buf_ struct ff_buf text = {0};
		if (ff_json_int(p, "used", &used)) {
			ff_buf_str(&text, " uses ");
			ff_value_size(used, &text);
		}
		ff_json_int(p, "pid", &pid);
		r->page->out.failed |= text.failed;
		ff_page_say(r->page, FF_MARK_MEMORY, "Process", "%lld %s%s", (long long)pid, name ? name : "",
			text.p ? text.p : "");
	}
}

void ff_report_driver(struct ff_report *r)
{
	static const struct ff_report_line driver[] = {
		{FF_MARK_OK, "Driver version", "driver.version", NULL, ""},
		{FF_MARK_OK, "Driver supports CUDA", "driver.cuda", NULL, NULL},
		{FF_MARK_OK, "Kernel module", "driver.kernel_module", write_module, NULL},
		{FF_MARK_NONE, "User library", "driver.user_library", NULL, NULL},
		{FF_MARK_LIST, "Device nodes", "driver.devices", NULL, NULL},
		{FF_MARK_FAIL, "Driver error", "driver.error", write_driver_error, NULL},
	};
	static const struct ff_report_line health[] = {
		{FF_MARK_NONE, "UUID", "uuid", NULL, NULL},
		{FF_MARK_NONE, "Temperature", "temperature_c", write_celsius, NULL},
		{FF_MARK_NONE, "Power", "power_w", write_watt, NULL},
		{FF_MARK_WARN, "Slowed down by", "throttle", write_throttle, NULL},
		{FF_MARK_NONE, "ECC", "ecc", NULL, NULL},
		{FF_MARK_NONE, "MIG", "mig", write_mode, NULL},
	};
	ff_report_lines(r, r->doc, driver, sizeof(driver) / sizeof(driver[0]));
	const json_t *gpus = ff_json_at(r->doc, "gpus");
	for (size_t i = 0; i < json_array_size(gpus); i++) {
		const json_t *gpu = json_array_get(gpus, i);
		const char *name = ff_json_text(gpu, "name");
		ff_page_say(r->page, FF_MARK_GPU, "GPU", "%zu %s", i, name ? name : "(name not known)");
		ff_report_lines(r, gpu, health, sizeof(health) / sizeof(health[0]));
		show_processes(r, gpu);
	}
}

static void show_library(struct ff_report *r, const json_t *library)
{
	const char *name = ff_json_text(library, "soname"), *path = ff_json_text(library, "path");
	const char *version = ff_json_text(library, "version");
	_cleanup_buf_ struct ff_buf text = {0};
	if (!name)
		name = ff_json_text(library, "name");
	if (!name)
		return;
	ff_buf_printf(&text, "%s%s%s", version ? version : "", version ? " " : "", path ? path : "not found");
	static const char *const keys[][2] = {
		{"from", ", from "}, {"chosen_by", ", loaded by "}, {"because", ", because of "}};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *value = json_object_get(library, keys[i][0]);
		if (!value || json_is_null(value))
			continue;
		ff_buf_str(&text, keys[i][1]);
		ff_value_text(value, &text);
	}
	r->page->out.failed |= text.failed;
	ff_page_line(r->page, path ? FF_MARK_PACKAGE : FF_MARK_WARN, name, (struct ff_span){text.p, text.n});
}

void ff_report_libraries(struct ff_report *r)
{
	static const struct ff_report_line toolkit[] = {
		{FF_MARK_OK, "CUDA toolkit", "cuda.toolkit.version", NULL, NULL},
		{FF_MARK_SETTING, "CUDA toolkit home", "cuda.toolkit.home", NULL, NULL},
		{FF_MARK_SETTING, "nvcc", "cuda.toolkit.nvcc", NULL, NULL},
	};
	ff_report_lines(r, r->doc, toolkit, sizeof(toolkit) / sizeof(toolkit[0]));
	const json_t *libraries = ff_json_at(r->doc, "cuda.libraries");
	size_t hidden = 0;
	for (size_t i = 0; i < json_array_size(libraries); i++) {
		const json_t *library = json_array_get(libraries, i);
		bool chosen = ff_json_at(library, "chosen_by") || !ff_json_at(library, "path");
		if (chosen || r->page->style->verbose)
			show_library(r, library);
		else
			hidden++;
	}
	if (hidden)
		ff_page_say(r->page, FF_MARK_LIST, "Also on the search paths",
			"%zu more, loaded by nothing (--verbose lists them)", hidden);
}

// Shown above, or of no use to a person.
static const char *const covered[] = {"schema", "taken_at", "took_ms", "trigger", "env", "errors", "probe_ms",
	"complete", "firstfix", "env_notes", NULL};

static bool is_covered(const char *key)
{
	for (size_t i = 0; covered[i]; i++) {
		if (strcmp(covered[i], key) == 0)
			return true;
	}
	return false;
}

enum { MAX_REST_DEPTH = 8 };

// "system.memory.total: 33672527872", one line a leaf; lists of plain values stay on one line.
static void show_leaves(struct ff_report *r, const char *path, const json_t *value, unsigned depth)
{
	const char *key;
	json_t *member;
	_cleanup_free_ char *below = NULL;
	if (!json_is_object(value) || json_object_get(value, "masked") || depth == MAX_REST_DEPTH) {
		_cleanup_buf_ struct ff_buf text = {0};
		if (ff_value_text(value, &text))
			ff_page_line(r->page, FF_MARK_NONE, path, (struct ff_span){text.p, text.n});
		r->page->out.failed |= text.failed;
		return;
	}
	json_object_foreach ((json_t *)value, key, member) {
		if (!depth && is_covered(key))
			continue;
		free(below);
		if (asprintf(&below, "%s%s%s", path, path[0] ? "." : "", key) < 0) {
			below = NULL;
			r->page->out.failed = true;
			return;
		}
		show_leaves(r, below, member, depth + 1);
	}
}

void ff_report_rest(struct ff_report *r)
{
	if (r->page->style->verbose)
		show_leaves(r, "", r->doc, 0);
}

void ff_report_misses(struct ff_report *r)
{
	const json_t *errors = json_object_get(r->doc, "errors");
	enum { FEW = 5 };
	size_t n = json_array_size(errors);
	for (size_t i = 0; i < n && (i < FEW || r->page->style->verbose); i++) {
		const json_t *miss = json_array_get(errors, i);
		const char *fact = ff_json_text(miss, "fact"), *probe = ff_json_text(miss, "probe");
		const char *kind = ff_json_text(miss, "kind"), *text = ff_json_text(miss, "text");
		bool grave = kind && (strcmp(kind, "timeout") == 0 || strcmp(kind, "crash") == 0);
		ff_page_say(r->page, grave ? FF_MARK_WARN : FF_MARK_NONE,
			fact		? fact
				: probe ? probe
					: "?",
			"%s (%s)", text ? text : "", kind ? kind : "error");
	}
	if (n > FEW && !r->page->style->verbose)
		ff_page_say(r->page, FF_MARK_NONE, "", "%zu more: --verbose lists them", n - FEW);
}
