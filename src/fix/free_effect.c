// What becomes free when processes end: a port, the memory of a GPU.
//
//	{"free": "port", "port": "8000"}    workdir.ports        ->  without 8000
//	{"free": "gpu", "gpu": 0}           gpus.0.memory.free   ->  with what pid 4242 used
//
// How it lies: a process that does not end on SIGTERM keeps what it has; a supervisor may start it anew.
#include "fix/machine.h"

// Who holds it in the facts; else a line names it.
struct ff_error *ff_fix_port_effect(const struct ff_fix_machine *m, int64_t port, json_t *fix)
{
	char what[32], number[16];
	int64_t one = 0;
	size_t i;
	json_t *held;
	snprintf(number, sizeof(number), "%d", (int)port);
	snprintf(what, sizeof(what), "port %d", (int)port);
	struct ff_goal goal = {.what = what, .then = "free", .words = {number}, .required = true};
	struct ff_error *err = NULL;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "workdir.ports") : NULL, i, held) {
		if (!ff_json_int(held, "port", &one) || one != port)
			continue;
		goal.now = ff_json_text(held, "name") ? "held" : NULL;
		err = ff_fix_effect(fix, "gone", "workdir.ports", json_pack("{s:I}", "port", (json_int_t)port));
	}
	return err ? err : ff_fix_goal(fix, &goal);
}

static bool is_among(int64_t pid, const int64_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

// What the processes that end hold on a GPU is free then. *ret_freed stays where the facts do not say how much.
static struct ff_error *gpu_without(
	const json_t *gpu, size_t index, const int64_t *pids, size_t n, json_t *fix, int64_t *ret_freed)
{
	char path[48];
	size_t i;
	int64_t pid = 0, used = 0, free = 0, freed = 0;
	json_t *process, *left = json_array();
	json_array_foreach (json_object_get(gpu, "processes"), i, process) {
		bool ends = ff_json_int(process, "pid", &pid) && is_among(pid, pids, n);
		if (ends && ff_json_int(process, "used", &used))
			freed += used;
		else if (!ends)
			json_array_append(left, process);
	}
	snprintf(path, sizeof(path), "gpus.%zu.processes", index);
	bool changes = json_array_size(left) < json_array_size(json_object_get(gpu, "processes"));
	if (!changes) {
		json_decref(left);
		return NULL;
	}
	struct ff_error *err = ff_fix_effect(fix, "facts", path, left);
	*ret_freed += freed;
	if (err || !ff_json_int(gpu, "memory.free", &free))
		return err;
	snprintf(path, sizeof(path), "gpus.%zu.memory.free", index);
	return ff_fix_effect(fix, "facts", path, json_integer(free + freed));
}

struct ff_error *ff_fix_processes_effect(const struct ff_fix_machine *m, const int64_t *pids, size_t n, json_t *fix)
{
	int64_t freed = 0;
	char pid[24], then[40];
	size_t i;
	json_t *gpu;
	struct ff_error *err = NULL;
	json_array_foreach (m->facts ? json_object_get(m->facts, "gpus") : NULL, i, gpu) {
		if (!err)
			err = gpu_without(gpu, i, pids, n, fix, &freed);
	}
	snprintf(pid, sizeof(pid), "%lld", (long long)pids[0]);
	snprintf(then, sizeof(then), "free by %.1f GiB", (double)freed / (1 << 30));
	struct ff_goal goal = {.what = n == 1 ? "what that process holds" : "what those processes hold",
		.now = freed ? "in use" : NULL,
		.then = freed ? then : "free",
		.words = {pid}};
	return err ? err : ff_fix_goal(fix, &goal);
}
