// Lets a Python test ask the parsers: reads lines of tab-separated fields, prints one answer a line.
//
//	compare\t1.0rc1\t1.0            prints -1, 0 or 1
//	satisfies\t2.3.1+cu121\t>=2,<3  prints yes, no or unknown
//	format\tv1.0-RC1                prints the normal form, or nothing when it is no version
//	requirement\tfoo[a] >=1 ; x     prints name, extras, specifiers, url, marker separated by tabs, or "error"
//	bnb\t{"version": "0.42.0", ...}  prints outcome and wanted library; keys as in answer_bnb()
//	model\tFILE                     prints tensors, parameters, bytes, file bytes, then layers, heads, kv_heads; or the error
//	name\ttransformers\tHybridCache\t4.45.0   prints what the program's atlas says of that release: here, changed, never or unknown
//	marker\tTEXT\t{"extra": "a"}    prints yes, no, unknown or error; the names are those of PEP 508
#include "base/io.h"
#include "base/json.h"
#include "know/atlas_ask.h"
#include "know/bnb.h"
#include "parse/model_file.h"
#include "parse/requirement.h"

#include <stdio.h>

enum { FIELDS_MAX = 4 };

static void answer_compare(char *const *fields)
{
	printf("%d\n", ff_version_compare(fields[1], fields[2]));
}

static const char *const satisfies_names[] = {
	[FF_SATISFIES_NO] = "no", [FF_SATISFIES_YES] = "yes", [FF_SATISFIES_UNKNOWN] = "unknown"};

static void answer_satisfies(char *const *fields)
{
	puts(satisfies_names[ff_version_satisfies(fields[1], fields[2])]);
}

static void answer_format(char *const *fields)
{
	struct ff_version v;
	_cleanup_buf_ struct ff_buf b = {0};
	if (ff_version_parse(ff_span_of(fields[1]), &v))
		ff_version_format(&v, &b);
	puts(b.p ? b.p : "");
}

static void answer_requirement(char *const *fields)
{
	struct ff_requirement r;
	_cleanup_error_ struct ff_error *err = ff_requirement_parse("line", ff_span_of(fields[1]), &r);
	if (err) {
		puts("error");
		return;
	}
	_cleanup_buf_ struct ff_buf name = {0};
	ff_package_name_format(r.name, &name);
	printf("%s\t%.*s\t%.*s\t%.*s\t%.*s\n", name.p, (int)r.extras.n, r.extras.p, (int)r.specifiers.n, r.specifiers.p,
		(int)r.url.n, r.url.p, (int)r.marker.n, r.marker.p);
}

static void answer_marker(char *const *fields)
{
	static const char *const names[FF_MARKER_NAME_COUNT] = {"os_name", "sys_platform", "platform_machine",
		"platform_python_implementation", "platform_release", "platform_system", "platform_version",
		"python_version", "python_full_version", "implementation_name", "implementation_version", "extra"};
	_cleanup_json_ json_t *values = NULL;
	_cleanup_error_ struct ff_error *bad = ff_json_parse("environment", fields[2], strlen(fields[2]), &values);
	struct ff_marker_env env = {0};
	for (size_t i = 0; !bad && i < FF_MARKER_NAME_COUNT; i++)
		env.values[i] = ff_json_text(values, names[i]);
	enum ff_satisfies answer;
	_cleanup_error_ struct ff_error *err = ff_marker_evaluate("line", ff_span_of(fields[1]), &env, &answer);
	puts(bad || err ? "error" : satisfies_names[answer]);
}

static void answer_bnb(char *const *fields)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_error_ struct ff_error *bad = ff_json_parse("question", fields[1], strlen(fields[1]), &doc);
	const char *shipped[64];
	struct ff_bnb_question q = {.version = ff_json_text(doc, "version"),
		.torch_cuda = ff_json_text(doc, "torch_cuda"),
		.torch_hip = ff_json_text(doc, "torch_hip"),
		.cudart = ff_json_text(doc, "cudart"),
		.override_cuda = ff_json_text(doc, "override_cuda"),
		.override_rocm = ff_json_text(doc, "override_rocm"),
		.capability = ff_json_text(doc, "capability"),
		.gpu = json_is_true(ff_json_at(doc, "gpu")) ? FF_KNOWN_YES : FF_KNOWN_NO,
		.shipped = shipped};
	const json_t *list = ff_json_at(doc, "shipped");
	for (size_t i = 0; i < json_array_size(list) && i < 64; i++)
		shipped[q.n_shipped++] = json_string_value(json_array_get(list, i));
	struct ff_bnb_choice choice;
	if (bad || !ff_know_bnb_select(&q, &choice))
		puts("not known");
	else
		printf("%s\t%s\n", ff_bnb_outcome_name(choice.outcome), choice.wanted);
}

static struct ff_error *read_model(
	const char *path, struct ff_span bytes, struct ff_model_tensors *tensors, struct ff_model_shape *shape)
{
	uint64_t n;
	if (ff_ends(path, ".gguf"))
		return ff_gguf_parse(path, bytes, tensors, shape);
	struct ff_error *err = ff_safetensors_header(path, bytes, bytes.n, &n);
	return err ? err : ff_safetensors_parse(path, (struct ff_span){bytes.p + 8, n}, tensors);
}

static void answer_model(char *const *fields)
{
	_cleanup_fclose_ FILE *f = fopen(fields[1], "rb");
	_cleanup_buf_ struct ff_buf bytes = {0};
	struct ff_model_tensors t = {0};
	struct ff_model_shape s = {0};
	_cleanup_error_ struct ff_error *unread = f ? ff_read_all(fileno(f), fields[1], 64 << 20, &bytes) : &ff_enomem;
	_cleanup_error_ struct ff_error *err =
		unread ? &ff_enomem : read_model(fields[1], (struct ff_span){bytes.p, bytes.n}, &t, &s);
	if (err) {
		printf("error: %s\n", err->message);
		return;
	}
	printf("%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n", (unsigned long long)t.tensors,
		(unsigned long long)t.parameters, (unsigned long long)t.bytes, (unsigned long long)t.file_bytes,
		(unsigned long long)s.layers, (unsigned long long)s.heads, (unsigned long long)s.kv_heads);
}

static void answer_name(char *const *fields)
{
	static const char *const states[] = {[FF_ATLAS_UNKNOWN] = "unknown",
		[FF_ATLAS_HERE] = "here",
		[FF_ATLAS_CHANGED] = "changed",
		[FF_ATLAS_NEVER] = "never"};
	struct ff_atlas_answer answer = {0};
	if (ff_atlas())
		ff_atlas_ask_name(ff_atlas(), fields[1], fields[2], fields[3], &answer);
	puts(states[answer.unsure ? FF_ATLAS_UNKNOWN : answer.state]);
}

static const struct {
	const char *name;
	void (*answer)(char *const *fields);
} questions[] = {
	{"bnb", answer_bnb},
	{"compare", answer_compare},
	{"satisfies", answer_satisfies},
	{"format", answer_format},
	{"requirement", answer_requirement},
	{"marker", answer_marker},
	{"model", answer_model},
	{"name", answer_name},
};

static void answer_line(char *line)
{
	char *fields[FIELDS_MAX] = {"", "", "", ""};
	for (size_t n = 0; n < FIELDS_MAX && line; n++)
		fields[n] = strsep(&line, "\t");
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (strcmp(fields[0], questions[i].name) == 0)
			questions[i].answer(fields);
}

int main(void)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		answer_line(line);
	}
	return 0;
}
