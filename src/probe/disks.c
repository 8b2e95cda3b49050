// system.disks and system.shm: the file systems behind the folders that a worker fills, how full they are, of what
// type, and whether the worker may write there. A folder that does not exist yet is judged by the nearest one above
// that does. statvfs() on a dead network mount hangs for ever, so this probe has its own helper and says which path it
// is about to ask.
//
//	{"path": "/runpod-volume/hf", "for": "HF_HOME", "exists": true, "mount": "/runpod-volume", "type": "fuse.mfs", "network": true,
//	 "total": 0, "free": 0, "inodes": 0, "inodes_free": 0, "read_only": false, "writable": true}
#include "parse/mountinfo.h"
#include "probe/source.h"

enum { MOUNTS_MAX = 4 << 20, PATH_LENGTH = 4096 };

// Whose folder, and where it lies when the variable is not set: below another variable's folder or at a fixed place.
static const struct {
	const char *name, *base, *below;
} folders[] = {
	{"HF_HOME", "HOME", ".cache/huggingface"},
	{"HF_HUB_CACHE", NULL, NULL},
	{"HUGGINGFACE_HUB_CACHE", NULL, NULL},
	{"TRANSFORMERS_CACHE", NULL, NULL},
	{"HF_DATASETS_CACHE", NULL, NULL},
	{"TORCH_HOME", NULL, NULL},
	{"TRITON_CACHE_DIR", NULL, NULL},
	{"TORCHINDUCTOR_CACHE_DIR", NULL, NULL},
	{"VLLM_CACHE_ROOT", NULL, NULL},
	{"CUDA_CACHE_PATH", NULL, NULL},
	{"XDG_CACHE_HOME", "HOME", ".cache"},
	{"TMPDIR", NULL, "/tmp"},
	{"HOME", NULL, NULL},
};

// Platforms mount their shared volumes here; they count when something is mounted.
static const char *const volumes[] = {
	"/runpod-volume", "/workspace", "/opt/ml", "/mnt/models", "/models", "/data", "/scratch"};

struct disks {
	struct ff_probe_ctx *ctx;
	const char *mounts; // mountinfo, or NULL
	char *seen[32];
	size_t seen_n;
};

enum reach { WHOLE, IN_PART, REFUSED };

// Cut the path until something of it can be reached: it may not exist yet, or lie where this user may not look.
static enum reach nearest(struct ff_host *host, char *path)
{
	enum reach reach = WHOLE;
	struct stat st;
	for (;;) {
		_cleanup_error_ struct ff_error *err = ff_host_stat(host, path, &st);
		if (!err || (err->code != FF_EABSENT && err->code != FF_EDENIED))
			return reach;
		if (err->code == FF_EDENIED)
			reach = REFUSED;
		else if (reach == WHOLE)
			reach = IN_PART;
		char *slash = strrchr(path, '/');
		if (!slash || slash == path) {
			path[1] = 0;
			return reach;
		}
		*slash = 0;
	}
}

static void put_mount(json_t *disk, const struct disks *disks, const char *path)
{
	struct ff_mount mount;
	_cleanup_free_ char *real = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_realpath(disks->ctx->host, path, &real);
	if (!disks->mounts || !ff_mount_of(ff_span_of(disks->mounts), real ? real : path, &mount))
		return;
	json_object_set_new(disk, "mount", ff_json_string(mount.point, strlen(mount.point)));
	json_object_set_new(disk, "type", ff_json_string(mount.type.p, mount.type.n));
	json_object_set_new(disk, "network", json_boolean(ff_mount_is_network(&mount)));
	bool read_only = ff_mount_has(mount.options, "ro") || ff_mount_has(mount.super_options, "ro");
	json_object_set_new(disk, "read_only", json_boolean(read_only));
	if (ff_mount_has(mount.options, "noexec"))
		json_object_set_new(disk, "noexec", json_true());
}

static void put_number(json_t *into, const char *key, uint64_t value)
{
	if (value <= INT64_MAX)
		json_object_set_new(into, key, json_integer((json_int_t)value));
}

static void put_space(json_t *disk, struct ff_probe_ctx *ctx, const char *path)
{
	struct ff_space space;
	char step[64];
	snprintf(step, sizeof(step), "statfs %.48s", path);
	ff_step(ctx, step);
	struct ff_error *err = ff_host_space(ctx->host, path, &space);
	if (err) {
		ff_miss(ctx, "system.disks", err);
		return;
	}
	put_number(disk, "total", space.total);
	put_number(disk, "free", space.available);
	if (space.inodes) { // btrfs and many network file systems have no fixed number
		put_number(disk, "inodes", space.inodes);
		put_number(disk, "inodes_free", space.inodes_free);
	}
	if (space.read_only)
		json_object_set_new(disk, "read_only", json_true());
}

// Of a folder that is not there yet it is said whether it can be made.
static void put_writable(json_t *disk, struct ff_probe_ctx *ctx, const char *path)
{
	bool writable;
	_cleanup_error_ struct ff_error *err = ff_host_writable(ctx->host, path, &writable);
	if (!err)
		json_object_set_new(disk, "writable", json_boolean(writable));
}

static bool is_new(struct disks *disks, const char *name, const char *path)
{
	char key[PATH_LENGTH + 64];
	snprintf(key, sizeof(key), "%s %s", name, path);
	for (size_t i = 0; i < disks->seen_n; i++) {
		if (strcmp(disks->seen[i], key) == 0)
			return false;
	}
	if (disks->seen_n == sizeof(disks->seen) / sizeof(disks->seen[0]))
		return false;
	disks->seen[disks->seen_n] = strdup(key);
	if (!disks->seen[disks->seen_n])
		return false;
	disks->seen_n++;
	return true;
}

static void put_disk(struct disks *disks, const char *name, const char *path)
{
	char existing[PATH_LENGTH];
	size_t n = strlen(path);
	if (path[0] != '/' || n >= sizeof(existing) || !is_new(disks, name, path))
		return;
	memcpy(existing, path, n + 1);
	for (; n > 1 && existing[n - 1] == '/'; n--)
		existing[n - 1] = 0;
	enum reach reach = nearest(disks->ctx->host, existing);
	json_t *disk = json_object();
	json_object_set_new(disk, "path", ff_json_string(path, strlen(path)));
	json_object_set_new(disk, "for", json_string(name));
	json_object_set_new(disk, reach == REFUSED ? "denied" : "exists", json_boolean(reach != IN_PART));
	put_mount(disk, disks, existing);
	if (reach != REFUSED)
		put_writable(disk, disks->ctx, existing);
	put_space(disk, disks->ctx, existing);
	ff_fact_append(disks->ctx, "system.disks", disk);
}

static void put_folders(struct disks *disks)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *value = ff_host_getenv(disks->ctx->host, folders[i].name);
		const char *base = folders[i].base ? ff_host_getenv(disks->ctx->host, folders[i].base) : NULL;
		char path[PATH_LENGTH];
		if (value && *value)
			put_disk(disks, folders[i].name, value);
		else if (base && folders[i].below &&
			snprintf(path, sizeof(path), "%s/%s", base, folders[i].below) < (int)sizeof(path))
			put_disk(disks, folders[i].name, path);
		else if (!folders[i].base && folders[i].below)
			put_disk(disks, folders[i].name, folders[i].below);
	}
}

static void put_volumes(struct disks *disks)
{
	struct ff_mount mount;
	for (size_t i = 0; disks->mounts && i < sizeof(volumes) / sizeof(volumes[0]); i++) {
		if (ff_mount_of(ff_span_of(disks->mounts), volumes[i], &mount) && strcmp(mount.point, volumes[i]) == 0)
			put_disk(disks, "volume", volumes[i]);
	}
}

// Volumes that are mounted below the folder of the worker: what it writes goes there.
static void put_below(struct disks *disks, const char *folder)
{
	struct ff_span rest = ff_span_of(disks->mounts ? disks->mounts : "");
	size_t n = strlen(folder);
	for (struct ff_mount mount; n > 1 && ff_mount_next(&rest, &mount);)
		if (ff_starts(mount.point, folder) && mount.point[n] == '/')
			put_disk(disks, "below cwd", mount.point);
}

static void put_shm(struct ff_probe_ctx *ctx)
{
	struct ff_space space;
	ff_step(ctx, "statfs /dev/shm");
	struct ff_error *err = ff_host_space(ctx->host, "/dev/shm", &space);
	if (err) {
		ff_miss(ctx, "system.shm", err);
		return;
	}
	ff_fact_u64(ctx, "system.shm.size", space.total);
	ff_fact_u64(ctx, "system.shm.free", space.available);
	bool writable;
	_cleanup_error_ struct ff_error *unknown = ff_host_writable(ctx->host, "/dev/shm", &writable);
	if (!unknown)
		ff_fact_bool(ctx, "system.shm.writable", writable && !space.read_only);
}

void ff_probe_disks(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *mounts = ff_source_process(ctx, "mountinfo", MOUNTS_MAX, "system.disks");
	struct disks disks = {.ctx = ctx, .mounts = mounts};
	put_shm(ctx);
	put_folders(&disks);
	put_volumes(&disks);
	_cleanup_free_ char *cwd = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_readlink_process(ctx->host, 0, "cwd", &cwd);
	if (!err) {
		put_disk(&disks, "cwd", cwd);
		put_below(&disks, cwd);
	}
	put_disk(&disks, "root", "/");
	for (size_t i = 0; i < disks.seen_n; i++)
		free(disks.seen[i]);
}
