// Finds and makes the state folder. A folder that somebody else can write to would let him put documents and databases
// there that we, who may be root, then read: base/safedir.h says which folders will do.
#include "base/statedir.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/safedir.h"
#include "base/str.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/statfs.h>

enum { VERSION = 1 }; // of the folder's layout, in its file `version`
enum { MIB_LEAST = 16, MIB_DEFAULT = 512, MIB_MOST = 1 << 20 };

// A relative XDG_STATE_HOME is to be ignored (XDG Base Directory Specification).
static const char *absolute_env(const char *name)
{
	const char *value = getenv(name);
	return value && value[0] == '/' ? value : NULL;
}

static struct ff_error *default_path(struct ff_buf *out)
{
	const char *state = absolute_env("XDG_STATE_HOME"), *home = absolute_env("HOME");
	if (geteuid() == 0)
		ff_buf_str(out, "/var/lib/firstfix");
	else if (state)
		ff_buf_printf(out, "%s/firstfix", state);
	else if (home)
		ff_buf_printf(out, "%s/.local/state/firstfix", home);
	else
		return ff_error_create(
			FF_EABSENT, "no state folder: neither FIRSTFIX_DIR nor XDG_STATE_HOME nor HOME is set");
	return NULL;
}

struct ff_error *ff_statedir_path(const char *given, char **ret)
{
	_cleanup_buf_ struct ff_buf out = {0};
	const char *from = given && *given ? given : getenv("FIRSTFIX_DIR");
	if (from && *from) {
		if (from[0] != '/') {
			_cleanup_free_ char *cwd = getcwd(NULL, 0);
			if (!cwd)
				return ff_error_os(errno, "current folder");
			ff_buf_printf(&out, "%s/", cwd);
		}
		ff_buf_str(&out, from);
	} else {
		struct ff_error *err = default_path(&out);
		if (err)
			return err;
	}
	return ff_buf_finish(&out, ret);
}

static struct ff_error *check_version(const char *path)
{
	_cleanup_buf_ struct ff_buf name = {0}, text = {0};
	ff_buf_printf(&name, "%s/version", path);
	if (name.failed)
		return &ff_enomem;
	_cleanup_close_ int fd = open(name.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		_cleanup_close_ int made = open(name.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		// Two that start at once: the second finds the file of the first. A full disk says so when a lane is
		// made.
		if (made < 0 && errno != EEXIST && errno != ENOSPC)
			return ff_error_os(errno, "cannot write to %s", path);
		if (made >= 0)
			ff_error_destroy(ff_write_all(made, name.p, "1\n", 2));
		return NULL;
	}
	if (fd < 0)
		return ff_error_os(errno, "%s", name.p);
	struct ff_error *err = ff_read_all(fd, name.p, 64, &text);
	if (err)
		return err;
	uint64_t version;
	struct ff_span span = ff_span_trim((struct ff_span){text.p, text.n});
	if (span.n && (!ff_span_u64(span, &version) || version > VERSION))
		return ff_error_create(FF_EFORMAT,
			"%s was made by another version of firstfix (its layout is %.*s, ours %d)", path, (int)span.n,
			span.p, VERSION);
	return NULL;
}

struct ff_error *ff_statedir_make(const char *given, const char *sub, char **ret)
{
	_cleanup_free_ char *path = NULL, *real = NULL, *below = NULL;
	struct ff_error *err = ff_statedir_path(given, &path);
	if (!err)
		err = ff_safedir_open(path, &real);
	if (!err)
		err = check_version(real);
	if (!err && sub)
		err = asprintf(&below, "%s/%s", real, sub) < 0 ? &ff_enomem : ff_safedir_open(below, ret);
	if (!err && !sub)
		*ret = ff_take(&real);
	return err;
}

uint64_t ff_statedir_max_bytes(void)
{
	const char *text = getenv("FIRSTFIX_MAX_MIB");
	uint64_t mib = 0;
	if (!text || !ff_span_u64(ff_span_of(text), &mib) || mib < MIB_LEAST || mib > MIB_MOST)
		mib = MIB_DEFAULT;
	return mib << 20;
}

bool ff_statedir_is_network(const char *path)
{
	// 9p and FUSE are not here: gVisor and rootless containers show local disks as these. SMB2, CIFS and Ceph by
	// number: old headers lack their names.
	static const uint32_t network[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xfe534d42, 0xff534d42, AFS_SUPER_MAGIC, 0x00c36400};
	struct statfs fs;
	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(network) / sizeof(*network); i++)
		if ((uint32_t)fs.f_type == network[i])
			return true;
	return false;
}

struct ff_error *ff_statedir_check(const char *given)
{
	if (!given || access(given, F_OK) == 0)
		return NULL;
	return ff_error_create(FF_EABSENT,
		"%s: no such folder: --dir wants the state folder that 'firstfix run' made ($FIRSTFIX_DIR of the "
		"worker)",
		given);
}
