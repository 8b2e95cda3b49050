// workdir.ports: ports that the folder's scripts are to listen on, and which another process holds already.
//
//	{"port": 8000, "file": "serve.py", "pid": 4242, "name": "python3"}
//
// How the source lies: the holder may be this very worker, which runs already, so a process whose command line names
// the same file is left out; a process of another user hides its sockets, and then nothing is said.
#include "parse/proc_fields.h"
#include "probe/python_find.h"
#include "probe/workdir.h"

enum { TABLE_MAX = 8 << 20, PORT_MIN = 1024, PROCESSES_MAX = 65536, SOCKETS_MAX = 65536, CMDLINE_MAX = 65536 };

void ff_workdir_note_port(struct ff_workdir *w, const char *file, uint64_t port)
{
	if (port < PORT_MIN || port > UINT16_MAX || json_array_size(w->ports) >= FF_WORKDIR_FOUND_MAX)
		return;
	json_t *entry = json_pack("{s:I, s:o}", "port", (json_int_t)port, "file", ff_json_string(file, strlen(file)));
	if (!entry || json_array_append_new(w->ports, entry) < 0)
		w->ctx->out_of_memory = true;
}

static uint64_t listener(struct ff_probe_ctx *ctx, uint64_t port)
{
	static const char *const tables[] = {"net/tcp", "net/tcp6"};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		_cleanup_free_ char *text = NULL;
		uint64_t inode = 0;
		size_t n;
		_cleanup_error_ struct ff_error *err =
			ff_host_read_process(ctx->host, 0, tables[i], TABLE_MAX, &text, &n);
		if (!err && ff_tcp_listens((struct ff_span){text, n}, port, &inode))
			return inode;
	}
	return 0;
}

static bool holds(struct ff_host *host, const char *pid, const char *socket)
{
	_cleanup_names_ struct ff_names files = {0};
	_cleanup_free_ char *folder = ff_path_printf("/proc/%s/fd", pid);
	_cleanup_error_ struct ff_error *err = folder ? ff_host_list(host, folder, SOCKETS_MAX, &files) : &ff_enomem;
	for (size_t i = 0; !err && i < files.n; i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, files.names[i]), *target = NULL;
		_cleanup_error_ struct ff_error *gone = path ? ff_host_readlink(host, path, &target) : &ff_enomem;
		if (!gone && strcmp(target, socket) == 0)
			return true;
	}
	return false;
}

// Does the command line hold the file's name, or that of the module it is?
static bool is_same_worker(struct ff_host *host, const char *pid, const char *file)
{
	_cleanup_free_ char *path = ff_path_printf("/proc/%s/cmdline", pid), *text = NULL;
	const char *dot = strrchr(file, '.');
	size_t n, stem = dot ? (size_t)(dot - file) : strlen(file);
	_cleanup_error_ struct ff_error *err = path ? ff_host_read(host, path, CMDLINE_MAX, &text, &n) : &ff_enomem;
	return err || !stem || memmem(text, n, file, stem) != NULL;
}

static void put_holder(struct ff_workdir *w, json_t *port, uint64_t inode)
{
	struct ff_host *host = w->ctx->host;
	const char *file = ff_json_text(port, "file");
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_free_ char *socket = ff_path_printf("socket:[%llu]", (unsigned long long)inode);
	_cleanup_error_ struct ff_error *err =
		socket && file ? ff_host_list(host, "/proc", PROCESSES_MAX, &names) : &ff_enomem;
	for (size_t i = 0; !err && i < names.n; i++) {
		uint64_t pid;
		if (!ff_span_u64(ff_span_of(names.names[i]), &pid) || !holds(host, names.names[i], socket))
			continue;
		_cleanup_free_ char *path = ff_path_printf("/proc/%s/comm", names.names[i]), *name = NULL;
		_cleanup_error_ struct ff_error *gone = path ? ff_host_read_line(host, path, &name) : &ff_enomem;
		if (gone || is_same_worker(host, names.names[i], file))
			return;
		json_object_set_new(port, "pid", json_integer((json_int_t)pid));
		json_object_set_new(port, "name", ff_json_string(name, strlen(name)));
		ff_fact_append(w->ctx, "workdir.ports", json_incref(port));
		return;
	}
}

void ff_workdir_ports(struct ff_workdir *w)
{
	size_t i;
	json_t *port;
	if (ff_host_pid(w->ctx->host))
		return; // a worker that runs holds its own
	json_array_foreach (w->ports, i, port) {
		int64_t number = 0;
		uint64_t inode = ff_json_int(port, "port", &number) ? listener(w->ctx, (uint64_t)number) : 0;
		if (inode)
			put_holder(w, port, inode);
	}
}
