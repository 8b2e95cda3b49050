// Reads out of a log what it says of its own machine.
//
//	INFO 05-01 [api_server.py:1043] vLLM API server version 0.8.5
//	INFO 05-01 [api_server.py:1044] args: Namespace(model='m', max_model_len=8192, dtype='auto')
//	INFO 05-01 [utils.py:233] non-default args: {'model': 'm', 'max_model_len': 8192}
//	server_args=ServerArgs(model_path='m', mem_fraction_static=0.88, tp_size=2)
//	text_generation_launcher: Args { model_id: "m", max_input_tokens: Some(1024), quantize: None }; or a line each
//	+ vllm serve m --max-model-len 8192 --enforce-eager
//	  File "/opt/venv/lib/python3.10/site-packages/torch/nn/modules/module.py", line 1532, in _call_impl
//
// How the source lies: usage texts list flags that were not given (they stand in brackets), a requirement names a
// version that is not there ("requires torch==2.6.0"), and a launcher's log may hold several starts, of which the last
// counts. Behind the log's head only the engines' own lists are looked for: a restarted worker writes a new one.
#include "log/said.h"

#include "base/hash.h"
#include "base/words.h"
#include "log/carrier.h"
#include "log/interpreter.h"
#include "log/line.h"
#include "log/setting_name.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

enum { HEAD_MAX = 256 << 10, LIST_MAX = 16 << 10, SETTINGS_MAX = 300, WORD_MAX = 300, NAME_MAX_BYTES = 64 };
enum { HITS_MAX = 40, LATER_MAX = 2000, CRI_TIME_MAX = 40, LISTS_MAX = 16, LIST_LINES_MAX = 400 };
enum { OPENED_MAX = 200 }; // what a carrier puts behind the bracket that opens a list of lines

// A list that was found behind the head. A worker that is started again and again writes the same ones each time, so
// they are read at the end, each once.
struct list {
	const struct mark *mark;
	char *text;
	size_t n;
	uint64_t hash; // of the text
};

struct ff_said {
	json_t *doc;
	struct ff_words marks; // made when the first bytes come
	const char *texts[FF_WORDS_MAX];
	size_t read, settings_at;     // bytes before the lines last taken; where settings were read last
	size_t taken, head;	      // of those lines: how many bytes, and how many of them belong to the head
	unsigned later;		      // lists behind the head
	struct list lists[LISTS_MAX]; // in order of where they stood last
	size_t lists_n;
	struct ff_liner *liner; // made when a list goes over lines
	bool failed;
};

struct ff_error *ff_said_create(struct ff_said **ret)
{
	struct ff_said *said = calloc(1, sizeof(*said));
	if (said)
		said->doc = json_object();
	if (!said || !said->doc) {
		ff_said_destroy(said);
		return &ff_enomem;
	}
	*ret = said;
	return NULL;
}

static void forget_lists(struct ff_said *said)
{
	while (said->lists_n)
		free(said->lists[--said->lists_n].text);
}

void ff_said_destroy(struct ff_said *said)
{
	if (!said)
		return;
	forget_lists(said);
	ff_liner_destroy(said->liner);
	json_decref(said->doc);
	free(said);
}

// ---- keeping ----

static void keep(struct ff_said *said, struct ff_error *err)
{
	said->failed |= err && err->code == FF_ENOMEM;
	ff_error_destroy(err);
}

static void put(struct ff_said *said, const char *path, struct ff_span value)
{
	if (!value.n || value.n > WORD_MAX)
		return;
	keep(said, ff_json_put(said->doc, path, ff_json_string(value.p, value.n)));
}

static json_t *object_at(struct ff_said *said, const char *path)
{
	json_t *at = ff_json_at(said->doc, path);
	if (at)
		return at;
	keep(said, ff_json_put(said->doc, path, json_object()));
	return ff_json_at(said->doc, path);
}

static void put_setting(struct ff_said *said, struct ff_span name, struct ff_span value)
{
	char key[NAME_MAX_BYTES];
	json_t *settings = object_at(said, "engine.settings");
	if (!name.n || name.n >= sizeof(key) || value.n > WORD_MAX || json_object_size(settings) >= SETTINGS_MAX)
		return;
	for (size_t i = 0; i < name.n; i++)
		key[i] = name.p[i] == '-' ? '_' : name.p[i];
	key[name.n] = '\0';
	const char *const keys[] = {key, ff_setting_general(key)};
	for (size_t i = 0; i < 2; i++)
		if (keys[i] && json_object_set_new(settings, keys[i], ff_json_string(value.p, value.n)) < 0)
			said->failed |= !ff_json_at(said->doc, "engine");
}

// ---- lists of settings ----

static size_t backslashes_before(struct ff_span text, const char *p)
{
	size_t n = 0;
	while (p - n > text.p && p[-1 - (ptrdiff_t)n] == '\\')
		n++;
	return n;
}

// Behind the quote that opens at `at`; in JSON all of a line's own quotes stand behind as many backslashes.
static size_t quote_end(struct ff_span text, size_t at)
{
	const char *end = text.p + at, *stop = text.p + text.n;
	size_t escaped = backslashes_before(text, end);
	do
		end = memchr(end + 1, text.p[at], (size_t)(stop - end - 1));
	while (end && backslashes_before(text, end) != escaped);
	return end ? (size_t)(end - text.p) : text.n - 1;
}

// Where a value ends, at a comma or the closing bracket of the list itself, or where the list does.
static size_t end_of(struct ff_span text, bool value)
{
	static const char sign[UCHAR_MAX + 1] = {['\''] = 'q',
		['"'] = 'q',
		['('] = '(',
		['['] = '(',
		['{'] = '(',
		[')'] = ')',
		[']'] = ')',
		['}'] = ')',
		[','] = ','};
	int depth = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = sign[(unsigned char)text.p[i]];
		if (!c)
			continue;
		if (c == 'q')
			i = quote_end(text, i);
		else if (c == '(')
			depth++;
		else if (c == ')' ? depth-- == 0 : value && depth == 0)
			return i;
	}
	return text.n;
}

static struct ff_span bare(struct ff_span value)
{
	value = ff_span_trim(value);
	if (ff_span_starts(value, "Some(") && ff_span_ends(value, ")"))
		value = ff_span_trim((struct ff_span){value.p + 5, value.n - 6});
	if (value.n && value.p[value.n - 1] == ',') // "Some(\n        4,\n    )"
		value.n--;
	size_t quote = 0; // \"m\", as JSON has it
	while (quote < value.n && value.p[quote] == '\\')
		quote++;
	bool open = value.n >= 2 * (quote + 1) && (value.p[quote] == '\'' || value.p[quote] == '"');
	if (open && value.p[value.n - 1] == value.p[quote])
		value = (struct ff_span){value.p + quote + 1, value.n - 2 * (quote + 1)};
	return value;
}

// "'model': 'm', 'n': 1}", "model='m', n=1)", "model_id: \"m\", n: Some(1) }"
static void read_list(struct ff_said *said, struct ff_span text)
{
	if (text.n > LIST_MAX)
		text.n = LIST_MAX;
	for (int n = 0; text.n && n < SETTINGS_MAX; n++) {
		size_t end = end_of(text, true), sign = 0;
		while (sign < end && text.p[sign] != '=' && text.p[sign] != ':')
			sign++;
		struct ff_span name = bare((struct ff_span){text.p, sign});
		struct ff_span value = sign < end ? bare((struct ff_span){text.p + sign + 1, end - sign - 1}) : name;
		bool plain = name.n && ff_word_at(name).n == name.n;
		if (plain && sign < end && !ff_span_eq(value, "None"))
			put_setting(said, name, value);
		if (end >= text.n || text.p[end] != ',')
			return;
		text = (struct ff_span){text.p + end + 1, text.n - end - 1};
	}
}

// "--max-model-len 8192 --enforce-eager --dtype=half"
// Usage texts and complaints name flags that nobody gave.
static void read_flags(struct ff_said *said, struct ff_span rest, struct ff_span line)
{
	struct ff_span word, flag = {NULL, 0};
	if (memmem(line.p, line.n, "usage:", 6) || memmem(line.p, line.n, "rror:", 5))
		return;
	while (ff_span_next(&rest, ' ', &word)) {
		if (!word.n)
			continue;
		bool is_flag = ff_span_starts(word, "--") && word.n > 2;
		if (flag.n)
			put_setting(said, flag, is_flag ? FF_SPAN("true") : bare(word));
		flag = (struct ff_span){NULL, 0};
		if (!is_flag)
			continue;
		const char *sign = memchr(word.p, '=', word.n);
		struct ff_span name = {word.p + 2, sign ? (size_t)(sign - word.p - 2) : word.n - 2};
		if (ff_word_at(name).n != name.n)
			continue;
		if (sign)
			put_setting(said, name, bare((struct ff_span){sign + 1, word.n - (size_t)(sign + 1 - word.p)}));
		else
			flag = name;
	}
	if (flag.n)
		put_setting(said, flag, FF_SPAN("true"));
}

enum what { ENGINE, VERSION, LIST, COMMAND, RUNTIME, PLATFORM, HOST, NCCL_HOST, CRI, MEMBER, COMPOSE, DRIVER };

// What a text in the log's head tells; `name` is the engine, package, runtime or platform.
static const struct mark {
	const char *text;
	enum what what;
	const char *name;
} marks[] = {
	{"vLLM API server version ", VERSION, "vllm"},
	{"LLM engine (v", VERSION, "vllm"},
	{"non-default args: {", LIST, "vllm"},
	{") with config: ", LIST, "vllm"},
	{"args: Namespace(", LIST, NULL},
	{"server_args=ServerArgs(", LIST, "sglang"},
	{"TurbomindEngineConfig(", LIST, "lmdeploy"},
	{"PytorchEngineConfig(", LIST, "lmdeploy"},
	{"Args {", LIST, NULL},
	{"text_generation_launcher", ENGINE, "tgi"},
	{"text_embeddings_router", ENGINE, "tei"},
	{"vllm serve ", COMMAND, "vllm"},
	{"vllm.entrypoints", COMMAND, "vllm"},
	{"sglang.launch_server", COMMAND, "sglang"},
	{"text-generation-launcher ", COMMAND, "tgi"},
	{"text-embeddings-router ", COMMAND, "tei"},
	{"llama-server ", COMMAND, "llama.cpp"},
	{"llama_model_loader:", ENGINE, "llama.cpp"},
	{"ollama runner ", COMMAND, "ollama"},
	{"ollama_llama_server ", COMMAND, "ollama"},
	{"/blobs/sha256-", ENGINE, "ollama"},
	{"\\blobs\\sha256-", ENGINE, "ollama"},
	{" source=sched.go:", ENGINE, "ollama"},
	{" source=server.go:", ENGINE, "ollama"},
	{"gpttype_load_model", ENGINE, "koboldcpp"},
	{"LocalAI version", ENGINE, "localai"},
	{" backend=llama-cpp", ENGINE, "localai"},
	{"lmdeploy serve ", COMMAND, "lmdeploy"},
	{"trtllm-serve ", COMMAND, "tensorrt-llm"},
	{"ComfyUI version: ", VERSION, "comfyui"},
	{"#SBATCH ", COMMAND, NULL},
	{"#SBATCH ", RUNTIME, "slurm"},
	{"start container for ", RUNTIME, "runpod"}, // its agent's words
	{"slurmstepd", RUNTIME, "slurm"},
	{"/slurm_script: ", RUNTIME, "slurm"},
	{"srun: ", RUNTIME, "slurm"},
	{"docker run ", RUNTIME, "docker"},
	{"docker: Error response", RUNTIME, "docker"},
	{"nvidia-container-cli", RUNTIME, "docker"},
	{"podman ", RUNTIME, "podman"},
	{"pyxis:", RUNTIME, "enroot"},
	{"enroot", RUNTIME, "enroot"},
	{"apptainer", RUNTIME, "apptainer"},
	{"singularity", RUNTIME, "apptainer"},
	{"kubelet", RUNTIME, "kubernetes"},
	{"kubernetes.io/", RUNTIME, "kubernetes"},
	{"kubectl ", RUNTIME, "kubernetes"},
	{"Restart Count:", RUNTIME, "kubernetes"},
	{"Last State: ", RUNTIME, "kubernetes"},
	{"CrashLoopBackOff", RUNTIME, "kubernetes"},
	{"default-scheduler", RUNTIME, "kubernetes"},
	{"docker-compose ", RUNTIME, "compose"},
	{"docker compose ", RUNTIME, "compose"},
	{"  | ", COMPOSE, "compose"},
	{"microsoft-standard-WSL2", PLATFORM, "wsl"},
	{"Windows-1", PLATFORM, "windows"},
	{"macOS-", PLATFORM, "macos"},
	{"  host      : ", HOST, NULL},
	{" NCCL INFO ", NCCL_HOST, NULL},
	{" stdout F ", CRI, "kubernetes"},
	{" stderr F ", CRI, "kubernetes"},
	{"\"pod_name\":\"", MEMBER, "pods"},
	{"\"container_id\":\"", MEMBER, "containers"},
	{"Driver Version: ", DRIVER, NULL},
};

static void add_line(const struct ff_line *line, void *context)
{
	ff_buf_span(context, line->text);
	ff_buf_char(context, '\n');
}

// A list that goes over lines, of each of which only what was meant counts: a carrier puts its own before and behind
// it. `line` is where its first line begins, `text` what follows the mark up to the end of the bytes.
static struct ff_span joined(
	struct ff_said *said, const struct mark *m, const char *line, struct ff_span text, struct ff_buf *ret)
{
	const char *stop = text.p + text.n, *end = memchr(text.p, '\n', text.n);
	struct ff_span first = {text.p, end ? (size_t)(end - text.p) : text.n}, rest = {line, (size_t)(stop - line)},
		       raw;
	if (!end || first.n > OPENED_MAX || end_of(first, false) < first.n)
		return text;
	if (!said->liner)
		keep(said, ff_liner_create(&said->liner));
	for (uint64_t n = 1; said->liner && n < LIST_LINES_MAX && ff_span_next(&rest, '\n', &raw); n++) {
		ff_liner_read(said->liner, raw, n, add_line, ret);
		const char *mark = ret->n ? memmem(ret->p, ret->n, m->text, strlen(m->text)) : NULL;
		if (!mark)
			return text;
		const char *begins = mark + strlen(m->text);
		first = (struct ff_span){begins, (size_t)(ret->p + ret->n - begins)};
		if (first.n > LIST_MAX || end_of(first, false) < first.n)
			break;
	}
	said->failed |= ret->failed;
	return ret->n ? first : text;
}

static void read_joined(struct ff_said *said, const struct mark *m, const char *line, struct ff_span text)
{
	_cleanup_buf_ struct ff_buf whole = {0};
	read_list(said, joined(said, m, line, text, &whole));
}

static void put_engine(struct ff_said *said, const char *name)
{
	if (name)
		put(said, "engine.name", ff_span_of(name));
}

// "2026-03-04T05:06:07.890Z stderr F ": nothing but the time stands in front.
static void read_cri(struct ff_said *said, const struct mark *m, struct ff_span before)
{
	if (before.n - strlen(m->text) <= CRI_TIME_MAX && isdigit((unsigned char)*before.p))
		keep(said, ff_carrier_put(said->doc, m->name));
}

static void read_compose(struct ff_said *said, const struct mark *m, struct ff_span before)
{
	before.n -= strlen(m->text);
	if (!ff_carrier_is_compose(before))
		return;
	keep(said, ff_interpreter_runtime(said->doc, m->name));
	keep(said, ff_carrier_put(said->doc, "docker"));
}

// `rest` is what follows the mark, up to the end of the bytes; `line` the line it stands in.
static void take(struct ff_said *said, const struct mark *m, struct ff_span rest, struct ff_span line)
{
	struct ff_span in_line = {rest.p, (size_t)(line.p + line.n - rest.p)}, version = ff_version_at(in_line);
	switch (m->what) {
	case ENGINE:
		put_engine(said, m->name);
		break;
	case VERSION:
		if (version.n) {
			put_engine(said, m->name);
			put(said, "engine.version", version);
			keep(said, ff_interpreter_package(said->doc, ff_span_of(m->name), version));
		}
		break;
	case LIST:
		put_engine(said, m->name);
		read_joined(said, m, line.p, rest);
		break;
	case COMMAND:
		put_engine(said, m->name);
		read_flags(said, in_line, line);
		break;
	case RUNTIME:
		keep(said, ff_interpreter_runtime(said->doc, m->name));
		break;
	case PLATFORM:
		put(said, "platform", ff_span_of(m->name));
		break;
	case HOST:
		put(said, "host", ff_word_at(in_line));
		break;
	case NCCL_HOST:
		put(said, "host", ff_carrier_nccl_host((struct ff_span){line.p, (size_t)(rest.p - line.p)}));
		break;
	case CRI:
		read_cri(said, m, (struct ff_span){line.p, (size_t)(rest.p - line.p)});
		break;
	case MEMBER:
		keep(said, ff_carrier_put(said->doc, "kubernetes"));
		keep(said, ff_carrier_add(said->doc, m->name, ff_word_at(in_line)));
		break;
	case COMPOSE:
		read_compose(said, m, (struct ff_span){line.p, (size_t)(rest.p - line.p)});
		break;
	case DRIVER:
		put(said, "driver.version", version);
		break;
	}
}

enum { MARKS = sizeof(marks) / sizeof(*marks) };
_Static_assert((int)MARKS <= (int)FF_WORDS_MAX, "marks are looked for at once");

static void make_words(struct ff_said *said)
{
	for (size_t i = 0; i < MARKS; i++)
		said->texts[i] = marks[i].text;
	ff_words_init(&said->marks, said->texts, MARKS, false);
}

// Where marks stand in some bytes: the first places of each.
struct places {
	size_t at[MARKS][HITS_MAX];
	size_t n[MARKS];
};

static bool on_mark(size_t mark, size_t at, void *context)
{
	struct places *places = context;
	if (places->n[mark] < HITS_MAX)
		places->at[mark][places->n[mark]++] = at;
	return true;
}

static void take_place(struct ff_said *said, const struct mark *m, struct ff_span bytes, size_t at)
{
	const char *end = bytes.p + bytes.n, *p = bytes.p + at + strlen(m->text);
	const char *start = memrchr(bytes.p, '\n', at), *stop = memchr(p, '\n', (size_t)(end - p));
	start = start ? start + 1 : bytes.p;
	stop = stop ? stop : end;
	take(said, m, (struct ff_span){p, (size_t)(end - p)}, (struct ff_span){start, (size_t)(stop - start)});
}

static void read_head(struct ff_said *said, struct ff_span lines)
{
	struct places *places = calloc(1, sizeof(*places));
	said->failed |= !places;
	if (!places)
		return;
	if (!said->marks.n)
		make_words(said);
	keep(said, ff_interpreter_read(said->doc, lines));
	ff_words_find(&said->marks, lines, on_mark, places);
	for (size_t i = 0; i < MARKS; i++) {
		bool once = marks[i].what == RUNTIME || marks[i].what == ENGINE || marks[i].what == PLATFORM;
		size_t n = once && places->n[i] ? 1 : places->n[i];
		for (size_t k = 0; k < n; k++)
			take_place(said, &marks[i], lines, places->at[i][k]);
	}
	free(places);
}

void ff_said_read(struct ff_said *said, struct ff_span lines)
{
	said->read += said->taken;
	said->taken = lines.n;
	said->head = 0;
	if (said->read >= HEAD_MAX)
		return;
	size_t left = HEAD_MAX - said->read;
	const char *end = left < lines.n ? memchr(lines.p + left, '\n', lines.n - left) : NULL;
	said->head = end ? (size_t)(end + 1 - lines.p) : lines.n;
	read_head(said, (struct ff_span){lines.p, said->head});
}

// Those of the marks that are lists.
const char ff_said_settings_pattern[] = "args: (?:\\{|Namespace\\()|server_args=ServerArgs\\(|Args \\{ |"
					"LLM engine \\(v[^)]{1,40}\\) with config: ";

struct later {
	struct ff_said *said;
	struct ff_span lines;
	size_t from; // where the text begins in them
};

static void read_first_list(struct ff_said *said)
{
	struct list *first = said->lists;
	put_engine(said, first->mark->name);
	read_list(said, (struct ff_span){first->text, first->n});
	free(first->text);
	memmove(first, first + 1, --said->lists_n * sizeof(*first));
}

// Puts the list behind all others, where it stands already or not: what it says holds over what they say.
static void put_list(struct ff_said *said, const struct mark *m, struct ff_span text)
{
	struct list list = {m, NULL, text.n, ff_hash(text, false)};
	size_t i = 0;
	while (i < said->lists_n && (said->lists[i].mark != m || said->lists[i].hash != list.hash))
		i++;
	if (i < said->lists_n) {
		list = said->lists[i];
		memmove(said->lists + i, said->lists + i + 1, (--said->lists_n - i) * sizeof(list));
	} else {
		list.text = ff_span_dup(text);
		said->failed |= !list.text;
	}
	if (said->lists_n == LISTS_MAX)
		read_first_list(said);
	if (list.text)
		said->lists[said->lists_n++] = list;
}

// A later start's list of settings takes the place of an earlier one's.
static bool on_later(size_t mark, size_t at, void *context)
{
	struct later *later = context;
	struct ff_said *said = later->said;
	if (marks[mark].what != LIST)
		return true;
	at += later->from;
	if (said->read + at - said->settings_at > HEAD_MAX) {
		forget_lists(said);
		json_object_clear(ff_json_at(said->doc, "engine.settings"));
	}
	said->settings_at = said->read + at;
	size_t start = at + strlen(marks[mark].text), left = later->lines.n - start;
	struct ff_span text = {later->lines.p + start, left < LIST_MAX ? left : LIST_MAX};
	_cleanup_buf_ struct ff_buf whole = {0};
	const char *line = memrchr(later->lines.p, '\n', at);
	text = joined(said, &marks[mark], line ? line + 1 : later->lines.p, text, &whole);
	size_t end = end_of(text, false);
	put_list(said, &marks[mark], (struct ff_span){text.p, end < text.n ? end + 1 : end});
	return ++said->later < LATER_MAX;
}

void ff_said_docker(struct ff_said *said)
{
	keep(said, ff_carrier_put(said->doc, "docker"));
}

void ff_said_settings(struct ff_said *said, struct ff_span lines, size_t from, size_t to)
{
	struct later later = {said, lines, from > said->head ? from : said->head};
	if (later.from < to && said->later < LATER_MAX)
		ff_words_find(&said->marks, (struct ff_span){lines.p + later.from, to - later.from}, on_later, &later);
}

struct ff_error *ff_said_finish(struct ff_said *said, const struct ff_events *events, json_t **ret)
{
	while (said->lists_n)
		read_first_list(said);
	for (size_t i = 0; i < ff_events_count(events); i++) {
		const struct ff_event *e = ff_events_at(events, i);
		if (!e)
			continue;
		keep(said, ff_interpreter_event(said->doc, e));
		keep(said, ff_carrier_event(said->doc, e));
	}
	if (said->failed)
		return &ff_enomem;
	*ret = json_incref(said->doc);
	return NULL;
}
