// What of an NVIDIA driver lies in files: kernel module, loaded modules, device nodes, user libraries, fabric manager,
// container toolkit. Holds when the driver itself is missing, hangs or must not be asked.
//
//	{"driver": {"kernel_module": "570.86.10", "kernel_module_open": true, "modules": ["nvidia", "nvidia_uvm"],
//	            "devices": ["/dev/nvidia0", "/dev/nvidiactl"], "devices_denied": ["/dev/nvidia0"],
//	            "user_libraries": [{"name": "libcuda", "version": "570.86.10", "path": "..."}]}}
//
// How the sources lie: in a container the module is the host's and the libraries are mounted from there or belong to
// the image (then their versions differ: CUDA error 803, NVML error 18). A node's mode says nothing of the container's
// device rules.
#include "host/dl.h"
#include "parse/nvidia_text.h"
#include "probe/source.h"

#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20, DEV_MAX = 65536, NODES_MAX = 256 };

static void put_version(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *text =
		ff_source_text(ctx, "/proc/driver/nvidia/version", TEXT_MAX, "driver.kernel_module");
	struct ff_span version;
	bool open;
	if (text && ff_nvrm_version(ff_span_of(text), &version, &open)) {
		ff_fact(ctx, "driver.kernel_module", ff_json_string(version.p, version.n));
		ff_fact_bool(ctx, "driver.kernel_module_open", open);
		return;
	}
	_cleanup_free_ char *line = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_read_line(ctx->host, "/sys/module/nvidia/version", &line);
	if (!err)
		ff_fact_text(ctx, "driver.kernel_module", line);
}

static void put_modules(struct ff_probe_ctx *ctx)
{
	static const char *const names[] = {"nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem",
		"nouveau", "nova_core", "amdgpu"};
	_cleanup_free_ char *text = ff_source_text(ctx, "/proc/modules", TEXT_MAX, "driver.modules");
	for (size_t i = 0; text && i < sizeof(names) / sizeof(names[0]); i++) {
		if (ff_module_listed(ff_span_of(text), names[i]))
			ff_fact_append(ctx, "driver.modules", json_string(names[i]));
	}
}

// The kernel's own list of GPUs; in a container the toolkit leaves only those that were given to it.
static void put_kernel_gpu(struct ff_probe_ctx *ctx, const char *bus_id)
{
	static const struct {
		const char *key, *field;
	} fields[] = {{"name", "Model"}, {"uuid", "GPU UUID"}, {"vbios", "Video BIOS"}, {"firmware", "GPU Firmware"}};
	char path[512];
	snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", bus_id);
	_cleanup_free_ char *text = ff_source_text(ctx, path, TEXT_MAX, "driver.kernel_gpus");
	if (!text)
		return;
	json_t *gpu = json_pack("{s:o}", "bus_id", ff_json_string(bus_id, strlen(bus_id)));
	for (size_t i = 0; gpu && i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct ff_span value = ff_nvrm_field(ff_span_of(text), fields[i].field);
		if (value.n)
			json_object_set_new(gpu, fields[i].key, ff_json_string(value.p, value.n));
	}
	uint64_t minor;
	if (gpu && ff_span_u64(ff_nvrm_field(ff_span_of(text), "Device Minor"), &minor) && minor < 65536)
		json_object_set_new(gpu, "minor", json_integer((json_int_t)minor));
	ff_fact_append(ctx, "driver.kernel_gpus", gpu);
}

static void put_kernel_gpus(struct ff_probe_ctx *ctx)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err = ff_host_list(ctx->host, "/proc/driver/nvidia/gpus", NODES_MAX, &names);
	for (size_t i = 0; !err && i < names.n; i++)
		put_kernel_gpu(ctx, names.names[i]);
}

static bool in_our_groups(gid_t gid)
{
	gid_t groups[256];
	int n = getgroups(256, groups);
	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return gid == getegid();
}

static bool may_use(const struct stat *st)
{
	if (geteuid() == 0)
		return true;
	mode_t bits = st->st_mode & 7;
	if (st->st_uid == geteuid())
		bits = st->st_mode >> 6 & 7;
	else if (in_our_groups(st->st_gid))
		bits = st->st_mode >> 3 & 7;
	return (bits & 6) == 6;
}

static void put_node(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ff_fact_append(ctx, "driver.devices", ff_json_string(path, strlen(path)));
	struct stat st;
	// Whose rights count is known for ourselves only.
	if (ff_host_is_captured(ctx->host) || ff_host_pid(ctx->host))
		return;
	_cleanup_error_ struct ff_error *err = ff_host_stat(ctx->host, path, &st);
	if (!err && !may_use(&st))
		ff_fact_append(ctx, "driver.devices_denied", ff_json_string(path, strlen(path)));
}

static void put_nodes(struct ff_probe_ctx *ctx)
{
	static const struct {
		const char *folder;
		const char *prefixes[4];
	} places[] = {
		{"/dev", {"nvidia", "kfd", "dxg", NULL}},
		{"/dev/nvidia-caps", {"nvidia", NULL}},
		{"/dev/dri", {"renderD", NULL}},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		_cleanup_names_ struct ff_names names = {0};
		_cleanup_error_ struct ff_error *err = ff_host_list(ctx->host, places[i].folder, DEV_MAX, &names);
		for (size_t k = 0, found = 0; !err && k < names.n && found < NODES_MAX; k++) {
			bool wanted = strcmp(names.names[k], "nvidia-caps") != 0;
			bool match = false;
			for (const char *const *prefix = places[i].prefixes; *prefix; prefix++)
				match |= ff_starts(names.names[k], *prefix);
			if (!wanted || !match)
				continue;
			put_node(ctx, places[i].folder, names.names[k]);
			found++;
		}
	}
}

// Two of the folders may be one, by a link.
static bool is_listed(const struct ff_probe_ctx *ctx, const char *path)
{
	size_t i;
	json_t *library;
	json_array_foreach (ff_json_at(ctx->facts, "driver.user_libraries"), i, library) {
		const char *other = ff_json_text(library, "path");
		if (other && strcmp(other, path) == 0)
			return true;
	}
	return false;
}

static void put_library(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	char path[512];
	_cleanup_free_ char *real = NULL;
	struct ff_span version;
	snprintf(path, sizeof(path), "%s/%s.so.1", folder, name);
	_cleanup_error_ struct ff_error *err = ff_host_realpath(ctx->host, path, &real);
	if (err || !ff_host_mode_is(ctx->host, real, S_IFREG) || is_listed(ctx, real))
		return;
	const char *slash = strrchr(real, '/');
	json_t *library = json_pack("{s:s, s:o}", "name", name, "path", ff_json_string(real, strlen(real)));
	if (library && ff_driver_library_version(ff_span_of(slash ? slash + 1 : real), &version)) {
		json_object_set_new(library, "version", json_stringn(version.p, version.n));
		if (!ff_json_at(ctx->facts, "driver.user_library_version"))
			ff_fact(ctx, "driver.user_library_version", json_stringn(version.p, version.n));
	}
	ff_fact_append(ctx, "driver.user_libraries", library);
}

// Where the driver's libraries are mounted, and where the image may bring its own (forward compatibility).
static void put_libraries(struct ff_probe_ctx *ctx)
{
	static const char *const names[] = {"libcuda", "libnvidia-ml"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (const char *const *folder = ff_dl_driver_folders; *folder; folder++)
			put_library(ctx, *folder, names[i]);
	}
	put_library(ctx, "/usr/local/cuda/compat", "libcuda");
}

// Needed on machines with NVSwitch only, and never inside a container, so its absence says nothing.
static void put_fabric_manager(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *pid = NULL;
	char path[64];
	uint64_t number;
	if (!ff_host_mode_is(ctx->host, "/usr/bin/nv-fabricmanager", S_IFREG))
		return;
	ff_fact_bool(ctx, "driver.fabric_manager.installed", true);
	_cleanup_error_ struct ff_error *err =
		ff_host_read_line(ctx->host, "/run/nvidia-fabricmanager/nv-fabricmanager.pid", &pid);
	bool running = !err && ff_span_u64(ff_span_trim(ff_span_of(pid)), &number);
	if (running) {
		snprintf(path, sizeof(path), "/proc/%ju", (uintmax_t)number);
		running = ff_host_mode_is(ctx->host, path, S_IFDIR);
	}
	ff_fact_bool(ctx, "driver.fabric_manager.running", running);
}

static void put_toolkit(struct ff_probe_ctx *ctx)
{
	static const char *const config = "/etc/nvidia-container-runtime/config.toml";
	static const char *const specs[] = {"/etc/cdi/nvidia.yaml", "/var/run/cdi/nvidia.yaml"};
	_cleanup_free_ char *text = ff_source_text(ctx, config, TEXT_MAX, "driver.container_toolkit");
	if (text) {
		ff_fact_text(ctx, "driver.container_toolkit.config", config);
		struct ff_span cgroups = ff_toml_setting(ff_span_of(text), "no-cgroups");
		struct ff_span mode = ff_toml_setting(ff_span_of(text), "mode");
		if (cgroups.n)
			ff_fact_bool(ctx, "driver.container_toolkit.no_cgroups", ff_span_eq(cgroups, "true"));
		if (mode.n)
			ff_fact(ctx, "driver.container_toolkit.mode", ff_json_string(mode.p, mode.n));
	}
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		if (ff_host_mode_is(ctx->host, specs[i], S_IFREG))
			ff_fact_append(ctx, "driver.container_toolkit.cdi", json_string(specs[i]));
	}
	if (ff_host_mode_is(ctx->host, "/usr/bin/nvidia-container-runtime", S_IFREG))
		ff_fact_bool(ctx, "driver.container_toolkit.installed", true);
	_cleanup_free_ char *docker =
		ff_source_text(ctx, "/etc/docker/daemon.json", TEXT_MAX, "driver.container_toolkit");
	_cleanup_json_ json_t *daemon = NULL;
	if (!docker)
		return;
	struct ff_error *err = ff_json_parse("/etc/docker/daemon.json", docker, strlen(docker), &daemon);
	if (err)
		ff_miss(ctx, "driver.container_toolkit.docker_runtime", err);
	else
		ff_fact_bool(
			ctx, "driver.container_toolkit.docker_runtime", ff_json_at(daemon, "runtimes.nvidia") != NULL);
}

void ff_probe_driver_files(struct ff_probe_ctx *ctx)
{
	put_version(ctx);
	put_modules(ctx);
	put_kernel_gpus(ctx);
	put_nodes(ctx);
	put_libraries(ctx);
	put_fabric_manager(ctx);
	put_toolkit(ctx);
}
