// image: what the image of a container says of itself, and what its first process will be. Only of images that are
// looked at before they run (host/image.h); a running container shows its processes instead.
//
//	{"image": {"name": "worker.tar", "kind": "docker archive", "layers": 12, "size": 9663676416, "user": "app",
//	           "uid": 1000, "entrypoint": ["/start.sh"],
//	           "first": {"program": "/start.sh", "kind": "script", "hands_over": false},
//	           "secrets": [{"in": "ENV HF_TOKEN", "kind": "named"}]}}
//
// How the source lies: PID 1 gets no signal that it has no handler for, and a shell hands none on. "sh -c 'python3 x'"
// is harmless where the shell replaces itself with a lone command, as dash and bash do; a script without exec stays.
#include "probe/python_find.h"
#include "probe/source.h"

enum { SCRIPT_MAX = 1 << 20 };

// Programs made to be PID 1, and servers that act on SIGTERM by themselves.
static const char *const inits[] = {"tini", "tini-static", "docker-init", "dumb-init", "catatonit", "s6-svscan", "init",
	"supervisord", "runit", "runsvdir", "systemd", "pid1", "firstfix", "firstfix-supervise", "my_init", "pause"};
static const char *const servers[] = {"vllm", "uvicorn", "gunicorn", "hypercorn", "granian", "tritonserver", "ollama",
	"llama-server", "text-generation-launcher", "text-embeddings-router", "sglang", "lmdeploy", "nginx", "node",
	"ray", "vllm.entrypoints.openai.api_server", "sglang.launch_server", "http.server"};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof((list)[0]))

static bool is_shell(const char *name)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "zsh", "busybox"};
	return IS_ONE_OF(name, shells);
}

static bool is_python(const char *name)
{
	return ff_starts(name, "python") && !name[strlen("python") + strspn(name + strlen("python"), "0123456789.")];
}

// A line of a script that begins with exec (or with an init, which it hands over to in the same way).
static bool says_exec(struct ff_span text)
{
	struct ff_span line;
	while (ff_span_next(&text, '\n', &line)) {
		line = ff_span_trim(line);
		if (ff_span_starts(line, "exec ") || ff_span_starts(line, "exec\t"))
			return true;
		for (size_t i = 0; i + 6 < line.n; i++) { // "a && exec b"
			bool after = i && (line.p[i - 1] == ' ' || line.p[i - 1] == ';');
			if (after && memcmp(line.p + i, "exec ", 5) == 0)
				return true;
		}
	}
	return false;
}

// One command alone: the shell replaces itself with it.
static bool is_lone_command(const char *script)
{
	return !strpbrk(script, ";&|\n<>(){}") && !ff_starts(script, "cd ");
}

// The words of the first process: the entrypoint with the command behind it.
static const char *word(const json_t *image, size_t index)
{
	const json_t *entry = json_object_get(image, "entrypoint"), *cmd = json_object_get(image, "cmd");
	size_t n = json_array_size(entry);
	return json_string_value(index < n ? json_array_get(entry, index) : json_array_get(cmd, index - n));
}

static char *find_program(struct ff_probe_ctx *ctx, const char *name)
{
	if (name[0] == '/')
		return strdup(name);
	struct ff_span rest = ff_span_of(ff_host_getenv(ctx->host, "PATH")), folder;
	while (!strchr(name, '/') && ff_span_next(&rest, ':', &folder)) {
		_cleanup_free_ char *path = ff_path_printf("%.*s/%s", (int)folder.n, folder.p, name);
		if (path && ff_host_mode_is(ctx->host, path, S_IFREG))
			return ff_take(&path);
	}
	const char *cwd = ff_json_text(ff_host_captured(ctx->host, "image"), "working_dir");
	return ff_path_printf("%s/%s", cwd ? cwd : "", name);
}

static json_t *first_of_file(struct ff_probe_ctx *ctx, const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	_cleanup_error_ struct ff_error *absent = ff_host_stat(ctx->host, path, &st);
	if (absent)
		return json_pack("{s:s, s:b}", "kind", "program", "exists", absent->code != FF_EABSENT);
	if (!(st.st_mode & 0111))
		return json_pack("{s:s, s:b}", "kind", "program", "executable", 0);
	_cleanup_error_ struct ff_error *err = ff_host_read(ctx->host, path, SCRIPT_MAX, &text, NULL);
	bool script = !err && ff_starts(text, "#!");
	const char *line_end = script ? strchr(text, '\n') : NULL;
	if (!script || (line_end && memmem(text, (size_t)(line_end - text), "python", 6)))
		return json_pack("{s:s}", "kind", "program");
	if (line_end && line_end > text && line_end[-1] == '\r')
		return json_pack("{s:s, s:b}", "kind", "script", "carriage_return", 1);
	return json_pack("{s:s, s:b}", "kind", "script", "hands_over", says_exec(ff_span_of(text)));
}

static json_t *first_of_shell(struct ff_probe_ctx *ctx, const json_t *image)
{
	const char *option = word(image, 1), *script = word(image, 2);
	if (option && option[0] == '-' && strchr(option, 'c') && script)
		return json_pack("{s:s, s:b}", "kind", "shell", "hands_over",
			is_lone_command(script) || says_exec(ff_span_of(script)));
	_cleanup_free_ char *path = option && option[0] != '-' ? find_program(ctx, option) : NULL;
	return path ? first_of_file(ctx, path) : json_pack("{s:s}", "kind", "terminal");
}

static json_t *first_of(struct ff_probe_ctx *ctx, const json_t *image)
{
	const char *name = word(image, 0), *third = word(image, 2);
	_cleanup_free_ char *path = find_program(ctx, name);
	const char *base = base_name(name);
	json_t *first;
	if (IS_ONE_OF(base, inits))
		first = json_pack("{s:s}", "kind", "init");
	else if (IS_ONE_OF(base, servers))
		first = json_pack("{s:s}", "kind", "server");
	else if (is_shell(base))
		first = first_of_shell(ctx, image);
	else if (is_python(base) && third && IS_ONE_OF(third, servers))
		first = json_pack("{s:s}", "kind", "server");
	else if (is_python(base))
		first = json_pack("{s:s}", "kind", word(image, 1) ? "python" : "terminal");
	else
		first = path ? first_of_file(ctx, path) : NULL;
	if (first)
		json_object_set_new(first, "program", ff_json_string(name, strlen(name)));
	return first;
}

void ff_probe_image(struct ff_probe_ctx *ctx)
{
	const json_t *live = ff_host_captured(ctx->host, "image");
	if (!json_is_object(live))
		return;
	json_t *image = json_copy((json_t *)live);
	if (!image) {
		ctx->out_of_memory = true;
		return;
	}
	json_t *first = word(live, 0) ? first_of(ctx, live) : NULL;
	if (first)
		json_object_set_new(image, "first", first);
	ff_fact(ctx, "image", image);
	if (json_is_true(json_object_get(live, "configured")))
		ff_fact_text(ctx, "system.container.runtime", "docker"); // in the words of the runtime that most use
}
