// The driver, the health of each GPU and who uses it.
//
// Warnings are for what NVIDIA's own documents call a fault (uncorrected errors, rows that could not be remapped, links
// that are down) and for what slows a GPU down. A GPU at rest is throttled by "idle" and its PCIe link is slow: neither
// is one.
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
	static const char *const normal[] = {"idle", "applications-clocks", "display-clocks"};
	size_t shown = 0;
	for (size_t i = 0; i < json_array_size(cell->value); i++) {
		const char *reason = json_string_value(json_array_get(cell->value, i));
		bool skip = !reason;
		for (size_t k = 0; !skip && k < sizeof(normal) / sizeof(normal[0]); k++)
			skip = strcmp(reason, normal[k]) == 0;
		if (!skip)
			ff_buf_printf(cell->out, "%s%s", shown++ ? ", " : "", reason);
	}
	return shown > 0;
}

static int64_t count_at(const json_t *from, const char *path)
{
	int64_t n = 0;
	ff_json_int(from, path, &n);
	return n;
}

static bool write_ecc(struct ff_cell *cell)
{
	if (json_is_false(json_object_get(cell->value, "enabled"))) {
		ff_buf_str(cell->out, "off");
		return true;
	}
	const json_t *rows = json_object_get(cell->value, "remapped_rows");
	int64_t bad = count_at(cell->value, "uncorrected"), ever = count_at(cell->value, "uncorrected_ever");
	if (!json_object_size(cell->value))
		return false;
	ff_buf_printf(cell->out, "on, uncorrected errors: %lld now, %lld ever", (long long)bad, (long long)ever);
	if (json_is_true(json_object_get(rows, "pending")))
		ff_buf_str(cell->out, ", rows wait for a GPU reset to be remapped");
	if (json_is_true(json_object_get(rows, "failed")))
		ff_buf_str(cell->out, ", remapping failed: this GPU is to be replaced");
	if (json_is_true(json_object_get(rows, "failed")))
		cell->mark = FF_MARK_FAIL;
	else if (bad || json_is_true(json_object_get(rows, "pending")))
		cell->mark = FF_MARK_WARN;
	return true;
}

static bool write_nvlink(struct ff_cell *cell)
{
	int64_t up = count_at(cell->value, "up"), down = count_at(cell->value, "down");
	if (!up && !down)
		return false;
	if (up && down) // a PCIe card without a bridge has all its links down
		cell->mark = FF_MARK_WARN;
	ff_buf_printf(cell->out, "%lld links up, %lld down", (long long)up, (long long)down);
	return true;
}

// Without the fabric manager, CUDA on these machines says 802 "system not yet initialized".
static bool write_fabric(struct ff_cell *cell)
{
	if (!json_is_string(cell->value))
		return false;
	if (strcmp(json_string_value(cell->value), "completed") != 0)
		cell->mark = FF_MARK_WARN;
	return ff_value_text(cell->value, cell->out);
}

static bool write_pcie(struct ff_cell *cell)
{
	int64_t width = count_at(cell->value, "width"), most = count_at(cell->value, "width_max");
	int64_t generation = count_at(cell->value, "generation"), best = count_at(cell->value, "generation_max");
	if (!width)
		return false;
	ff_buf_printf(cell->out, "generation %lld x%lld", (long long)generation, (long long)width);
	if (width < most || generation < best)
		ff_buf_printf(cell->out, " (could be generation %lld x%lld)", (long long)best, (long long)most);
	if (width < most)
		cell->mark = FF_MARK_WARN;
	return true;
}

// CUDA's own answer, from a process that was thrown away afterwards.
static bool write_init(struct ff_cell *cell)
{
	int64_t code;
	const char *name = ff_json_text(cell->value, "name"), *text = ff_json_text(cell->value, "text");
	if (!ff_json_int(cell->value, "code", &code))
		return false;
	ff_buf_printf(
		cell->out, "%s (%lld)%s%s", name ? name : "", (long long)code, text ? ": " : "", text ? text : "");
	cell->mark = code ? FF_MARK_FAIL : FF_MARK_OK;
	return true;
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

static bool write_mig_devices(struct ff_cell *cell)
{
	for (size_t i = 0; i < json_array_size(cell->value); i++) {
		const json_t *device = json_array_get(cell->value, i);
		const char *uuid = ff_json_text(device, "uuid");
		ff_buf_printf(cell->out, "%s%s ", i ? ", " : "", uuid ? uuid : "?");
		ff_value_size(count_at(device, "memory.total"), cell->out);
	}
	return json_array_size(cell->value) > 0;
}

static void show_xids(struct ff_report *r)
{
	const json_t *xids = ff_json_at(r->doc, "xids");
	for (size_t i = 0; i < json_array_size(xids); i++) {
		const json_t *xid = json_array_get(xids, i);
		const char *name = ff_json_text(xid, "name"), *from = ff_json_text(xid, "from");
		_cleanup_buf_ struct ff_buf gpu = {0};
		const char *bus_id = ff_json_text(xid, "bus_id"); // all that the kernel's log says of the GPU
		const json_t *which = json_object_get(xid, "gpu");
		if (which)
			ff_value_text(which, &gpu);
		else if (bus_id)
			ff_buf_str(&gpu, bus_id);
		r->page->out.failed |= gpu.failed;
		ff_page_say(r->page, FF_MARK_WARN, "Xid", "%lld %s%s%s%s%s", (long long)count_at(xid, "number"),
			name ? name : "", gpu.p ? ", GPU " : "", gpu.p ? gpu.p : "", from ? ", from " : "",
			from ? from : "");
	}
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
		{FF_MARK_OK, "cuInit", "cuda.driver_init", write_init, NULL},
	};
	static const struct ff_report_line health[] = {
		{FF_MARK_NONE, "UUID", "uuid", NULL, NULL},
		{FF_MARK_NONE, "Temperature", "temperature_c", write_celsius, NULL},
		{FF_MARK_NONE, "Power", "power_w", write_watt, NULL},
		{FF_MARK_WARN, "Slowed down by", "throttle", write_throttle, NULL},
		{FF_MARK_FAIL, "Error", "error", write_driver_error, NULL},
		{FF_MARK_NONE, "PCIe", "pcie", write_pcie, NULL},
		{FF_MARK_NONE, "NVLink", "nvlink", write_nvlink, NULL},
		{FF_MARK_NONE, "NVLink fabric", "fabric.state", write_fabric, NULL},
		{FF_MARK_NONE, "ECC", "ecc", write_ecc, NULL},
		{FF_MARK_NONE, "MIG", "mig", write_mode, NULL},
		{FF_MARK_LIST, "MIG devices", "mig_devices", write_mig_devices, NULL},
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
	show_xids(r);
}
