// Finds the worker's control groups: /proc/PID/cgroup says the path inside the hierarchy, mountinfo where it is mounted
// and which part of it. The two disagree in a container without a cgroup namespace: the path is the host's
// (/docker/1c5f...) while the mount shows just that folder as its root, so the mount's root is cut off the path. Where
// even then no such folder exists (a bind mount of something else), the mount point itself is taken.
//
//	4:memory:/docker/1c5f      41 36 0:32 /docker/1c5f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
//	0::/                       30 25 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw
#include "probe/cgroup_tree.h"

#include "parse/cgroup.h"
#include "parse/mountinfo.h"

#include <stdio.h>

enum { PROC_MAX = 1 << 20, FILE_MAX = 1 << 16 };

static bool mount_of_controller(struct ff_span mounts, const char *controller, struct ff_mount *ret)
{
	while (ff_mount_next(&mounts, ret)) {
		if (controller ? ff_span_eq(ret->type, "cgroup") && ff_mount_has(ret->super_options, controller)
			       : ff_span_eq(ret->type, "cgroup2"))
			return true;
	}
	return false;
}

// What of `path` lies below the folder that the mount shows.
static struct ff_span below(struct ff_span path, const char *root)
{
	size_t n = strlen(root);
	if (strcmp(root, "/") == 0)
		return path;
	if (ff_span_starts(path, root) && (path.n == n || path.p[n] == '/'))
		return (struct ff_span){path.p + n, path.n - n};
	return (struct ff_span){"", 0};
}

static bool place(
	struct ff_probe_ctx *ctx, const struct ff_mount *mount, struct ff_span path, struct ff_cgroup_dir *ret)
{
	size_t top = strlen(mount->point);
	struct ff_span rest = below(path, mount->root);
	while (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (top + rest.n >= sizeof(ret->path))
		return false;
	snprintf(ret->path, sizeof(ret->path), "%s%.*s", mount->point, (int)rest.n, rest.n ? rest.p : "");
	ret->top = top;
	if (rest.n && !ff_host_mode_is(ctx->host, ret->path, S_IFDIR))
		ret->path[top] = 0;
	return true;
}

bool ff_cgroup_leaf(struct ff_probe_ctx *ctx, const char *controller, struct ff_cgroup_dir *ret)
{
	_cleanup_free_ char *groups = NULL, *mounts = NULL;
	_cleanup_error_ struct ff_error *e1 = ff_host_read_process(ctx->host, 0, "cgroup", PROC_MAX, &groups, NULL);
	_cleanup_error_ struct ff_error *e2 = ff_host_read_process(ctx->host, 0, "mountinfo", PROC_MAX, &mounts, NULL);
	struct ff_mount mount;
	struct ff_span path;
	if (e1 || e2)
		return false;
	const char *const hierarchies[] = {controller, NULL};
	for (size_t i = 0; i < 2; i++) {
		struct ff_cgroup_dir dir = {.unified = !hierarchies[i]};
		if (ff_cgroup_path(ff_span_of(groups), hierarchies[i], &path) &&
			mount_of_controller(ff_span_of(mounts), hierarchies[i], &mount) &&
			place(ctx, &mount, path, &dir)) {
			*ret = dir;
			return true;
		}
	}
	return false;
}

bool ff_cgroup_up(struct ff_cgroup_dir *dir)
{
	char *slash = strrchr(dir->path, '/');
	if (!slash || (size_t)(slash - dir->path) < dir->top)
		return false;
	*slash = 0;
	return true;
}

char *ff_cgroup_file(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, const char *name)
{
	char path[FF_CGROUP_PATH + 64];
	char *text = NULL;
	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	_cleanup_error_ struct ff_error *err = ff_host_read(ctx->host, path, FILE_MAX, &text, NULL);
	return text;
}

bool ff_cgroup_number(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, const char *name, uint64_t *ret)
{
	_cleanup_free_ char *text = ff_cgroup_file(ctx, dir, name);
	return text && ff_cgroup_limit(ff_span_of(text), ret);
}
