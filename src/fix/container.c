// What whoever starts the container or the job must give it: GPUs, shared memory, limits, and how each runtime spells
// that.
//
//	{"container": "shm-size", "value": 16}    docker      ->  docker run --shm-size=16g      (to be added to how it is started)
//	                                          kubernetes  ->  an emptyDir of medium Memory at /dev/shm
//	{"limit": "nofile", "value": 65536}       bare shell  ->  ulimit -n 65536   (as far as the hard limit goes)
//
// rules/data/container_flags.tsv holds the spellings.
#include "base/table.h"
#include "fix/machine.h"

FF_EMBEDDED(ff_table, container_flags);

enum { VALUE_MAX = 96, VALUES_MAX = 3 };

static const char *const columns[FF_RUNTIME_COUNT] = {
	[FF_RUNTIME_UNKNOWN] = "docker", // the most common one is assumed where nothing is known
	[FF_RUNTIME_SHELL] = "shell",
	[FF_RUNTIME_DOCKER] = "docker",
	[FF_RUNTIME_COMPOSE] = "compose",
	[FF_RUNTIME_PODMAN] = "podman",
	[FF_RUNTIME_KUBERNETES] = "kubernetes",
	[FF_RUNTIME_APPTAINER] = "apptainer",
	[FF_RUNTIME_ENROOT] = "enroot",
	[FF_RUNTIME_SLURM] = "slurm",
	[FF_RUNTIME_RUNPOD] = "runpod",
};

typedef char values[VALUES_MAX][VALUE_MAX];

// The number of a value (65536, or 16 of "16g": the spelling has the unit), or a name, path or address out of which no
// shell and no YAML makes anything else. Anything else is none.
static bool value_text(const json_t *value, char ret[static VALUE_MAX])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:-";
	const char *text = json_string_value(value);
	if (json_is_integer(value) && json_integer_value(value) > 0)
		return snprintf(ret, VALUE_MAX, "%lld", (long long)json_integer_value(value)) > 0;
	size_t n = text ? strlen(text) : 0, digits = text ? strspn(text, "0123456789") : 0;
	if (digits && n - digits <= 1)
		n = digits;
	else if (!n || *text == '-' || text[n - 1] == ':' || strspn(text, plain) != n)
		return false;
	if (n >= VALUE_MAX)
		return false;
	memcpy(ret, text, n);
	ret[n] = 0;
	return true;
}

// One value, or a list of them; false when one is none.
static bool value_texts(const json_t *value, values ret)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;
	if (n > VALUES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!value_text(json_is_array(value) ? json_array_get(value, i) : value, ret[i]))
			return false;
	return n > 0;
}

// % is the value, or the first of a list; %1, %2 ... those of a list.
static void write_spelling(struct ff_span spelling, values value, struct ff_buf *ret)
{
	for (size_t i = 0; i < spelling.n; i++) {
		size_t number = i + 1 < spelling.n ? (size_t)(unsigned char)spelling.p[i + 1] - '1' : VALUES_MAX;
		if (spelling.p[i] != '%') {
			ff_buf_char(ret, spelling.p[i]);
		} else {
			ff_buf_str(ret, value[number < VALUES_MAX ? number : 0]);
			i += number < VALUES_MAX;
		}
	}
}

// The spelling of this runtime with the value in place of %, or the sentence that stands in its place.
static struct ff_error *spelled(
	const struct ff_fix_machine *m, enum ff_runtime runtime, const char *what, const json_t *value, json_t *fix)
{
	struct ff_table table = ff_table_of(ff_table_container_flags);
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_table_row row;
	values text = {{0}};
	bool found = false;
	while (!found && ff_table_next(&table, &row))
		found = ff_span_eq(row.cells[0], what);
	if (!found)
		return ff_error_create(FF_EUSAGE, "'%s' is no row of rules/data/container_flags.tsv", what);
	struct ff_span spelling = ff_table_cell(&table, &row, columns[runtime]);
	if (!spelling.n && runtime == FF_RUNTIME_UNKNOWN) // what docker does not know is a scheduler's alone
		spelling = ff_table_cell(&table, &row, columns[FF_RUNTIME_KUBERNETES]);
	if (!spelling.n && runtime == FF_RUNTIME_UNKNOWN)
		spelling = ff_table_cell(&table, &row, columns[FF_RUNTIME_SLURM]);
	if (!spelling.n || (memchr(spelling.p, '%', spelling.n) && !value_texts(value, text)))
		return NULL;
	bool sentence = spelling.n > 4 && memcmp(spelling.p, "say ", 4) == 0;
	if (sentence)
		spelling = (struct ff_span){spelling.p + 4, spelling.n - 4};
	bool remount = runtime == FF_RUNTIME_SHELL && ff_span_starts(spelling, "mount ") && !m->root;
	ff_buf_str(&b, remount ? "sudo " : "");
	write_spelling(spelling, text, &b);
	if (b.failed)
		return &ff_enomem;
	return sentence ? ff_fix_say_more(fix, b.p) : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_container(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "container");
	if (!what)
		return ff_error_create(FF_EUSAGE, "'container' must be a text");
	struct ff_error *err = ff_fix_kind(fix, "container-flag", what);
	if (!err)
		err = spelled(m, m->runtime, what, json_object_get(intention, "value"), fix);
	return err ? err : ff_fix_container_effect(m, what, json_object_get(intention, "value"), fix);
}

// A limit of this process as the facts give it: -1 for no bound, 0 for not known.
static int64_t limit_here(const struct ff_fix_machine *m, const char *what, const char *suffix)
{
	_cleanup_buf_ struct ff_buf path = {0};
	int64_t n = 0;
	ff_buf_printf(&path, "system.limits.%s%s", what, suffix);
	if (path.failed || !m->facts)
		return 0;
	const char *text = ff_json_text(m->facts, path.p);
	if (text && strcmp(text, "unlimited") == 0)
		return -1;
	return ff_json_int(m->facts, path.p, &n) ? n : 0;
}

static struct ff_error *limit_becomes(const struct ff_fix_machine *m, const char *what, int64_t value, json_t *fix)
{
	_cleanup_buf_ struct ff_buf path = {0}, name = {0}, then = {0};
	ff_buf_printf(&path, "system.limits.%s", what);
	ff_buf_printf(&name, "the limit %s", what);
	ff_buf_printf(&then, value < 0 ? "unlimited" : "%lld", (long long)value);
	if (path.failed || name.failed || then.failed)
		return &ff_enomem;
	return ff_fix_fact_becomes(
		m, path.p, name.p, then.p, value < 0 ? json_string("unlimited") : json_integer(value), fix);
}

// Root of a container has often lost the right to raise limits.
static bool may_go_above(const struct ff_fix_machine *m)
{
	return m->root && (!m->facts || ff_machine_may(m, "sys_resource"));
}

// A limit of the process. Its own shell raises it as far as the hard limit goes, and root further; a container gets the
// rest from outside. A hard limit below what is wanted, and above what is there, is taken as it is.
struct ff_error *ff_fix_limit(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "limit");
	json_t *value = json_object_get(intention, "value");
	if (!what)
		return ff_error_create(FF_EUSAGE, "'limit' must be a text");
	int64_t hard = limit_here(m, what, "_hard"), soft = limit_here(m, what, "");
	int64_t wanted = json_is_integer(value) ? json_integer_value(value) : -1;
	bool container = m->runtime > FF_RUNTIME_SHELL, shell = !container && m->facts;
	bool within = hard < 0 || (wanted > 0 && hard >= wanted),
	     raises = within || (shell && (!hard || may_go_above(m)));
	if (!raises && soft > 0 && hard > soft * 2) {
		wanted = hard;
		raises = true;
	}
	struct ff_error *err = shell ? ff_fix_kind(fix, "os", NULL) : ff_fix_kind(fix, "container-flag", "ulimit");
	if (!err && (soft < 0 || (soft > 0 && wanted > 0 && soft >= wanted)))
		return soft < 0 ? ff_fix_refuse(fix, "the limit %s is unlimited already", what)
				: ff_fix_refuse(fix, "the limit %s is %lld already", what, (long long)soft);
	if (!err && !raises && shell && hard > 0)
		return ff_fix_refuse(
			fix, "the hard limit of %s is %lld, and only root may raise it", what, (long long)hard);
	if (err || (!raises && shell))
		return err;
	_cleanup_json_ json_t *number = wanted > 0 ? json_integer(wanted) : NULL;
	bool home = m->runtime == FF_RUNTIME_UNKNOWN && m->python && ff_starts(m->python, "/home"); // nobody's image
	err = spelled(m, raises || home ? FF_RUNTIME_SHELL : m->runtime, what, number, fix);
	return err ? err : limit_becomes(m, what, wanted, fix);
}
