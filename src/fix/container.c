// What whoever starts the container or the job must give it: GPUs, shared memory, limits, and how each runtime spells that.
//
//	{"container": "shm-size", "value": "16g"}   docker      ->  docker run --shm-size=16g ...   is not complete, so: --shm-size=16g
//	                                            kubernetes  ->  an emptyDir of medium Memory at /dev/shm
//	{"limit": "nofile", "value": 65536}         bare shell  ->  ulimit -n 65536   (where the hard limit allows it)
//
// rules/data/container_flags.tsv and rules/data/limits.tsv hold the spellings.
#include "base/table.h"
#include "fix/machine.h"

FF_EMBEDDED(ff_table, container_flags);

static const char *const columns[FF_RUNTIME_COUNT] = {
	[FF_RUNTIME_UNKNOWN] = "docker", // the most common one is assumed where nothing is known
	[FF_RUNTIME_SHELL] = "shell",
	[FF_RUNTIME_DOCKER] = "docker",
	[FF_RUNTIME_PODMAN] = "podman",
	[FF_RUNTIME_KUBERNETES] = "kubernetes",
	[FF_RUNTIME_APPTAINER] = "apptainer",
	[FF_RUNTIME_ENROOT] = "enroot",
	[FF_RUNTIME_SLURM] = "slurm",
	[FF_RUNTIME_RUNPOD] = "runpod",
};

// The spelling of this runtime with the value in place of %.
static struct ff_error *spelled(const struct ff_fix_machine *m, const char *what, const json_t *value, json_t *fix)
{
	struct ff_table table = ff_table_of(ff_table_container_flags);
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_table_row row;
	bool found = false;
	while (!found && ff_table_next(&table, &row))
		found = ff_span_eq(row.cells[0], what);
	if (!found)
		return ff_error_create(FF_EUSAGE, "'%s' is no row of rules/data/container_flags.tsv", what);
	struct ff_span spelling = ff_table_cell(&table, &row, columns[m->runtime]);
	char number[32];
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	const char *text = json_is_string(value) ? json_string_value(value) : number;
	for (size_t i = 0; i < spelling.n; i++) {
		if (spelling.p[i] == '%' && !value)
			return NULL;
		if (spelling.p[i] == '%')
			ff_shell_word(&b, text);
		else
			ff_buf_char(&b, spelling.p[i]);
	}
	return b.n ? ff_fix_command(fix, &b) : NULL;
}

struct ff_error *ff_fix_container(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "container");
	if (!what)
		return ff_error_create(FF_EUSAGE, "'container' must be a text");
	struct ff_error *err = ff_fix_kind(fix, "container-flag", what);
	return err ? err : spelled(m, what, json_object_get(intention, "value"), fix);
}

// A limit of the process: the shell can raise it up to the hard one, a container gets it from outside.
struct ff_error *ff_fix_limit(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "limit");
	const json_t *value = json_object_get(intention, "value");
	if (!what)
		return ff_error_create(FF_EUSAGE, "'limit' must be a text");
	_cleanup_buf_ struct ff_buf path = {0};
	ff_buf_printf(&path, "system.limits.%s_hard", what);
	int64_t hard = 0;
	bool capped = !path.failed && m->facts && ff_json_int(m->facts, path.p, &hard) && json_is_integer(value) &&
		json_integer_value(value) > hard;
	bool container = m->runtime != FF_RUNTIME_SHELL && m->runtime != FF_RUNTIME_UNKNOWN;
	struct ff_error *err = container ? ff_fix_kind(fix, "container-flag", "ulimit") : ff_fix_kind(fix, "os", NULL);
	if (err || (capped && !container && !m->root))
		return err; // only root may go above the hard limit: the sentence says so
	struct ff_fix_machine here = *m;
	if (here.runtime == FF_RUNTIME_UNKNOWN)
		here.runtime = FF_RUNTIME_SHELL;
	return spelled(&here, what, value, fix);
}
