// workdir.commands: what the scripts of the folder that start a worker (start.sh, Procfile) run, word by word.
//
//	exec uvicorn main:ap --port 8000
//	{"file": "start.sh", "words": ["uvicorn", "main:ap", "--port", "8000"], "absent": true}
//	#!/opt/venv/bin/python of a script, and nothing is there: workdir.starters
//	{"file": "serve", "interpreter": "/opt/venv/bin/python"}, {"file": "start.sh", "crlf": true}
//
// absent: no folder of PATH has the program. unbound: no word of the module that a server is to load is the name that
// it is given. below, nowhere, module: see workdir_entries.c. gone: a file that a flag of the server, or Python's first
// argument, names, and nothing is there: {"flag": "--ssl-keyfile", "path": "/etc/tls/key.pem"}.
//
// How the source lies: nothing is evaluated, and what an earlier command brings is not there yet. So a line counts only
// where it begins at the margin and is one plain command, or one behind "cd FOLDER &&"; a `cd` to a folder that is
// there is followed, behind any other nothing is said of files, and behind what activates an environment nothing of
// PATH.
#include "parse/chars.h"
#include "probe/python_find.h"
#include "probe/workdir.h"

enum { FILES_MAX = 8, FILE_MAX = 64 << 10, COMMANDS_MAX = 16, WORDS_MAX = 64, MODULE_MAX = 256 << 10 };

struct starter {
	struct ff_workdir *w;
	const char *file;
	char *folder, *flask;	// where a command starts; FLASK_APP as it is set for it
	bool moved, other_path; // the folder is not known, PATH is no longer the one of this process
	bool brought;		// a command that brings files stood before
	size_t commands;
	struct ff_span text;
};

static bool is_one_of(struct ff_span word, const char *list)
{
	_cleanup_free_ char *padded = !word.p ? NULL : ff_path_printf(" %.*s ", (int)word.n, word.p);
	return word.n && padded && strstr(list, padded);
}

// The next word of a plain command; false at its end, also where a shell would do more than split.
static bool next_word(struct ff_span *rest, struct ff_buf *ret)
{
	*rest = ff_span_trim(*rest);
	char quote = '\0';
	size_t i = 0;
	if (!rest->n || rest->p[0] == '#')
		return false;
	for (; i < rest->n && (quote || !ff_is_blank(rest->p[i])); i++) {
		char c = rest->p[i];
		bool braced = c == '$' && i + 1 < rest->n && rest->p[i + 1] == '{';
		const char *end = braced ? memchr(rest->p + i, '}', rest->n - i) : NULL;
		if (end) { // ${PORT:-8000} is one word
			ff_buf_span(ret, (struct ff_span){rest->p + i, (size_t)(end + 1 - rest->p) - i});
			i = (size_t)(end - rest->p);
			continue;
		}
		if (!quote && strchr(";|&<>(){}", c))
			break;
		if (c == quote || (!quote && (c == '"' || c == '\'')))
			quote = quote ? '\0' : c;
		else
			ff_buf_char(ret, c);
	}
	bool descriptor = i < rest->n && strchr("<>", rest->p[i]) && ret->n && strspn(ret->p, "0123456789") == ret->n;
	*rest = ff_span_skip(*rest, i);
	return i && !ret->failed && !descriptor; // "2>&1"
}

static bool is_assignment(const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	return equals && n && word + n == equals;
}

// "exec", "nohup", "timeout 60", "env A=b": what stands before the program that is meant.
static bool is_before(const json_t *words, const char *word, bool *in_timeout)
{
	bool number = *in_timeout && ff_is_digit(*word);
	*in_timeout = strcmp(word, "timeout") == 0;
	return !json_array_size(words) &&
		(number || is_assignment(word) || is_one_of(ff_span_of(word), " exec nohup env time timeout "));
}

static json_t *words_of(struct starter *s, struct ff_span *line)
{
	static const char flask[] = "FLASK_APP=";
	json_t *words = json_array();
	bool in_timeout = false;
	for (size_t i = 0; words && i < WORDS_MAX; i++) {
		_cleanup_buf_ struct ff_buf word = {0};
		if (!next_word(line, &word))
			break;
		if (word.n && ff_starts(word.p, flask)) {
			free(s->flask);
			s->flask = strdup(word.p + strlen(flask));
		}
		if (!is_before(words, word.p ? word.p : "", &in_timeout))
			json_array_append_new(words, ff_json_string(word.p ? word.p : "", word.n));
	}
	return words;
}

static bool is_on_path(struct ff_host *host, const char *program)
{
	const char *path = ff_host_getenv(host, "PATH");
	struct ff_span rest = ff_span_of(path ? path : "/usr/local/bin:/usr/bin:/bin"), folder;
	while (ff_span_next(&rest, ':', &folder)) {
		struct stat st;
		_cleanup_free_ char *file = ff_path_printf("%.*s/%s", (int)folder.n, folder.p, program);
		_cleanup_error_ struct ff_error *absent = file ? ff_host_stat(host, file, &st) : &ff_enomem;
		if (!absent)
			return true;
	}
	return false;
}

// "main:ap" of uvicorn: the file main.py is here, and nothing in it is called ap.
static void put_unbound(struct starter *s, json_t *command, const char *program)
{
	size_t i;
	json_t *word;
	if (s->moved || !is_one_of(ff_span_of(program), " uvicorn gunicorn hypercorn daphne granian "))
		return;
	json_array_foreach (json_object_get(command, "words"), i, word) {
		const char *text = json_string_value(word), *colon = strchr(text, ':');
		size_t n = colon ? (size_t)(colon - text) : 0;
		if (!i || !n || *text == '-' ||
			strspn(text,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789_") != n ||
			strspn(colon + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
				strlen(colon + 1))
			continue;
		_cleanup_free_ char *path = ff_path_printf("%s/%.*s.py", s->folder, (int)n, text), *source = NULL;
		size_t size;
		_cleanup_error_ struct ff_error *absent =
			path ? ff_host_read(s->w->ctx->host, path, MODULE_MAX, &source, &size) : &ff_enomem;
		if (!absent && !strstr(source, "import *") && !ff_has_word(source, colon + 1))
			json_object_set(command, "unbound", word);
		return;
	}
}

// "gunicorn -c conf.py", "uvicorn --log-config=log.ini", "python serve.py": a file that is opened at the start.
static bool takes_file(struct ff_span program, struct ff_span flag)
{
	static const struct {
		const char *programs, *flags;
	} files[] = {{" uvicorn vllm ", " --ssl-keyfile --ssl-certfile --ssl-ca-certs --log-config "},
		{" hypercorn granian ", " --keyfile --certfile --ca-certs --ssl-keyfile --ssl-certificate "},
		{" gunicorn ", " -c --config --keyfile --certfile --ca-certs --log-config "},
		{" llama-server llama-cli ", " -m --model --mmproj "}};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (is_one_of(program, files[i].programs) && is_one_of(flag, files[i].flags))
			return true;
	return false;
}

static bool is_gone(struct starter *s, struct ff_span text)
{
	struct stat st;
	bool whole = text.n && text.p[0] == '/';
	_cleanup_free_ char *word = ff_span_dup(text), *path = NULL;
	if (!word || !*word || strpbrk(word, "$`*?~:{") || s->brought || (!whole && s->moved))
		return false;
	path = whole ? strdup(word) : ff_path_printf("%s/%s", s->folder, word);
	_cleanup_error_ struct ff_error *err = path ? ff_host_stat(s->w->ctx->host, path, &st) : &ff_enomem;
	return err && err->code == FF_EABSENT;
}

static void put_gone(struct starter *s, json_t *command, struct ff_span program)
{
	const json_t *words = json_object_get(command, "words");
	bool python = is_one_of(program, " python python3 ");
	size_t i;
	json_t *item;
	json_array_foreach (words, i, item) {
		struct ff_span word = ff_span_of(json_string_value(item)), flag = word, path;
		const char *equals = memchr(word.p, '=', word.n);
		flag.n = equals ? (size_t)(equals - word.p) : word.n;
		path = equals ? ff_span_skip(word, flag.n + 1)
			      : ff_span_of(json_string_value(json_array_get(words, i + 1)));
		bool script = python && i == 1 && ff_span_ends(word, ".py");
		if (script)
			path = word;
		if (!i || !(script || takes_file(program, flag)) || !is_gone(s, path))
			continue;
		json_object_set_new(command, "gone",
			json_pack("{s:o, s:o}", "flag", script ? json_string("") : ff_json_string(flag.p, flag.n),
				"path", ff_json_string(path.p, path.n)));
		return;
	}
}

// Programs that listen, the flags that say where, and the port that counts where none of them is given; a flag of
// `elsewhere` means that it does not.
static const struct {
	const char *programs, *flags, *elsewhere;
	uint64_t usual;
} listeners[] = {{" uvicorn ", " --port ", " --uds --fd --env-file --help --version ", 8000},
	{" gunicorn ", " --bind -b ", " -c --config --check-config --help --version ", 8000},
	{" hypercorn ", " --bind -b ", " -c --config --help --version ", 8000},
	{" daphne ", " --port -p ", " -u --unix-socket --fd -e --endpoint --help --version ", 8000},
	{" torchrun ", " --master_port --master-port ",
		" --standalone --rdzv_endpoint --rdzv-endpoint --rdzv_backend --rdzv-backend --help ", 29500},
	{" accelerate ", " --main_process_port --main-process-port ", "", 0}, {" streamlit ", " --server.port ", "", 0},
	{" granian flask vllm llama-server mlflow litellm ray text-generation-launcher text-embeddings-router ",
		" --port ", "", 0},
	{" python python3 ", " --port --bind -b --master_port --master-port ", "", 0}};

// "8000", "0.0.0.0:8000", "$PORT", "${PORT:-8000}"; 0 where it is none, or where the script itself sets that variable.
static uint64_t port_of(struct starter *s, const char *value)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	const char *dollar = strchr(value, '$'), *colon = strrchr(value, ':');
	uint64_t port = 0;
	if (!dollar) {
		ff_span_u64(ff_span_of(colon ? colon + 1 : value), &port);
		return port;
	}
	const char *at = dollar + 1 + (dollar[1] == '{');
	size_t n = strspn(at, letters);
	_cleanup_free_ char *name = ff_span_dup((struct ff_span){at, n}), *set = ff_path_printf("%.*s=", (int)n, at);
	const char *held = name ? ff_host_getenv(s->w->ctx->host, name) : NULL;
	if (!n || !set || memmem(s->text.p, s->text.n, set, n + 1))
		return 0;
	held = held && *held ? held : strncmp(at + n, ":-", 2) == 0 ? at + n + 2 : "";
	ff_span_u64((struct ff_span){held, strspn(held, "0123456789")}, &port);
	return port;
}

static void note_ports(struct starter *s, const json_t *words, const char *program)
{
	size_t i, row = 0, rows = sizeof(listeners) / sizeof(listeners[0]);
	json_t *word;
	while (row < rows && !is_one_of(ff_span_of(program), listeners[row].programs))
		row++;
	if (row == rows)
		return;
	bool served = false, said = false; // python -m http.server 8000
	json_array_foreach (words, i, word) {
		const char *text = json_string_value(word), *equals = strchr(text, '=');
		struct ff_span flag = {text, equals ? (size_t)(equals - text) : strlen(text)};
		const char *value = equals ? equals + 1 : json_string_value(json_array_get(words, i + 1));
		bool known = is_one_of(flag, listeners[row].flags);
		said |= known || is_one_of(flag, listeners[row].elsewhere);
		if (known && value)
			ff_workdir_note_port(s->w, s->file, port_of(s, value));
		else if (served)
			ff_workdir_note_port(s->w, s->file, port_of(s, text));
		served |= strcmp(text, "http.server") == 0;
	}
	if (!said && json_array_size(words) > 1)
		ff_workdir_note_port(s->w, s->file, listeners[row].usual);
}

// gunicorn.conf.py is read where nothing else is said: worker_class = "gevent" is --worker-class gevent.
static void read_gunicorn(struct starter *s, struct ff_span text)
{
	static const char *const settings[][2] = {{"worker_class", "--worker-class"}, {"bind", "--bind"},
		{"keyfile", "--keyfile"}, {"certfile", "--certfile"}};
	_cleanup_json_ json_t *words = json_pack("[s]", "gunicorn");
	struct ff_py_script script = {.rest = text};
	for (struct ff_py_token t; words && ff_py_script_next(&script, &t);)
		for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
			if (t.kind != FF_PY_STRING || script.indented || !ff_span_eq(t.before, settings[i][0]))
				continue;
			json_array_append_new(words, json_string(settings[i][1]));
			json_array_append_new(words, ff_json_string(t.text.p, t.text.n));
		}
	json_t *command = json_array_size(words) > 1 ? json_pack("{s:s, s:O}", "file", s->file, "words", words) : NULL;
	if (!command)
		return;
	put_gone(s, command, ff_span_of("gunicorn"));
	note_ports(s, words, "gunicorn");
	ff_fact_append(s->w->ctx, "workdir.commands", command);
}

// "cd backend": to a folder that is there.
static void follow(struct starter *s, const json_t *words)
{
	const char *to = json_string_value(json_array_get(words, 1));
	bool plain = to && *to && !strpbrk(to, "$`*?~") && *to != '-' && (*to == '/' || !s->moved);
	_cleanup_free_ char *path = !plain ? NULL : *to == '/' ? strdup(to) : ff_path_printf("%s/%s", s->folder, to);
	s->moved = !path || !ff_host_mode_is(s->w->ctx->host, path, S_IFDIR);
	if (s->moved)
		return;
	free(s->folder);
	s->folder = ff_take(&path);
}

// What "python -m uvicorn" starts is uvicorn.
static const char *meant(const json_t *words, const char *name)
{
	const char *flag = json_string_value(json_array_get(words, 1)),
		   *module = json_string_value(json_array_get(words, 2));
	bool by_name = ff_starts(name, "python") && flag && strcmp(flag, "-m") == 0 && module;
	return by_name && is_one_of(ff_span_of(module), " uvicorn gunicorn hypercorn daphne granian celery flask ")
		? module
		: name;
}

// Reads one command and leaves what stands behind it; true where that one only prepares the next.
static bool read_command(struct starter *s, struct ff_span *line)
{
	static const char grammar[] =
		" if then else elif fi for while until do done case esac function set export unset "
		"echo printf exit return trap ulimit umask read shift local eval alias wait sleep "
		"true false test [ [[ : cd pushd popd source . ";
	static const char leading[] = " uvicorn gunicorn hypercorn daphne granian celery flask python python3 ";
	_cleanup_json_ json_t *words = words_of(s, line);
	const char *program = json_string_value(json_array_get(words, 0));
	if (!program || !*program || strpbrk(program, "$`*?\\"))
		return false;
	if (is_one_of(ff_span_of(program), " cd pushd popd "))
		follow(s, words);
	s->other_path |= is_one_of(ff_span_of(program),
		" source . eval conda micromamba mamba pyenv module ml pip apt apt-get "
		"pixi poetry uv ");
	s->brought |= is_one_of(ff_span_of(program),
		" git wget curl cp mv ln tar unzip install rsync scp hf huggingface-cli aws gsutil gcloud "
		"rclone openssl cat tee envsubst sed ");
	if (is_one_of(ff_span_of(program), grammar) || s->commands++ >= COMMANDS_MAX)
		return is_one_of(ff_span_of(program), " cd pushd export set source . ");
	json_t *command = json_pack("{s:o, s:O}", "file", ff_json_string(s->file, strlen(s->file)), "words", words);
	if (!command)
		return false;
	const char *slash = strrchr(program, '/'), *name = meant(words, slash ? slash + 1 : program);
	if (!slash && !s->other_path && !is_on_path(s->w->ctx->host, program))
		json_object_set_new(command, "absent", json_true());
	put_unbound(s, command, name);
	put_gone(s, command, ff_span_of(name));
	if (!s->moved && !s->other_path && is_one_of(ff_span_of(name), leading))
		ff_workdir_lead(s->w, command, name, s->folder, s->flask);
	note_ports(s, words, name);
	ff_fact_append(s->w->ctx, "workdir.commands", command);
	return false;
}

static void read_line(struct starter *s, struct ff_span line)
{
	while (read_command(s, &line)) {
		line = ff_span_trim(line);
		size_t n = ff_span_starts(line, "&&") ? 2 : ff_span_starts(line, ";");
		if (!n)
			return;
		line = ff_span_skip(line, n);
	}
}

// Each file, and each line of a Procfile, begins in the worker's folder.
static bool begin(struct starter *s)
{
	const char *flask = ff_host_getenv(s->w->ctx->host, "FLASK_APP");
	free(s->folder);
	free(s->flask);
	s->folder = strdup(s->w->folder);
	s->flask = flask ? strdup(flask) : NULL;
	s->moved = false;
	return s->folder;
}

// Lines that end in a backslash go on; a Procfile has "web: " before each command.
static void read_starter(struct starter *s, struct ff_span text, bool procfile)
{
	_cleanup_buf_ struct ff_buf whole = {0};
	for (struct ff_span line; ff_span_line(&text, &line);) {
		bool goes_on = line.n && line.p[line.n - 1] == '\\', begins = !whole.n;
		if (begins && line.n && ff_is_blank(line.p[0]))
			continue;
		line.n -= goes_on;
		const char *colon = procfile && begins ? memchr(line.p, ':', line.n) : NULL;
		ff_buf_span(&whole, colon ? ff_span_skip(line, (size_t)(colon + 1 - line.p)) : line);
		if (goes_on)
			continue;
		s->other_path |= whole.n && (strstr(whole.p, "PATH=") || strstr(whole.p, "activate"));
		if (whole.n && (!procfile || begin(s)))
			read_line(s, (struct ff_span){whole.p, whole.n});
		ff_buf_deinit(&whole);
		whole = (struct ff_buf){0};
	}
}

// It may be executed, and says not by what: {"file": "start.sh", "bare": true}.
static void put_bare(struct ff_workdir *w, const char *name)
{
	struct stat st;
	_cleanup_free_ char *path = ff_path_printf("%s/%s", w->folder, name);
	_cleanup_error_ struct ff_error *err = path ? ff_host_stat(w->ctx->host, path, &st) : &ff_enomem;
	if (!err && (st.st_mode & S_IXUSR) && strcmp(name, "Procfile") != 0)
		ff_fact_append(w->ctx, "workdir.starters",
			json_pack("{s:o, s:b}", "file", ff_json_string(name, strlen(name)), "bare", 1));
}

// What keeps the kernel from running it: an interpreter that is not there, line ends of Windows behind its name.
static void put_starter(struct ff_workdir *w, const char *name, struct ff_span text)
{
	struct ff_span line, program;
	if (text.n && !ff_span_starts(text, "#!") && text.p[0] != 0x7f)
		put_bare(w, name);
	if (!ff_span_starts(text, "#!/") || !ff_span_next(&text, '\n', &line))
		return;
	bool crlf = ff_span_ends(line, "\r");
	line = ff_span_trim(ff_span_skip(line, 2));
	ff_span_next(&line, ' ', &program);
	_cleanup_free_ char *path = ff_span_dup(program);
	struct stat st;
	_cleanup_error_ struct ff_error *absent = path ? ff_host_stat(w->ctx->host, path, &st) : &ff_enomem;
	bool gone = path && absent && absent->code == FF_EABSENT;
	json_t *starter = crlf || gone ? json_pack("{s:o}", "file", ff_json_string(name, strlen(name))) : NULL;
	if (starter && crlf)
		json_object_set_new(starter, "crlf", json_true());
	if (starter && gone)
		json_object_set_new(starter, "interpreter", ff_json_string(path, strlen(path)));
	if (starter)
		ff_fact_append(w->ctx, "workdir.starters", starter);
}

void ff_workdir_commands(struct ff_workdir *w)
{
	if (ff_host_pid(w->ctx->host))
		return; // its own command line is known
	for (size_t i = 0, n = 0; i < w->names.n && n < FILES_MAX; i++) {
		const char *name = w->names.names[i];
		bool gunicorn = strcmp(name, "gunicorn.conf.py") == 0;
		bool procfile = strcmp(name, "Procfile") == 0;
		static const char *const starts[] = {"start", "run", "serve", "entrypoint", "docker-entrypoint",
			"launch", "train", "finetune", "worker", "web", "api", "infer"};
		bool named = procfile || gunicorn;
		for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++)
			named |= ff_starts(name, starts[k]) && (ff_ends(name, ".sh") || strcmp(name, starts[k]) == 0);
		_cleanup_free_ char *path = named ? ff_path_printf("%s/%s", w->folder, name) : NULL, *text = NULL;
		size_t size;
		_cleanup_error_ struct ff_error *absent =
			path ? ff_host_read(w->ctx->host, path, FILE_MAX, &text, &size) : &ff_enomem;
		if (absent)
			continue;
		n++;
		struct starter s = {.w = w, .file = name, .text = {text, size}};
		if (begin(&s) && gunicorn) {
			read_gunicorn(&s, (struct ff_span){text, size});
		} else if (s.folder) {
			put_starter(w, name, (struct ff_span){text, size});
			read_starter(&s, (struct ff_span){text, size}, procfile);
		}
		free(s.folder);
		free(s.flask);
	}
}
