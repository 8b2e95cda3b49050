// Reads mountinfo (proc(5)): optional fields end at a lone "-". Mount points hold octal escapes for blank, tab, newline
// and backslash. Mounts may be stacked on one point: the last one is what a process sees.
//
//	36 35 98:0 /mnt1 /runpod-volume rw,noatime master:1 - ext4 /dev/root rw,errors=continue
#include "parse/mountinfo.h"

static bool decode(struct ff_span s, char ret[FF_MOUNT_PATH])
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\\' && s.n - i > 3 && s.p[i + 1] >= '0' && s.p[i + 1] <= '3' && s.p[i + 2] >= '0' &&
			s.p[i + 2] <= '7' && s.p[i + 3] >= '0' && s.p[i + 3] <= '7') {
			c = (char)((s.p[i + 1] - '0') << 6 | (s.p[i + 2] - '0') << 3 | (s.p[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= FF_MOUNT_PATH || !c)
			return false;
		ret[n++] = c;
	}
	ret[n] = 0;
	return n > 0;
}

static bool parse_line(struct ff_span line, struct ff_mount *ret)
{
	struct ff_span word;
	for (unsigned field = 1; field <= 6; field++) {
		if (!ff_span_next(&line, ' ', &word))
			return false;
		if ((field == 4 && !decode(word, ret->root)) || (field == 5 && !decode(word, ret->point)))
			return false;
		if (field == 6)
			ret->options = word;
	}
	do {
		if (!ff_span_next(&line, ' ', &word))
			return false;
	} while (!ff_span_eq(word, "-"));
	ret->super_options = (struct ff_span){NULL, 0};
	if (!ff_span_next(&line, ' ', &ret->type) || !ff_span_next(&line, ' ', &ret->source))
		return false;
	ff_span_next(&line, ' ', &ret->super_options);
	return true;
}

bool ff_mount_next(struct ff_span *rest, struct ff_mount *ret)
{
	for (struct ff_span line; ff_span_next(rest, '\n', &line);) {
		if (parse_line(line, ret))
			return true;
	}
	return false;
}

static bool lies_under(const char *path, const char *point)
{
	size_t n = strlen(point);
	if (strcmp(point, "/") == 0)
		return path[0] == '/';
	return strncmp(path, point, n) == 0 && (path[n] == '/' || path[n] == 0);
}

bool ff_mount_of(struct ff_span text, const char *path, struct ff_mount *ret)
{
	struct ff_span rest = text, best = {0};
	struct ff_mount mount;
	size_t longest = 0;
	for (struct ff_span from = rest; ff_mount_next(&rest, &mount); from = rest) {
		size_t n = strlen(mount.point);
		if (!lies_under(path, mount.point) || n < longest)
			continue;
		longest = n;
		best = from;
	}
	return longest && ff_mount_next(&best, ret);
}

bool ff_mount_has(struct ff_span options, const char *word)
{
	for (struct ff_span option; ff_span_next(&options, ',', &option);) {
		if (ff_span_eq(option, word))
			return true;
	}
	return false;
}

bool ff_mount_is_network(const struct ff_mount *mount)
{
	static const char *const types[] = {"9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs",
		"lustre", "moosefs", "ncpfs", "nfs", "nfs4", "smb3", "virtiofs", "weka", "wekafs"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (ff_span_eq(mount->type, types[i]))
			return true;
	}
	// fuse.overlayfs is a local layer; the other fuse.* that machines with GPUs mount (mfs, juicefs, gcsfuse, s3fs)
	// are remote.
	return ff_span_starts(mount->type, "fuse.") && !ff_span_eq(mount->type, "fuse.overlayfs") &&
		!ff_span_eq(mount->type, "fuse.fuse-overlayfs") && !ff_span_eq(mount->type, "fuse.lxcfs");
}
