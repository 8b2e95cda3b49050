// A container or pod by its name: the programs that run it say which process it is; facts are read through its root.
//
//	$ docker container inspect --format '{{.State.Pid}} {{.State.Status}} {{.ID}} {{.State.ExitCode}}' worker
//	4711 running 1c5f... 0
//	$ crictl ps -a -o json --label io.kubernetes.pod.name=worker-0
//	{"containers": [{"id": "9ab3...", "metadata": {"name": "app"}, "createdAt": "1700000000000000000", ...}]}
//	$ crictl inspect -o json 9ab3...
//	{"status": {"state": "CONTAINER_RUNNING", ...}, "info": {"pid": 4711, ...}}
//
// The process id is the runtime's, which may be on another machine ($DOCKER_HOST, a context) or outside of the
// container that we are in: it is believed only when that process' own cgroup or mounts name the container's id. A pod
// that runs elsewhere is asked by kubectl.
#include "cli/container.h"

#include "base/io.h"
#include "base/json.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

enum {
	ANSWER_MS = 10000,
	EXEC_MS = 60000,
	LOG_MS = 300000,
	ANSWER_MAX = 4 << 20,
	FACTS_MAX = 64 << 20,
	PROC_MAX = 4 << 20,
	ARGS_MAX = 16,
	SAID_SHOWN = 240,
};

static const char log_lines[] = "1000000"; // of an endless log the end counts

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

// ---- names: they become arguments of programs, so nothing that could be an option or a path ----

static bool is_name(struct ff_span s, const char *marks)
{
	if (s.n == 0 || s.n >= FF_CONTAINER_NAME_MAX || !isalnum((unsigned char)s.p[0]))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!isalnum((unsigned char)s.p[i]) && !strchr(marks, s.p[i]))
			return false;
	}
	return true;
}

static void keep(char to[FF_CONTAINER_NAME_MAX], struct ff_span name)
{
	snprintf(to, FF_CONTAINER_NAME_MAX, "%.*s", (int)name.n, name.n ? name.p : "");
}

// [NAMESPACE/]POD[:CONTAINER]
static struct ff_error *take_pod(const char *text, struct ff_container *c)
{
	struct ff_span rest = ff_span_of(text), space = {0}, name = {0};
	const char *slash = memchr(rest.p, '/', rest.n);
	if (slash) {
		space = (struct ff_span){rest.p, (size_t)(slash - rest.p)};
		rest = ff_span_of(slash + 1);
	}
	const char *colon = memchr(rest.p, ':', rest.n);
	if (colon) {
		name = ff_span_of(colon + 1);
		rest.n = (size_t)(colon - rest.p);
	}
	if (!is_name(rest, "-.") || (slash && !is_name(space, "-")) || (colon && !is_name(name, "-")))
		return ff_error_create(FF_EUSAGE,
			"--pod wants [NAMESPACE/]POD[:CONTAINER], not '%.80s'; 'kubectl get pods -A' lists them", text);
	keep(c->space, space);
	keep(c->pod, rest);
	keep(c->name, name);
	return NULL;
}

// ---- asking a program ----

// What a program said was wrong: its last line, without what it says in front of each.
static struct ff_span last_line(const struct ff_buf *said)
{
	struct ff_span rest = {said->p, said->n}, line, last = FF_SPAN("it failed without a word");
	while (rest.n && ff_span_next(&rest, '\n', &line)) {
		line = ff_span_trim(line);
		if (line.n)
			last = line;
	}
	last.n = last.n < SAID_SHOWN ? last.n : SAID_SHOWN;
	return last;
}

static struct ff_error *answer_of(
	const char *program, unsigned deadline_ms, struct ff_command_result *r, struct ff_error *err)
{
	struct ff_span said = last_line(&r->output);
	if (!err && r->timed_out)
		err = ff_error_create(FF_ETIMEOUT, "%s gave no answer within %u s; is its daemon well?",
			base_name(program), deadline_ms / 1000);
	else if (!err && r->exit_code != 0)
		err = ff_error_create(FF_EABSENT, "%s: %.*s", base_name(program), (int)said.n, said.p);
	ff_buf_deinit(&r->output);
	return err;
}

static struct ff_error *ask(char *const argv[], unsigned deadline_ms, size_t max, struct ff_buf *ret)
{
	struct ff_command_stream stream;
	struct ff_command_result r;
	struct ff_error *err = ff_command_stream_open(argv, deadline_ms, false, &stream);
	if (err)
		return err;
	err = ff_read_all(stream.fd, base_name(argv[0]), max, ret);
	ff_command_stream_close(&stream, &r);
	return answer_of(argv[0], deadline_ms, &r, err);
}

static struct ff_error *ask_json(char *const argv[], json_t **ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ask(argv, ANSWER_MS, ANSWER_MAX, &text);
	return err ? err : ff_json_parse(base_name(argv[0]), text.p ? text.p : "", text.n, ret);
}

// ---- docker, podman, nerdctl ----

// "4711 running 1c5f... 0"
static struct ff_error *take_inspected(const struct ff_buf *text, struct ff_container *c)
{
	struct ff_span rest = ff_span_trim((struct ff_span){text->p, text->n}), pid, state, id, code;
	uint64_t number;
	if (!rest.n || !ff_span_next(&rest, ' ', &pid) || !ff_span_next(&rest, ' ', &state) ||
		!ff_span_next(&rest, ' ', &id) || !ff_span_next(&rest, ' ', &code) || !ff_span_u64(pid, &number) ||
		number > INT32_MAX || !is_name(id, ""))
		return ff_error_create(
			FF_EFORMAT, "%s: what it says of '%s' cannot be read", base_name(c->program), c->name);
	bool running = ff_span_eq(state, "running") || ff_span_eq(state, "paused");
	c->pid = running ? (pid_t)number : 0;
	snprintf(c->state, sizeof(c->state), "%.*s with code %.*s", (int)(state.n < 16 ? state.n : 16), state.p,
		(int)(code.n < 4 ? code.n : 4), code.p);
	keep(c->id, id);
	return NULL;
}

static struct ff_error *inspect(struct ff_container *c)
{
	_cleanup_buf_ struct ff_buf text = {0};
	char *argv[] = {c->program, "container", "inspect", "--format",
		"{{.State.Pid}} {{.State.Status}} {{.ID}} {{.State.ExitCode}}", c->name, NULL};
	struct ff_error *err = ask(argv, ANSWER_MS, ANSWER_MAX, &text);
	if (!err)
		err = take_inspected(&text, c);
	if (!err)
		snprintf(c->words, sizeof(c->words), "container %s (%s)", c->name, base_name(c->program));
	return err;
}

// The first program that knows it.
static struct ff_error *find_container(const char *name, struct ff_container *c)
{
	static const char *const programs[] = {"docker", "podman", "nerdctl"};
	_cleanup_buf_ struct ff_buf said = {0};
	if (!is_name(ff_span_of(name), "_.-"))
		return ff_error_create(FF_EUSAGE,
			"--container wants a container's name or id, not '%.80s'; 'docker ps -a' lists them", name);
	keep(c->name, ff_span_of(name));
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		c->program = ff_command_find(programs[i]);
		_cleanup_error_ struct ff_error *err = c->program ? inspect(c) : NULL;
		if (c->program && !err)
			return NULL;
		if (err)
			ff_buf_printf(&said, "%s%s", said.n ? "; " : "", err->message);
		free(ff_take(&c->program));
	}
	if (!said.n)
		return ff_error_create(FF_EUSAGE,
			"--container %s: neither docker, podman nor nerdctl is on PATH; run this where the container "
			"runs, or 'firstfix report --pid PID' with the id of a process in it",
			name);
	return ff_error_create(
		FF_EUSAGE, "--container %s: %s (list them with 'docker ps -a')", name, said.failed ? "?" : said.p);
}

// ---- a pod on this node ----

static bool newer(const json_t *a, const json_t *b)
{
	const char *x = ff_json_text(a, "createdAt"), *y = ff_json_text(b, "createdAt"); // nanoseconds since 1970
	size_t n = x ? strlen(x) : 0, m = y ? strlen(y) : 0;
	return n != m ? n > m : n && strcmp(x, y) > 0;
}

// Which of the pod's containers is meant, the newest attempt of it. Several names need the user's word.
static struct ff_error *choose(const json_t *list, struct ff_container *c, const json_t **ret)
{
	_cleanup_buf_ struct ff_buf names = {0};
	const json_t *best = NULL, *item;
	const char *space = NULL;
	bool several = false, spaces = false;
	size_t i;
	json_array_foreach (list, i, item) {
		const char *name = ff_json_text(item, "metadata.name");
		if (!name || !is_name(ff_span_of(name), "-") || (c->name[0] && strcmp(c->name, name) != 0))
			continue;
		const char *other = best ? ff_json_text(best, "metadata.name") : name;
		const char *its = json_string_value(
			json_object_get(json_object_get(item, "labels"), "io.kubernetes.pod.namespace"));
		several |= strcmp(other, name) != 0;
		spaces |= its && space && strcmp(its, space) != 0;
		space = its ? its : space;
		ff_buf_printf(&names, "%s%s", names.n ? ", " : "", name);
		if (!best || newer(item, best))
			best = item;
	}
	if (spaces)
		return ff_error_create(
			FF_EUSAGE, "several namespaces have a pod %s; name one: --pod NAMESPACE/%s", c->pod, c->pod);
	if (several)
		return ff_error_create(FF_EUSAGE,
			"pod %s has several containers (%.200s); name one: --pod %s:CONTAINER", c->pod,
			names.failed ? "?" : names.p, c->pod);
	*ret = best;
	return NULL;
}

static struct ff_error *list_pod(struct ff_container *c, json_t **ret)
{
	char pod[FF_CONTAINER_NAME_MAX + 32], space[FF_CONTAINER_NAME_MAX + 40];
	snprintf(pod, sizeof(pod), "io.kubernetes.pod.name=%s", c->pod);
	snprintf(space, sizeof(space), "io.kubernetes.pod.namespace=%s", c->space);
	char *argv[] = {
		c->program, "ps", "-a", "-o", "json", "--label", pod, c->space[0] ? "--label" : NULL, space, NULL};
	return ask_json(argv, ret);
}

static struct ff_error *take_process(struct ff_container *c)
{
	_cleanup_json_ json_t *doc = NULL;
	int64_t pid;
	char *argv[] = {c->program, "inspect", "-o", "json", c->id, NULL};
	struct ff_error *err = ask_json(argv, &doc);
	if (err)
		return err;
	const char *state = ff_json_text(doc, "status.state"); // CONTAINER_EXITED
	bool running = state && strcmp(state, "CONTAINER_RUNNING") == 0;
	if (running && ff_json_int(doc, "info.pid", &pid) && pid > 0 && pid <= INT32_MAX)
		c->pid = (pid_t)pid;
	const char *shown = state && ff_starts(state, "CONTAINER_") ? state + strlen("CONTAINER_") : "not running";
	for (size_t i = 0; i + 1 < sizeof(c->state) && shown[i]; i++)
		c->state[i] = (char)tolower((unsigned char)shown[i]);
	return NULL;
}

// Found here, or *ret_found stays false: another node has it.
static struct ff_error *find_here(struct ff_container *c, bool *ret_found)
{
	_cleanup_json_ json_t *doc = NULL;
	const json_t *item = NULL;
	struct ff_error *err = list_pod(c, &doc);
	if (!err)
		err = choose(json_object_get(doc, "containers"), c, &item);
	const char *id = ff_json_text(item, "id");
	if (err || !id || !is_name(ff_span_of(id), "-_"))
		return err;
	keep(c->name, ff_span_of(ff_json_text(item, "metadata.name")));
	keep(c->id, ff_span_of(id));
	*ret_found = true;
	return take_process(c);
}

static void name_pod(struct ff_container *c)
{
	snprintf(c->words, sizeof(c->words), "pod %.200s%s%.200s%s%.200s (%s)", c->space, c->space[0] ? "/" : "",
		c->pod, c->name[0] ? ":" : "", c->name, base_name(c->program));
}

static struct ff_error *find_pod(const char *text, struct ff_container *c)
{
	struct ff_error *err = take_pod(text, c);
	bool found = false;
	if (err)
		return err;
	c->program = ff_command_find("crictl");
	_cleanup_error_ struct ff_error *here = c->program ? find_here(c, &found) : NULL;
	if (here && here->code == FF_EUSAGE)
		return ff_take(&here);
	if (!here && found) {
		name_pod(c);
		return NULL;
	}
	free(ff_take(&c->program));
	c->program = ff_command_find("kubectl");
	c->id[0] = c->state[0] = 0;
	if (c->program) {
		name_pod(c);
		return NULL;
	}
	return ff_error_create(FF_EUSAGE,
		"--pod %s: %s; run this on the pod's node as root (crictl), or where kubectl is", text,
		here ? here->message : "it is not found by crictl on this machine, and kubectl is not on PATH");
}

struct ff_error *ff_container_find(const struct ff_container_request *request, struct ff_container *ret)
{
	_cleanup_container_ struct ff_container c = {0};
	if (request->container && request->pod)
		return ff_error_create(FF_EUSAGE, "--container and --pod exclude each other");
	struct ff_error *err = request->pod ? find_pod(request->pod, &c) : find_container(request->container, &c);
	if (err)
		return err;
	*ret = c;
	c.program = NULL;
	return NULL;
}

void ff_container_deinit(struct ff_container *c)
{
	free(c->program);
}

// ---- its facts ----

// Does a file of this process name the container?
static struct ff_error *file_names(const struct ff_container *c, const char *file, bool *ret)
{
	char path[64];
	_cleanup_buf_ struct ff_buf text = {0};
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)c->pid, file);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ff_error *err = fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, PROC_MAX, &text);
	if (!err && text.n)
		*ret = *ret || memmem(text.p, text.n, c->id, strlen(c->id));
	return err;
}

static struct ff_error *check_process(const struct ff_container *c)
{
	bool named = false;
	_cleanup_error_ struct ff_error *cgroup = file_names(c, "cgroup", &named);
	_cleanup_error_ struct ff_error *mounts = named ? NULL : file_names(c, "mountinfo", &named);
	if (named)
		return NULL;
	if (mounts && mounts->code == FF_EDENIED)
		return ff_error_create(FF_EDENIED,
			"%s is another user's, and its process %d may not be looked at; run this as root (sudo)",
			c->words, (int)c->pid);
	return ff_error_create(FF_EABSENT,
		"process %d of %s is not on this machine, as seen from here; run this where its containers run, "
		"outside of "
		"any other",
		(int)c->pid, c->words);
}

static void add_target(const struct ff_container *c, char *argv[], size_t *n)
{
	if (c->space[0]) {
		argv[(*n)++] = "-n";
		argv[(*n)++] = (char *)c->space;
	}
	argv[(*n)++] = (char *)c->pod;
	if (c->name[0]) {
		argv[(*n)++] = "-c";
		argv[(*n)++] = (char *)c->name;
	}
}

// Through a file: what an untrusted program wrote is read as a document is.
static struct ff_error *facts_of_text(const struct ff_buf *text, struct ff_facts **ret)
{
	char path[64];
	_cleanup_close_ int fd = memfd_create("firstfix-facts", MFD_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "memfd");
	struct ff_error *err = ff_write_all(fd, "memfd", text->p, text->n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return err ? err : ff_facts_read(path, ret);
}

static struct ff_error *facts_by_kubectl(const struct ff_container *c, struct ff_facts **ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	char *argv[ARGS_MAX] = {c->program, "exec"};
	size_t n = 2;
	add_target(c, argv, &n);
	static const char *const command[] = {"--", "firstfix", "report", "--json"};
	for (size_t i = 0; i < sizeof(command) / sizeof(command[0]); i++)
		argv[n++] = (char *)command[i];
	_cleanup_error_ struct ff_error *err = ask(argv, EXEC_MS, FACTS_MAX, &text);
	if (!err)
		err = facts_of_text(&text, ret);
	return err ? ff_error_create(err->code,
			     "%s: %s; put firstfix into the image, or run this on the pod's node as root (crictl)",
			     c->words, err->message)
		   : NULL;
}

struct ff_error *ff_container_facts(
	const struct ff_container *c, const struct ff_collect_options *options, struct ff_facts **ret)
{
	struct ff_collect_options inside = *options;
	if (!c->id[0])
		return facts_by_kubectl(c, ret);
	if (!c->pid)
		return ff_error_create(
			FF_EABSENT, "%s has no process (%s), so its facts cannot be read", c->words, c->state);
	struct ff_error *err = check_process(c);
	inside.pid = c->pid;
	return err ? err : ff_collect(&inside, ret);
}

struct ff_error *ff_container_collect(const struct ff_container_request *request,
	const struct ff_collect_options *options, char ret_words[FF_CONTAINER_WORDS_MAX], struct ff_facts **ret)
{
	_cleanup_container_ struct ff_container c = {.words = "this machine"};
	bool named = request->container || request->pod;
	struct ff_error *err = named ? ff_container_find(request, &c) : NULL;
	if (!err)
		err = named ? ff_container_facts(&c, options, ret) : ff_collect(options, ret);
	if (!err)
		memcpy(ret_words, c.words, sizeof(c.words));
	return err;
}

// ---- its log ----

struct ff_error *ff_container_log(const struct ff_container *c, struct ff_command_stream *ret)
{
	char *argv[ARGS_MAX] = {c->program, "logs", "--tail", (char *)log_lines};
	size_t n = 4;
	if (c->pod[0] && !c->id[0])
		add_target(c, argv, &n);
	else
		argv[n++] = (char *)(c->pod[0] ? c->id : c->name);
	return ff_command_stream_open(argv, LOG_MS, true, ret);
}

struct ff_error *ff_container_log_close(const struct ff_container *c, struct ff_command_stream *stream, bool *ret_cut)
{
	struct ff_command_result r;
	const char *program = base_name(c->program);
	ff_command_stream_close(stream, &r);
	ff_buf_deinit(&r.output);
	if (r.timed_out)
		*ret_cut = true;
	else if (r.exit_code > 0)
		return ff_error_create(FF_EUSAGE,
			"the log of %s cannot be read: '%s logs' ended with code %d; try it by hand, or "
			"name a file of the log",
			c->words, program, r.exit_code);
	return NULL;
}
