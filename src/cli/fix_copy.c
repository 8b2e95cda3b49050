// Copies a virtual environment. Files are shared with the original (reflinks, else hard links): installers replace
// files and do not write into them. What names the environment's own path is written anew: pyvenv.cfg's prompt does not
// matter, the first lines of the scripts in bin/ do.
//
//	/srv/venv/bin/pip: #!/srv/venv/bin/python   ->   /tmp/firstfix-try.x/env/bin/pip: #!/tmp/firstfix-try.x/env/bin/python
//
// How it lies: compiled caches and .pth files may hold absolute paths into the original; an editable install stays the
// original's.
#include "cli/fix_copy.h"

#include "base/io.h"
#include "base/str.h"
#include "host/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { SCRIPT_MAX = 64 << 10 };

static char *path_of(const char *folder, const char *name)
{
	char *path = NULL;
	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

// "/srv/venv/bin/python" -> "/srv/venv", when that is a virtual environment.
static char *environment_of(const char *python)
{
	_cleanup_free_ char *folder = strdup(python);
	for (int i = 0; folder && i < 2; i++) {
		char *slash = strrchr(folder, '/');
		if (!slash || slash == folder)
			return NULL;
		*slash = 0;
	}
	_cleanup_free_ char *config = folder ? path_of(folder, "pyvenv.cfg") : NULL;
	return config && access(config, R_OK) == 0 ? ff_take(&folder) : NULL;
}

static struct ff_error *run(char *const argv[], unsigned deadline_ms)
{
	struct ff_command_result r = {0};
	struct ff_error *err = ff_command_run(argv, deadline_ms, &r);
	if (!err && r.timed_out)
		err = ff_error_create(FF_ETIMEOUT, "%s: not done within %u s", argv[0], deadline_ms / 1000);
	else if (!err && r.exit_code)
		err = ff_error_create(FF_EOS, "copying the environment: %.*s",
			(int)(r.output.n < 300 ? r.output.n : 300), r.output.n ? r.output.p : "it failed");
	ff_buf_deinit(&r.output);
	return err;
}

static const char *copier(void)
{
	return access("/bin/cp", X_OK) == 0 ? "/bin/cp" : "/usr/bin/cp";
}

// Links cost no room; where the temporary folder is on another file system the files themselves are copied.
static struct ff_error *copy_tree(const char *from, const char *to, unsigned deadline_ms)
{
	char *const links[] = {(char *)copier(), (char *)"-a", (char *)"-l", (char *)from, (char *)to, NULL};
	char *const files[] = {
		(char *)copier(), (char *)"-a", (char *)"--reflink=auto", (char *)from, (char *)to, NULL};
	struct ff_error *err = run(links, deadline_ms);
	if (!err)
		return NULL;
	ff_error_destroy(err);
	char *const clean[] = {(char *)"/bin/rm", (char *)"-rf", (char *)to, NULL};
	err = run(clean, deadline_ms);
	return err ? err : run(files, deadline_ms);
}

static struct ff_error *rewrite_script(const char *path, const char *from, const char *to)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_buf_ struct ff_buf text = {0}, first = {0};
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > SCRIPT_MAX)
		return NULL;
	struct ff_error *err = ff_read_all(fd, path, SCRIPT_MAX, &text);
	ff_buf_printf(&first, "#!%s/", from);
	if (err || first.failed || text.n < first.n || memcmp(text.p, first.p, first.n) != 0)
		return err;
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	err = ff_new_file_open(path, &file); // replaces the link, so the original keeps its line
	if (!err)
		err = ff_write_all(file.fd, path, "#!", 2);
	if (!err)
		err = ff_write_all(file.fd, path, to, strlen(to));
	if (!err)
		err = ff_write_all(file.fd, path, text.p + first.n - 1, text.n - first.n + 1);
	return err ? err : ff_new_file_commit(&file, st.st_mode & 07777);
}

static struct ff_error *rewrite_scripts(const char *from, const char *to)
{
	_cleanup_free_ char *bin = path_of(to, "bin");
	_cleanup_closedir_ DIR *dir = bin ? opendir(bin) : NULL;
	struct ff_error *err = NULL;
	if (!dir)
		return bin ? ff_error_os(errno, "%s", bin) : &ff_enomem;
	for (struct dirent *entry; !err && (entry = readdir(dir));) {
		_cleanup_free_ char *path = path_of(bin, entry->d_name);
		err = path ? rewrite_script(path, from, to) : &ff_enomem;
	}
	return err;
}

static struct ff_error *make_over(const char *python, const char *to, unsigned deadline_ms)
{
	char *const argv[] = {
		(char *)python, (char *)"-m", (char *)"venv", (char *)"--system-site-packages", (char *)to, NULL};
	return run(argv, deadline_ms);
}

struct ff_error *ff_env_copy_make(const char *python, unsigned deadline_ms, struct ff_env_copy *ret)
{
	const char *tmp = getenv("TMPDIR");
	struct ff_env_copy copy = {.from = environment_of(python)};
	struct ff_error *err = NULL;
	if (asprintf(&copy.folder, "%s/firstfix-try.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
		return &ff_enomem;
	if (!mkdtemp(copy.folder)) {
		err = ff_error_os(errno, "%s", copy.folder);
		free(ff_take(&copy.folder));
		ff_env_copy_deinit(&copy);
		return err;
	}
	_cleanup_free_ char *env = path_of(copy.folder, "env");
	const char *name = strrchr(python, '/');
	if (!env || asprintf(&copy.python, "%s/bin/%s", env, name && copy.from ? name + 1 : "python3") < 0)
		err = &ff_enomem;
	else
		err = copy.from ? copy_tree(copy.from, env, deadline_ms) : make_over(python, env, deadline_ms);
	if (!err && copy.from)
		err = rewrite_scripts(copy.from, env);
	if (err)
		ff_env_copy_deinit(&copy);
	else
		*ret = copy;
	return err;
}

void ff_env_copy_deinit(struct ff_env_copy *copy)
{
	if (copy->folder) {
		char *const argv[] = {(char *)"/bin/rm", (char *)"-rf", copy->folder, NULL};
		ff_error_destroy(run(argv, 600000));
	}
	free(copy->from);
	free(copy->folder);
	free(copy->python);
	*copy = (struct ff_env_copy){0};
}
