// Reads who carried a log's lines, and what they tell of the hardware under the worker, out of the names in front of
// lines and out of events.
//
//	Mar  4 05:06:07 gpu-3 worker[812]: Traceback (most recent call last):            source "gpu-3 worker[812]"
//	[pod/worker-7d9f8b6c5d-x2x4z/app] Traceback (most recent call last):             source "pod/worker-7d9f8b6c5d-x2x4z/app"
//	CUDA out of memory. ... GPU 0 has a total capacity of 23.64 GiB of which 1.00 GiB is free.
//
// How the source lies: what stands in front of a line need not name a host ("EngineCore_DP0 pid=12", "rank0",
// "app[web.1]"), a log can come from many hosts, and a file of a temporary folder is gone although it is this machine.
#include "log/carrier.h"

#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>

enum { NAMES_MAX = 16, NAME_BYTES = 200, NUMBER_BYTES = 24, POD_END = 5 };

struct ff_error *ff_carrier_put(json_t *said, const char *name)
{
	return ff_json_put(said, "carrier", json_string(name));
}

static bool holds(const json_t *list, struct ff_span name)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		if (ff_span_eq(name, json_string_value(item)))
			return true;
	}
	return false;
}

struct ff_error *ff_carrier_add(json_t *said, const char *key, struct ff_span name)
{
	json_t *list = json_object_get(said, key);
	if (!name.n || name.n > NAME_BYTES || json_array_size(list) >= NAMES_MAX || holds(list, name))
		return NULL;
	if (!list && json_object_set_new(said, key, list = json_array()) < 0)
		return &ff_enomem;
	return json_array_append_new(list, ff_json_string(name.p, name.n)) < 0 ? &ff_enomem : NULL;
}

// ---- names in front of lines ----

static struct ff_span word_of(struct ff_span text)
{
	size_t n = 0;
	while (n < text.n && (strchr("._-", text.p[n]) ? text.p[n] != '\0' : isalnum((unsigned char)text.p[n]) != 0))
		n++;
	return (struct ff_span){text.p, n};
}

// "worker[812]", "kernel": a program as syslog names it, and nothing behind it but another name.
static bool is_program(struct ff_span text)
{
	const char *slash = memchr(text.p, '/', text.n), *open = memchr(text.p, '[', text.n);
	size_t n = slash && (!open || slash > open) ? (size_t)(slash - text.p) : text.n;
	if (n == strlen("kernel") && memcmp(text.p, "kernel", n) == 0)
		return true;
	if (!open || open == text.p || n < 3 || text.p[n - 1] != ']')
		return false;
	for (const char *p = open + 1; p < text.p + n - 1; p++) {
		if (!isdigit((unsigned char)*p))
			return false;
	}
	return !memchr(text.p, ' ', n);
}

// Kubernetes ends the name of a deployment's pod with five of the letters and digits that form no words.
static bool is_pod(struct ff_span name)
{
	if (name.n <= POD_END + 1 || name.p[name.n - POD_END - 1] != '-')
		return false;
	for (size_t i = name.n - POD_END; i < name.n; i++) {
		if (!strchr("bcdfghjklmnpqrstvwxz2456789", name.p[i]))
			return false;
	}
	return true;
}

struct ff_error *ff_carrier_source(json_t *said, const char *source)
{
	if (!source)
		return NULL;
	struct ff_span text = ff_span_of(source), host = word_of(text);
	bool kubectl = ff_starts(source, "pod/");
	struct ff_span pod = kubectl ? word_of(ff_span_of(source + strlen("pod/"))) : host;
	if (kubectl || (is_pod(pod) && (pod.n == text.n || text.p[pod.n] == '/'))) {
		struct ff_error *err = ff_carrier_put(said, "kubernetes");
		return err ? err : ff_carrier_add(said, "pods", pod);
	}
	if (host.n && host.n < text.n && host.p[host.n] == ' ' &&
		is_program((struct ff_span){text.p + host.n + 1, text.n - host.n - 1}))
		return ff_carrier_add(said, "hosts", host);
	return NULL;
}

// ---- events ----

// Files that may be gone although it is the machine that ran them.
static bool is_fleeting(const char *file)
{
	static const char *const parts[] = {
		"/tmp/", "/var/tmp/", "/dev/shm/", "/.cache/", "/proc/", "ipykernel", "/build/"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (strstr(file, parts[i]))
			return true;
	}
	return false;
}

// "total capacity of 23.64 GiB", "(GPU 0; 23.69 GiB total capacity"
static struct ff_error *read_capacity(json_t *said, const char *message)
{
	static const char mark[] = "total capacity";
	const char *at = strstr(message, mark), *number;
	char *end;
	if (!at)
		return NULL;
	if (ff_starts(at + strlen(mark), " of ")) {
		number = at + strlen(mark) + strlen(" of ");
	} else {
		for (number = at; number > message && number[-1] != ';' && at - number < NUMBER_BYTES;)
			number--;
		if (number == message || number[-1] != ';')
			return NULL;
	}
	double size = strtod(number, &end);
	double unit = ff_starts(end, " GiB") ? (double)(1LL << 30) : ff_starts(end, " MiB") ? (double)(1LL << 20) : 0;
	if (!(size > 0 && size < 1e6) || unit == 0)
		return NULL;
	return ff_json_put(said, "gpu.total", json_integer((json_int_t)(size * unit)));
}

// "(found version 11040)": the CUDA that the driver is for.
static struct ff_error *read_driver(json_t *said, const char *message)
{
	const char *driver = strstr(message, "NVIDIA driver"), *at = driver ? strstr(driver, "(found version ") : NULL;
	long number = at ? strtol(at + strlen("(found version "), NULL, 10) : 0;
	if (number < 1000 || number > 99999)
		return NULL;
	return ff_json_put(said, "driver.cuda", json_sprintf("%ld.%ld", number / 1000, number % 1000 / 10));
}

// A program of the user's own that makes the engine: what the engine's command takes as flags, it gives as arguments.
static struct ff_error *read_caller(json_t *said, const char *text)
{
	static const struct {
		const char *part, *engine;
	} callers[] = {{"/vllm/entrypoints/llm.py", "vllm"}, {"/lmdeploy/api.py", "lmdeploy"},
		{"/llama_cpp/", "llama-cpp-python"}, {"Could not load Llama model from path: ", "llama-cpp-python"}};
	for (size_t i = 0; i < sizeof(callers) / sizeof(*callers); i++) {
		if (!strstr(text, callers[i].part))
			continue;
		struct ff_error *err = ff_json_put(said, "engine.name", json_string(callers[i].engine));
		return err ? err : ff_json_put(said, "engine.called", json_true());
	}
	return NULL;
}

static struct ff_error *read_files(json_t *said, const struct ff_event *event)
{
	struct ff_error *err = read_caller(said, event->message);
	for (size_t i = 0; i < event->frame_count && !err; i++) {
		const char *file = event->frames[i].file;
		err = read_caller(said, file);
		if (!err && file[0] == '/' && !is_fleeting(file))
			err = ff_carrier_add(said, "files", ff_span_of(file));
	}
	return err;
}

struct ff_error *ff_carrier_event(json_t *said, const struct ff_event *event)
{
	struct ff_error *err = event->history ? NULL : ff_carrier_source(said, event->source);
	if (!err && !event->history)
		err = read_files(said, event);
	if (!err)
		err = read_capacity(said, event->message);
	return err ? err : read_driver(said, event->message);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

bool ff_carrier_is_compose(struct ff_span before)
{
	size_t name = 0, digits = 0;
	while (before.n && before.p[before.n - 1] == ' ')
		before.n--;
	while (name < before.n && is_word_char(before.p[name]))
		name++;
	while (digits < name && isdigit((unsigned char)before.p[name - 1 - digits]))
		digits++;
	bool numbered = digits && name > digits + 1 && strchr("-_", before.p[name - 1 - digits]);
	return numbered && name == before.n && isalpha((unsigned char)*before.p);
}

struct ff_span ff_carrier_nccl_host(struct ff_span before)
{
	static const struct ff_span none = {NULL, 0};
	const char *colon[2], *end = memrchr(before.p, '[', before.n);
	for (size_t i = 0; i < 2 && end; i++) {
		colon[i] = end = memrchr(before.p, ':', (size_t)(end - before.p));
		if (end && !isdigit((unsigned char)end[1]))
			return none;
	}
	if (!end)
		return none;
	const char *start = colon[1];
	while (start > before.p && is_word_char(start[-1]))
		start--;
	return (struct ff_span){start, (size_t)(colon[1] - start)};
}
