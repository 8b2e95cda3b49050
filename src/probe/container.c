// system.container: runtime, orchestrator, platform and cloud by the signs of rules/data/platforms.tsv, the container's
// id, the file system of "/". Signs lie: /.dockerenv is copied into images of other runtimes and RunPod's pods are
// Docker on Kubernetes' ways; so each kind is found by itself, and `signs` says which one it was.
//
//	{"runtime": "docker", "platform": "runpod", "id": "1c5f...", "root_fs": "overlay", "signs": {"runtime": "file /.dockerenv"}}
#include "base/table.h"
#include "parse/cgroup.h"
#include "parse/mountinfo.h"
#include "probe/source.h"

enum { PROC_MAX = 1 << 20, DMI_MAX = 4096 };

FF_EMBEDDED(ff_table, platforms);

struct signs {
	struct ff_probe_ctx *ctx;
	const char *cgroup; // NULL when not known
	char kernel[256];
	char dmi[512];
};

static bool env_shows(const struct signs *signs, struct ff_span pattern)
{
	char name[128];
	if (pattern.n >= sizeof(name))
		return false;
	memcpy(name, pattern.p, pattern.n);
	name[pattern.n] = 0;
	if (ff_ends(name, "*")) {
		const char *key;
		json_t *value;
		name[pattern.n - 1] = 0;
		json_object_foreach ((json_t *)ff_host_env(signs->ctx->host), key, value) {
			if (ff_starts(key, name))
				return true;
		}
		return false;
	}
	char *equals = strchr(name, '=');
	if (equals)
		*equals = 0;
	const char *value = ff_host_getenv(signs->ctx->host, name);
	return value && (!equals || strcmp(value, equals + 1) == 0);
}

static bool file_shows(const struct signs *signs, struct ff_span pattern)
{
	_cleanup_free_ char *path = ff_span_dup(pattern);
	struct stat st;
	_cleanup_error_ struct ff_error *err = path ? ff_host_stat(signs->ctx->host, path, &st) : &ff_enomem;
	return !err;
}

static bool text_shows(const char *text, struct ff_span pattern)
{
	return text && pattern.n && memmem(text, strlen(text), pattern.p, pattern.n);
}

static bool cgroup_shows(const struct signs *signs, struct ff_span pattern)
{
	return text_shows(signs->cgroup, pattern);
}

static bool kernel_shows(const struct signs *signs, struct ff_span pattern)
{
	return text_shows(signs->kernel, pattern);
}

static bool dmi_shows(const struct signs *signs, struct ff_span pattern)
{
	return text_shows(signs->dmi, pattern);
}

static bool shows(const struct signs *signs, struct ff_span by, struct ff_span pattern)
{
	static const struct {
		const char *by;
		bool (*shows)(const struct signs *signs, struct ff_span pattern);
	} ways[] = {{"env", env_shows}, {"file", file_shows}, {"cgroup", cgroup_shows}, {"kernel", kernel_shows},
		{"dmi", dmi_shows}};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ff_span_eq(by, ways[i].by))
			return ways[i].shows(signs, pattern);
	}
	return false;
}

static void read_kernel(struct signs *signs)
{
	struct utsname u;
	_cleanup_error_ struct ff_error *err = ff_host_uname(signs->ctx->host, &u);
	if (!err)
		snprintf(signs->kernel, sizeof(signs->kernel), "%s %s", u.release, u.version);
}

static void read_dmi(struct signs *signs)
{
	static const char *const files[] = {"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
		"/sys/class/dmi/id/chassis_asset_tag"};
	size_t at = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		_cleanup_free_ char *line = NULL;
		_cleanup_error_ struct ff_error *err = ff_host_read_line(signs->ctx->host, files[i], &line);
		if (err || at >= sizeof(signs->dmi))
			continue;
		at += (size_t)snprintf(signs->dmi + at, sizeof(signs->dmi) - at, "%s%s", at ? " / " : "", line);
	}
	if (at)
		ff_fact_text(signs->ctx, "system.machine", signs->dmi);
}

static void put_sign(const struct signs *signs, const struct ff_table_row *row)
{
	char path[128], sign[256];
	struct ff_span kind = row->cells[0], value = row->cells[1], by = row->cells[2], pattern = row->cells[3];
	snprintf(path, sizeof(path), "system.container.%.*s", (int)kind.n, kind.p);
	ff_fact(signs->ctx, path, ff_json_string(value.p, value.n));
	snprintf(path, sizeof(path), "system.container.signs.%.*s", (int)kind.n, kind.p);
	snprintf(sign, sizeof(sign), "%.*s %.*s", (int)by.n, by.p, (int)pattern.n, pattern.p);
	ff_fact_text(signs->ctx, path, sign);
}

static void put_table(const struct signs *signs)
{
	struct ff_table table = ff_table_of(ff_table_platforms);
	struct ff_span found = {0};
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		struct ff_span kind = row.cells[0];
		if (found.p && found.n == kind.n && memcmp(found.p, kind.p, kind.n) == 0)
			continue; // rows of one kind stand together
		if (shows(signs, row.cells[2], row.cells[3])) {
			put_sign(signs, &row);
			found = kind;
		}
	}
}

void ff_probe_container(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *cgroup = ff_source_process(ctx, "cgroup", PROC_MAX, "system.container");
	_cleanup_free_ char *mounts = ff_source_process(ctx, "mountinfo", PROC_MAX, "system.container");
	struct signs signs = {.ctx = ctx, .cgroup = cgroup};
	read_kernel(&signs);
	read_dmi(&signs);
	put_table(&signs);
	struct ff_span id;
	// In a cgroup namespace the id is only in the host's paths of bind mounts
	// (/var/lib/docker/containers/<id>/hostname).
	if ((cgroup && ff_cgroup_container_id(ff_span_of(cgroup), &id)) ||
		(mounts && ff_cgroup_container_id(ff_span_of(mounts), &id)))
		ff_fact(ctx, "system.container.id", json_stringn(id.p, id.n));
	struct ff_mount root;
	if (mounts && ff_mount_of(ff_span_of(mounts), "/", &root))
		ff_fact(ctx, "system.container.root_fs", ff_json_string(root.type.p, root.type.n));
}
