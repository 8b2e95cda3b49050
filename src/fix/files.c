// Things to make room for, to fetch again, to put out of the way or to mount otherwise.
//
//	{"free": "port", "port": "8000"}                ->  fuser -k -TERM 8000/tcp
//	{"free": "gpu", "gpu": 0}                       ->  kill 4242   (the processes that the facts show on GPU 0)
//	{"free": "gpu", "gpu": 0, "listed": true}       ->  nvidia-smi --query-compute-apps=pid ... | xargs -r kill
//	                                                    (where no facts show any: those that the driver lists then)
//	{"fetch": true, "path": ".../models--org--name/snapshots/1f2e/model.safetensors"}
//	                                                ->  hf download org/name model.safetensors --force-download
//	{"move": "/app/tokenizers"}                     ->  mv /app/tokenizers /app/tokenizers.away
//
// Of a log only numbers and paths that are paths reach a command; who holds a GPU comes from the facts alone.
#include "fix/machine.h"

enum { PATH_LENGTH_MAX = 1024, REPO_LENGTH_MAX = 200, PIDS_MAX = 16, FIRST_USER_PORT = 1024 };

static const int64_t ROOM_MIN = INT64_C(10) << 30; // less is no room for a model

static bool is_plain_path(const char *path)
{
	if (!path || !*path || *path == '-' || strlen(path) > PATH_LENGTH_MAX)
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

static bool number_of(const json_t *intention, const char *key, int64_t *ret)
{
	const char *text = ff_json_text(intention, key);
	uint64_t n = 0;
	if (!text)
		return ff_json_int(intention, key, ret) && *ret > 0;
	if (!ff_span_u64(ff_span_of(text), &n) || !n || n > INT32_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

// ---- a port ----

static struct ff_error *free_port(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	int64_t port = 0;
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "free-port", NULL);
	if (err || !number_of(intention, "port", &port) || port > 65535)
		return err;
	if (port < FIRST_USER_PORT && port != 80 && port != 443) // sshd, the resolver: no worker's, whatever a log says
		return ff_fix_say_more(fix, "That is a port of the system's own services.");
	int n = (int)port;
	if (m->platform == FF_PLATFORM_WINDOWS)
		ff_buf_printf(&b,
			"powershell -Command \"Stop-Process -Id (Get-NetTCPConnection -LocalPort %d -State "
			"Listen).OwningProcess\"",
			n);
	else if (m->platform == FF_PLATFORM_MACOS)
		ff_buf_printf(&b, "kill $(lsof -t -i tcp:%d -s tcp:listen)", n);
	else
		ff_buf_printf(&b,
			"fuser -k -TERM %d/tcp || kill $(ss -ltnpH 'sport = :%d' | grep -o 'pid=[0-9]*' | cut -d= -f2)",
			n, n);
	err = ff_fix_side_effect(fix, "Ends the process that listens on port %d, whatever it is working on.", n);
	if (!err)
		err = ff_fix_port_effect(m, port, fix);
	return err ? err : ff_fix_command(fix, &b);
}

// ---- a GPU ----

// This process and those that it descends from are not to be ended by their own hand.
static bool is_ours(const struct ff_fix_machine *m, int64_t pid)
{
	int64_t own = 0, parent = 0;
	size_t i;
	json_t *one;
	if (ff_json_int(m->facts, "process.pid", &own) && own == pid)
		return true;
	json_array_foreach (ff_json_at(m->facts, "process.parents"), i, one) {
		if (ff_json_int(one, "pid", &parent) && parent == pid)
			return true;
	}
	return false;
}

// The pids that the facts show on the wanted GPU (-1: on any), without doubles.
static size_t holders(const struct ff_fix_machine *m, int64_t wanted, int64_t pids[static PIDS_MAX])
{
	size_t n = 0, g, i;
	json_t *gpu, *process;
	json_array_foreach (json_object_get(m->facts, "gpus"), g, gpu) {
		int64_t index = (int64_t)g, pid = 0;
		ff_json_int(gpu, "index", &index);
		if (wanted >= 0 && index != wanted)
			continue;
		json_array_foreach (json_object_get(gpu, "processes"), i, process) {
			size_t k = 0;
			if (n == PIDS_MAX || !ff_json_int(process, "pid", &pid) || pid < 2 || is_ours(m, pid))
				continue;
			while (k < n && pids[k] != pid)
				k++;
			pids[k] = pid;
			n = k == n ? n + 1 : n;
		}
	}
	return n;
}

// The user whose process the facts show it to be, -1 when they do not say.
static int64_t owner_of(const struct ff_fix_machine *m, int64_t pid)
{
	size_t g, i;
	json_t *gpu, *process;
	json_array_foreach (m->facts ? json_object_get(m->facts, "gpus") : NULL, g, gpu) {
		json_array_foreach (json_object_get(gpu, "processes"), i, process) {
			int64_t one = 0, uid = -1;
			if (ff_json_int(process, "pid", &one) && one == pid && ff_json_int(process, "uid", &uid))
				return uid;
		}
	}
	return -1;
}

// Keeps the processes that this user may end. What a container's driver lists are numbers of the host, other ones in
// here.
static struct ff_error *keep_own(const struct ff_fix_machine *m, int64_t pids[static PIDS_MAX], size_t *n, json_t *fix)
{
	int64_t own = -1;
	size_t kept = 0;
	struct ff_error *err = NULL;
	bool knows_own = m->facts && ff_json_int(m->facts, "process.uid", &own);
	for (size_t i = 0; i < *n && !err; i++) {
		int64_t owner = owner_of(m, pids[i]);
		_cleanup_buf_ struct ff_buf say = {0};
		if (knows_own && owner >= 0 && owner != own)
			ff_buf_printf(&say, "Process %d belongs to the user with the number %d: ask them to end it.",
				(int)pids[i], (int)owner);
		else if (owner < 0 && m->facts && m->runtime > FF_RUNTIME_SHELL)
			ff_buf_printf(&say, "%d is its number on the host: end it there.", (int)pids[i]);
		else
			pids[kept++] = pids[i];
		err = say.failed ? &ff_enomem : say.n ? ff_fix_say_more(fix, say.p) : NULL;
	}
	*n = kept;
	return err;
}

// Who holds the GPU is not known here, and the driver of that machine lists it. Without root a user ends only what is
// theirs.
static struct ff_error *free_listed(const struct ff_fix_machine *m, int64_t gpu, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	bool reached = m->runtime != FF_RUNTIME_KUBERNETES && m->runtime < FF_RUNTIME_APPTAINER;
	if (m->platform == FF_PLATFORM_WINDOWS || !reached)
		return NULL;
	ff_buf_str(&b, "nvidia-smi");
	if (gpu >= 0)
		ff_buf_printf(&b, " -i %d", (int)gpu);
	ff_buf_str(&b, " --query-compute-apps=pid --format=csv,noheader | xargs -r kill");
	struct ff_error *err = ff_fix_side_effect(fix,
		"Ends every process of this user that computes on %s, whatever it is "
		"working on.",
		gpu >= 0 ? "that GPU" : "a GPU of this host");
	if (!err && m->runtime > FF_RUNTIME_SHELL)
		err = ff_fix_say_more(fix, "Run it on the host, not in the container.");
	return err ? err : ff_fix_command(fix, &b);
}

static struct ff_error *free_gpu(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	int64_t pids[PIDS_MAX], pid = 0, gpu = -1;
	size_t n = 0;
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "free-gpu", NULL);
	ff_json_int(intention, "gpu", &gpu);
	if (number_of(intention, "pid", &pid) && pid > 1)
		pids[n++] = pid;
	else if (m->facts)
		n = holders(m, gpu, pids);
	if (!err && !n && json_is_true(json_object_get(intention, "listed")) &&
		!(m->facts && ff_json_at(m->facts, "gpus.0")))
		return free_listed(m, gpu, fix);
	if (!err && n)
		err = ff_fix_open(fix, "whoever may end those processes must do it");
	if (!err)
		err = keep_own(m, pids, &n, fix);
	if (err || !n)
		return err; // a container does not see the processes of others: the sentence says who must end them
	ff_buf_str(&b, m->platform == FF_PLATFORM_WINDOWS ? "taskkill /F" : "kill");
	for (size_t i = 0; i < n; i++)
		ff_buf_printf(&b, m->platform == FF_PLATFORM_WINDOWS ? " /PID %d" : " %d", (int)pids[i]);
	err = ff_fix_processes_effect(m, pids, n, fix);
	if (err)
		return err;
	err = ff_fix_side_effect(fix,
		n == 1 ? "Ends that process, whatever it is working on."
		       : "Ends those processes, whatever they are working on.");
	return err ? err : ff_fix_command(fix, &b);
}

// ---- a disk ----

// The bytes that can be written there: none where no inode is left (a count of 0 is a file system without one).
static bool room_of(const json_t *disk, int64_t *ret)
{
	int64_t all, left;
	if (!ff_json_int(disk, "free", ret))
		return false;
	if (ff_json_int(disk, "inodes", &all) && all > 0 && ff_json_int(disk, "inodes_free", &left) && left == 0)
		*ret = 0;
	return true;
}

// The writable disk that has the most room, if it is much more than where the variable points to now.
static const char *disk_with_room(const struct ff_fix_machine *m, const char *variable)
{
	const json_t *best = NULL, *now = NULL;
	int64_t most = 0, free = 0, here = 0;
	size_t i;
	json_t *disk;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "system.disks") : NULL, i, disk) {
		const char *of = ff_json_text(disk, "for"), *type = ff_json_text(disk, "type"),
			   *path = ff_json_text(disk, "path");
		if (!path || *path != '/' || !room_of(disk, &free))
			continue;
		if (of && strcmp(of, variable) == 0) {
			now = disk;
			here = free;
		}
		bool memory = type && (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0);
		if (json_is_true(json_object_get(disk, "writable")) && !memory && path[1] && (!best || free > most)) {
			best = disk;
			most = free;
		}
	}
	const char *mount = best ? ff_json_text(best, "mount") : NULL, *full = now ? ff_json_text(now, "mount") : NULL;
	if (!best || most < ROOM_MIN || here > most / 4 || (mount && full && strcmp(mount, full) == 0))
		return NULL;
	return ff_json_text(best, "path");
}

// Where the variable points to now.
static const char *mount_of(const struct ff_fix_machine *m, const char *variable)
{
	size_t i;
	json_t *disk;
	json_array_foreach (ff_json_at(m->facts, "system.disks"), i, disk) {
		const char *of = ff_json_text(disk, "for");
		if (of && strcmp(of, variable) == 0)
			return ff_json_text(disk, "mount");
	}
	return NULL;
}

// The disks as they matter once the variable points elsewhere: a volume below the working folder was that variable's
// too.
static json_t *other_disks(const struct ff_fix_machine *m, const char *variable)
{
	json_t *disks = json_array(), *disk;
	const char *left = mount_of(m, variable);
	size_t i;
	json_array_foreach (ff_json_at(m->facts, "system.disks"), i, disk) {
		const char *of = ff_json_text(disk, "for"), *mount = ff_json_text(disk, "mount");
		bool its = of && strcmp(of, variable) == 0;
		bool below = of && strcmp(of, "below cwd") == 0 && mount && left && strcmp(mount, left) == 0;
		if (disks && !its && !below)
			json_array_append(disks, disk);
	}
	return disks;
}

// A cache moves to the disk that has room. tempfile makes no folder, so its own is taken as it is.
static struct ff_error *use_disk(const struct ff_fix_machine *m, const char *variable, const char *room, json_t *fix)
{
	_cleanup_buf_ struct ff_buf path = {0};
	bool huggingface = strcmp(variable, "HF_HOME") == 0;
	ff_buf_str(&path, room);
	if (huggingface && !ff_span_ends(ff_span_of(room), "/huggingface"))
		ff_buf_str(&path, "/huggingface");
	if (path.failed)
		return &ff_enomem;
	_cleanup_json_ json_t *set = json_pack("{s:{s:s}}", "set", variable, path.p);
	struct ff_error *err = set ? ff_fix_set(m, set, fix) : &ff_enomem;
	return err ? err : ff_fix_effect(fix, "facts", "system.disks", other_disks(m, variable));
}

// Images and containers are their engine's to remove; whoever rents a pod or sends a job reaches none.
static bool prune(const struct ff_fix_machine *m, struct ff_buf *ret)
{
	static const char *const commands[FF_RUNTIME_COUNT] = {
		[FF_RUNTIME_UNKNOWN] = "docker system prune -f",
		[FF_RUNTIME_SHELL] = "docker system prune -f",
		[FF_RUNTIME_DOCKER] = "docker system prune -f",
		[FF_RUNTIME_COMPOSE] = "docker system prune -f",
		[FF_RUNTIME_PODMAN] = "podman system prune -f",
		[FF_RUNTIME_KUBERNETES] = "sudo crictl rmi --prune",
	};
	ff_buf_str(ret, commands[m->runtime] ? commands[m->runtime] : "");
	return commands[m->runtime] != NULL;
}

// What is a cache by its place, and who empties it.
static struct ff_error *free_disk(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *path = ff_json_text(intention, "path"), *variable = ff_json_text(intention, "variable");
	const char *room = variable ? disk_with_room(m, variable) : NULL;
	if (room)
		return use_disk(m, variable, room, fix);
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "disk", NULL);
	if (!err)
		err = ff_fix_open(fix, "how much can go from there, only whoever fills it knows");
	if (err || !path)
		return err;
	if (ff_starts(path, "/var/lib/docker") || ff_starts(path, "/var/lib/containerd")) {
		if (!prune(m, &b))
			return NULL;
		err = ff_fix_side_effect(fix, "%s",
			m->runtime == FF_RUNTIME_KUBERNETES
				? "Removes the images of this node that no container uses; run it on the node."
				: "Removes stopped containers, unused networks and untagged images.");
	} else if (strstr(path, "/.cache/pip") || strstr(path, "/pip-")) {
		ff_shell_word(&b, m->python ? m->python : "python");
		ff_buf_str(&b, " -m pip cache purge");
	} else {
		return NULL;
	}
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_free(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	static const struct {
		const char *what;
		ff_fix_family *write;
	} things[] = {{"port", free_port}, {"gpu", free_gpu}, {"disk", free_disk}};
	const char *what = ff_json_text(intention, "free");
	for (size_t i = 0; what && i < sizeof(things) / sizeof(*things); i++)
		if (strcmp(things[i].what, what) == 0)
			return things[i].write(m, intention, fix);
	return ff_error_create(FF_EUSAGE, "'free' must be gpu, port or disk");
}

// ---- a file ----

static bool is_repo(const char *repo)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
	const char *slash = repo ? strchr(repo, '/') : NULL;
	return slash && slash > repo && slash[1] && !strchr(slash + 1, '/') && *repo != '-' && *repo != '.' &&
		strlen(repo) < REPO_LENGTH_MAX && strspn(repo, plain) == strlen(repo);
}

// ".../hub/models--org--name/snapshots/1f2e/sub/model.safetensors" is sub/model.safetensors of org/name; *ret_file
// points into path.
static bool repo_of_cache(const char *path, struct ff_buf *ret_repo, const char **ret_file)
{
	const char *at = path ? strstr(path, "/models--") : NULL;
	const char *end = at ? strchr(at + 9, '/') : NULL;
	if (!end)
		return false;
	for (const char *p = at + 9; p < end; p++) {
		bool two = p + 1 < end && p[0] == '-' && p[1] == '-' &&
			!(ret_repo->n && memchr(ret_repo->p, '/', ret_repo->n));
		ff_buf_char(ret_repo, two ? '/' : *p);
		p += two;
	}
	*ret_file = NULL;
	if (ff_starts(end, "/snapshots/")) {
		const char *file = strchr(end + 11, '/');
		*ret_file = file && file[1] ? file + 1 : NULL;
	}
	return !ret_repo->failed && is_repo(ret_repo->p);
}

static void download(const struct ff_fix_machine *m, const char *repo, const char *file, const char *only,
	const char *folder, struct ff_buf *ret)
{
	ff_buf_printf(ret, "%s download %s", ff_machine_has_hf(m) ? "hf" : "huggingface-cli", repo);
	if (only) {
		ff_buf_str(ret, " --include ");
		ff_shell_word(ret, only);
	} else if (file) {
		ff_buf_char(ret, ' ');
		ff_shell_word(ret, file);
	}
	ff_buf_str(ret, only ? "" : " --force-download");
	if (folder) {
		ff_buf_str(ret, " --local-dir ");
		ff_shell_word(ret, folder);
	}
}

// A git-lfs pointer lies in a clone: git has the real file.
static void pull_lfs(const char *path, const char *name, struct ff_buf *ret)
{
	_cleanup_buf_ struct ff_buf folder = {0};
	ff_buf_add(&folder, path, name > path ? (size_t)(name - path - 1) : 0);
	ff_buf_str(ret, "git");
	if (folder.n) {
		ff_buf_str(ret, " -C ");
		ff_shell_word(ret, folder.p);
	}
	ff_buf_str(ret, " lfs pull --include ");
	ff_shell_word(ret, name);
}

// What may have been written by hand is not removed.
static struct ff_error *put_away(const struct ff_fix_machine *m, const char *path, json_t *fix)
{
	struct ff_error *err = ff_fix_side_effect(
		fix, "Keeps the damaged file beside its place; a whole one has to be copied or downloaded there.");
	_cleanup_json_ json_t *move = json_pack("{s:s}", "move", path);
	return err ? err : !move ? &ff_enomem : ff_fix_move(m, move, fix);
}

// A damaged file: where its repository is known, that very file is downloaded again; else it is taken away, and whoever
// made it must bring it again.
struct ff_error *ff_fix_fetch(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *path = ff_json_text(intention, "path"), *repo = ff_json_text(intention, "repo"), *file = NULL;
	_cleanup_buf_ struct ff_buf b = {0}, of_cache = {0}, folder = {0};
	struct ff_error *err = ff_fix_kind(fix, "param", "force_download");
	if (err)
		return err;
	bool plain = is_plain_path(path);
	const char *slash = plain ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
	if (plain && repo_of_cache(path, &of_cache, &file)) {
		download(m, of_cache.p, file, NULL, NULL, &b);
	} else if (plain && *name && json_is_true(json_object_get(intention, "lfs"))) {
		pull_lfs(path, name, &b);
	} else if (is_repo(repo)) {
		if (slash && slash > path)
			ff_buf_add(&folder, path, (size_t)(slash - path));
		download(m, repo, plain && *name ? name : NULL, ff_json_text(intention, "only"),
			folder.n ? folder.p : NULL, &b);
	} else if (plain && ff_ends(path, ".json")) {
		return put_away(m, path, fix);
	} else if (plain && *name) {
		ff_buf_str(&b, m->platform == FF_PLATFORM_WINDOWS ? "del " : "rm -f ");
		if (!ff_path_word(m, &b, path))
			return NULL;
		err = ff_fix_side_effect(fix,
			"Removes the damaged file; a model that lies in a folder of its own has to be "
			"copied or downloaded into it again.");
	}
	bool brought = b.n && !ff_starts(b.p, "rm ") && !ff_starts(b.p, "del ");
	if (!err && brought)
		err = ff_fix_fetch_effect(m, path, ff_json_text(intention, "only"), fix);
	else if (!err)
		err = ff_fix_open(fix, "a whole copy has to be brought by who has one");
	return err || !b.n ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_move(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *path = ff_json_text(intention, "move"), *to = ff_json_text(intention, "to");
	_cleanup_buf_ struct ff_buf b = {0}, away = {0};
	struct ff_error *err = ff_fix_kind(fix, "code", NULL);
	if (err || !is_plain_path(path))
		return err;
	ff_buf_printf(&away, "%s.away", path);
	if (away.failed)
		return &ff_enomem;
	ff_buf_str(&b, m->platform == FF_PLATFORM_WINDOWS ? "move " : "mv ");
	if (!ff_path_word(m, &b, path))
		return NULL;
	ff_buf_char(&b, ' ');
	if (!ff_path_word(m, &b, is_plain_path(to) ? to : away.p))
		return NULL;
	err = ff_fix_goal(fix, &(struct ff_goal){.what = path, .then = "out of the way", .words = {path}});
	return err ? err : ff_fix_command(fix, &b);
}

// The file system that a library lies on forbids to run what is on it. Root of the machine, or of a privileged
// container, lifts that.
struct ff_error *ff_fix_remount(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *path = ff_json_text(intention, "remount");
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "os", NULL);
	bool container = m->runtime > FF_RUNTIME_SHELL;
	if (m->platform == FF_PLATFORM_WINDOWS)
		return err;
	if (err || !is_plain_path(path) || *path != '/' || (container && (!m->root || !ff_machine_may(m, "sys_admin"))))
		return err;
	ff_buf_printf(&b, "%smount -o remount,exec \"$(findmnt -n -o TARGET -T ", m->root ? "" : "sudo ");
	ff_shell_word(&b, path);
	ff_buf_str(&b, ")\"");
	err = ff_fix_mount_effect(m, path, fix);
	if (err)
		return err;
	err = ff_fix_side_effect(
		fix, "Counts until the next mount; /etc/fstab or whoever mounts the volume has to drop noexec.");
	return err ? err : ff_fix_command(fix, &b);
}

// An environment whose interpreter is gone gets its links and pyvenv.cfg anew; what is installed in it stays. venv
// makes no link where one stands, also one that leads nowhere: those go first.
struct ff_error *ff_fix_renew(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *folder = ff_json_text(intention, "renew"), *python = ff_json_text(intention, "python");
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "os", NULL);
	if (err || !is_plain_path(folder))
		return err;
	if (m->platform != FF_PLATFORM_WINDOWS) {
		_cleanup_buf_ struct ff_buf programs = {0};
		ff_buf_printf(&programs, "%s/bin", folder);
		ff_buf_str(&b, "find ");
		ff_shell_word(&b, programs.p ? programs.p : folder);
		ff_buf_str(&b, " -xtype l -delete && ");
	}
	bool windows = m->platform == FF_PLATFORM_WINDOWS; // there it is the launcher that knows of releases
	if (windows && python && ff_starts(python, "python3.") && !python[7 + strspn(python + 7, "0123456789.")])
		ff_buf_printf(&b, "py -%s", python + 6);
	else if (windows)
		ff_buf_str(&b, "py");
	else
		ff_shell_word(&b, python && is_plain_path(python) ? python : "python3");
	ff_buf_str(&b, " -m venv --upgrade ");
	if (!ff_path_word(m, &b, folder))
		return NULL;
	err = ff_fix_renew_effect(m, folder, fix);
	return err ? err : ff_fix_command(fix, &b);
}
