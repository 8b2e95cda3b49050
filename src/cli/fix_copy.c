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
#include "cli/fix_dist.h"
#include "cli/interrupt.h"
#include "host/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PREFIX "firstfix-try."

enum { SCRIPT_MAX = 64 << 10, SAID_MAX = 300, NEW_SECONDS = 60 };

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

// What cp and venv say is long; why it failed is in it.
static struct ff_error *failed(const struct ff_buf *output)
{
	struct ff_span last = ff_span_last_line((struct ff_span){output->p, output->n});
	if (output->n && memmem(output->p, output->n, "No space left", strlen("No space left")))
		return ff_error_create(FF_EOS,
			"there is no room for a copy of the environment: name a folder with more of it in TMPDIR");
	return ff_error_create(FF_EOS, "copying the environment: %.*s", (int)(last.n < SAID_MAX ? last.n : SAID_MAX),
		last.n ? last.p : "");
}

static struct ff_error *run(char *const argv[], unsigned deadline_ms)
{
	struct ff_command_result r = {0};
	struct ff_error *err = ff_command_run_until(argv, deadline_ms, &ff_interrupted, &r);
	if (!err && r.timed_out)
		err = ff_error_create(FF_ETIMEOUT, "copying the environment: not done within %u s", deadline_ms / 1000);
	else if (!err && r.exit_code)
		err = failed(&r.output);
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
	if (!err || ff_interrupted)
		return err;
	ff_error_destroy(err);
	err = ff_dist_remove(to);
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

// Its pip is the one of the interpreter below.
static struct ff_error *make_over(const char *python, const char *to, unsigned deadline_ms)
{
	char *const argv[] = {(char *)python, (char *)"-m", (char *)"venv", (char *)"--system-site-packages",
		(char *)"--without-pip", (char *)to, NULL};
	return run(argv, deadline_ms);
}

// ---- where it lies ----

static bool on_one_device(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev;
}

// Below $TMPDIR, or beside the environment where only there links into it are possible.
static char *parent_of(const char *from)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *beside = from ? strdup(from) : NULL;
	char *slash = beside ? strrchr(beside, '/') : NULL;
	tmp = tmp && *tmp ? tmp : "/tmp";
	if (!slash || slash == beside || on_one_device(from, tmp))
		return strdup(tmp);
	*slash = 0;
	return on_one_device(from, beside) && access(beside, W_OK) == 0 ? ff_take(&beside) : strdup(tmp);
}

static bool is_left(int at, const char *name)
{
	struct stat st;
	return ff_starts(name, PREFIX) && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid() && st.st_ctime + NEW_SECONDS < time(NULL);
}

// Copies of calls that were killed: nobody holds their lock.
static void remove_left(const char *parent)
{
	_cleanup_closedir_ DIR *dir = opendir(parent);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		if (!is_left(dirfd(dir), e->d_name))
			continue;
		_cleanup_close_ int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		_cleanup_free_ char *path = path_of(parent, e->d_name);
		if (fd >= 0 && path && flock(fd, LOCK_EX | LOCK_NB) == 0)
			ff_error_destroy(ff_dist_remove(path));
	}
}

static struct ff_error *make_folder(struct ff_env_copy *copy)
{
	_cleanup_free_ char *parent = parent_of(copy->from);
	if (!parent)
		return &ff_enomem;
	remove_left(parent);
	if (asprintf(&copy->folder, "%s/" PREFIX "XXXXXX", parent) < 0) {
		copy->folder = NULL;
		return &ff_enomem;
	}
	if (!mkdtemp(copy->folder)) {
		struct ff_error *err = ff_error_os(errno, "%s", copy->folder);
		free(ff_take(&copy->folder));
		return err;
	}
	copy->lock = open(copy->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy->lock >= 0)
		flock(copy->lock, LOCK_EX | LOCK_NB);
	return NULL;
}

// ---- what it knows of itself ----

// The folders of packages: lib/python3.11/site-packages.
static void each_site(const char *env, void (*call)(const char *site, void *context), void *context)
{
	_cleanup_free_ char *lib = path_of(env, "lib");
	_cleanup_closedir_ DIR *dir = lib ? opendir(lib) : NULL;
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		_cleanup_free_ char *site = NULL;
		if (ff_starts(e->d_name, "python") && asprintf(&site, "%s/%s/site-packages", lib, e->d_name) >= 0)
			call(site, context);
	}
}

static void take_newest(const char *site, void *context)
{
	struct timespec *newest = context;
	struct stat st;
	if (stat(site, &st) == 0 &&
		(st.st_mtim.tv_sec > newest->tv_sec ||
			(st.st_mtim.tv_sec == newest->tv_sec && st.st_mtim.tv_nsec > newest->tv_nsec)))
		*newest = st.st_mtim;
}

static void put_mark(const char *site, void *context)
{
	static const char line[] = "import os; p = os.environ.get('FIRSTFIX_TRY'); p and open(p, 'a').close()\n";
	_cleanup_free_ char *path = path_of(site, "firstfix_try.pth");
	_cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
	(void)context;
	if (fd >= 0)
		ff_error_destroy(ff_write_all(fd, path, line, strlen(line)));
}

bool ff_env_copy_is_stale(const struct ff_env_copy *copy)
{
	struct timespec now = {0};
	if (copy->from)
		each_site(copy->from, take_newest, &now);
	return now.tv_sec != copy->changed.tv_sec || now.tv_nsec != copy->changed.tv_nsec;
}

static struct ff_error *fill(const char *python, unsigned deadline_ms, struct ff_env_copy *copy)
{
	const char *name = strrchr(python, '/');
	struct ff_error *err;
	copy->env = path_of(copy->folder, "env");
	copy->mark = path_of(copy->folder, "started");
	if (!copy->env || !copy->mark ||
		asprintf(&copy->python, "%s/bin/%s", copy->env, name && copy->from ? name + 1 : "python3") < 0)
		return &ff_enomem;
	if (copy->from) {
		each_site(copy->from, take_newest, &copy->changed);
		err = copy_tree(copy->from, copy->env, deadline_ms);
		if (!err)
			err = rewrite_scripts(copy->from, copy->env);
	} else {
		err = make_over(python, copy->env, deadline_ms);
	}
	each_site(copy->env, put_mark, NULL);
	return err;
}

struct ff_error *ff_env_copy_make(const char *python, unsigned deadline_ms, struct ff_env_copy *ret)
{
	struct ff_env_copy copy = {.from = environment_of(python), .of = strdup(python), .lock = -1};
	struct ff_error *err = copy.of ? make_folder(&copy) : &ff_enomem;
	if (!err)
		err = fill(python, deadline_ms, &copy);
	if (err)
		ff_env_copy_deinit(&copy);
	else
		*ret = copy;
	return err;
}

void ff_env_copy_deinit(struct ff_env_copy *copy)
{
	if (copy->folder) {
		ff_error_destroy(ff_dist_remove(copy->folder));
		if (copy->lock >= 0)
			close(copy->lock);
	}
	free(copy->from);
	free(copy->of);
	free(copy->folder);
	free(copy->env);
	free(copy->python);
	free(copy->mark);
	*copy = (struct ff_env_copy){.lock = -1};
}
