// firstfix.overview/1 for a person: a few lines of what decides whether a worker runs here, and one command for each of
// the three things people come for.
//
//	firstfix 0.1.0 on Ubuntu 22.04.4 LTS, in docker
//
//	   GPU:        1 x NVIDIA GeForce RTX 5090, 31.4 GB
//	   Driver:     570.86.10, CUDA 12.8
//	   Python:     3.10.12, torch 2.3.1+cu121, transformers 4.45.0
//	❌ Check:      1 of 77 checks fails: torch has no code for this GPU (torch.no-kernel-image)
#include "emit/overview.h"

#include "emit/page.h"
#include "emit/report.h"

enum { LABEL_COLUMNS = 13 };

static void say_buf(struct ff_page *page, enum ff_mark mark, const char *label, const struct ff_buf *text)
{
	page->out.failed |= text->failed;
	if (text->n && !text->failed)
		ff_page_line(page, mark, label, (struct ff_span){text->p, text->n});
}

static void say_title(struct ff_page *page, const json_t *doc)
{
	const char *version = ff_json_text(doc, "version"), *os = ff_json_text(doc, "facts.system.os.name");
	const char *runtime = ff_json_text(doc, "facts.system.container.runtime");
	_cleanup_buf_ struct ff_buf text = {0};
	ff_buf_printf(&text, "firstfix %s%s%s%s%s", version ? version : "", os ? " on " : "", os ? os : "",
		runtime ? ", in " : "", runtime ? runtime : "");
	page->out.failed |= text.failed;
	if (!text.failed)
		ff_page_paragraph(page, (struct ff_span){text.p, text.n});
	ff_page_gap(page);
}

// "2 x NVIDIA L4, 22.5 GB, 20.1 GB free": of several kinds the first, and how many others.
static void say_gpus(struct ff_page *page, const json_t *facts)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const json_t *gpus = json_object_get(facts, "gpus"), *gpu;
	const char *name = ff_json_text(facts, "gpus.0.name");
	size_t n = json_array_size(gpus), same = 0, i;
	int64_t total = 0;
	json_array_foreach (gpus, i, gpu) {
		const char *other = ff_json_text(gpu, "name");
		same += name && other && strcmp(name, other) == 0;
	}
	if (n) {
		ff_buf_printf(&text, "%zu x %s", name ? same : n, name ? name : "of unknown name");
		if (ff_json_int(facts, "gpus.0.memory.total", &total)) {
			ff_buf_str(&text, ", ");
			ff_value_size(total, &text);
		}
		if (name && same < n)
			ff_buf_printf(&text, " and %zu of another kind", n - same);
	} else if (gpus) {
		ff_buf_str(&text, "none is visible");
	} else if (!ff_report_unknown(facts, "gpus", "driver", &text)) {
		ff_buf_str(&text, "not known");
	}
	say_buf(page, FF_MARK_NONE, "GPU", &text);
}

static void say_driver(struct ff_page *page, const json_t *facts)
{
	const char *version = ff_json_text(facts, "driver.version"), *cuda = ff_json_text(facts, "driver.cuda");
	if (version)
		ff_page_say(page, FF_MARK_NONE, "Driver", "%s%s%s", version, cuda ? ", CUDA " : "", cuda ? cuda : "");
}

static void say_python(struct ff_page *page, const json_t *facts)
{
	static const char *const packages[] = {
		"torch", "transformers", "vllm", "sglang", "bitsandbytes", "flash-attn", "onnxruntime-gpu"};
	_cleanup_buf_ struct ff_buf text = {0};
	const char *version = ff_json_text(facts, "python.version");
	ff_buf_str(&text, version ? version : "none found");
	for (size_t i = 0; version && i < sizeof(packages) / sizeof(packages[0]); i++) {
		const char *found = ff_report_version(facts, packages[i]);
		if (found)
			ff_buf_printf(&text, ", %s %s", packages[i], found);
		else if (i == 0)
			ff_buf_str(&text, ", no torch");
	}
	say_buf(page, FF_MARK_NONE, "Python", &text);
}

static void say_memory(struct ff_page *page, const json_t *facts)
{
	_cleanup_buf_ struct ff_buf text = {0};
	static const struct {
		const char *path, *before, *after;
	} parts[] = {
		{"system.memory.available", "", " free"},
		{"system.memory.limit", ", limit ", ""},
		{"system.shm.size", ", /dev/shm ", ""},
		{"system.disks.0.free", ", disk ", " free"},
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int64_t bytes = 0;
		if (!ff_json_int(facts, parts[i].path, &bytes))
			continue;
		ff_buf_str(&text, text.n ? parts[i].before : "");
		ff_value_size(bytes, &text);
		ff_buf_str(&text, parts[i].after);
	}
	say_buf(page, FF_MARK_NONE, "Memory", &text);
}

static void say_check(struct ff_page *page, const json_t *check, bool gpu)
{
	const json_t *diagnoses = json_object_get(check, "diagnoses"), *first = json_array_get(diagnoses, 0);
	const char *title = ff_json_text(first, "title"), *cause = ff_json_text(first, "cause");
	const char *severity = ff_json_text(first, "severity");
	size_t n = json_array_size(diagnoses);
	bool warning = severity && strcmp(severity, "warning") == 0;
	if (!n)
		ff_page_say(page, gpu ? FF_MARK_OK : FF_MARK_NONE, "Check", "nothing wrong found%s",
			gpu ? "" : ", but no GPU was seen");
	else
		ff_page_say(page, warning ? FF_MARK_WARN : FF_MARK_FAIL, "Check", "%s (%s)%s", title ? title : "?",
			cause ? cause : "?", n > 1 ? ", and more: firstfix check" : ": firstfix check");
}

static void say_incidents(struct ff_page *page, const json_t *incidents)
{
	const char *cause = ff_json_text(incidents, "0.cause"), *at = ff_json_text(incidents, "0.last_seen");
	size_t n = json_array_size(incidents);
	if (n)
		ff_page_say(page, FF_MARK_WARN, "Incidents", "%zu, the last of %.16s%s%s: firstfix incidents", n,
			at ? at : "unknown time", cause ? ", " : "", cause ? cause : "");
}

static void say_tasks(struct ff_page *page)
{
	static const struct {
		const char *task, *command;
	} tasks[] = {
		{"It died", "docker logs worker 2>&1 | firstfix explain"},
		{"Will it run", "firstfix check"},
		{"Will it fit", "firstfix fit OWNER/MODEL"},
		{"Run it safely", "firstfix run -- python handler.py"},
		{"All else", "firstfix --help"},
	};
	ff_page_gap(page);
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		ff_page_line(page, FF_MARK_NONE, tasks[i].task, ff_span_of(tasks[i].command));
}

struct ff_error *ff_overview_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style, .label_columns = LABEL_COLUMNS};
	const json_t *facts = json_object_get(doc, "facts");
	say_title(&page, doc);
	say_gpus(&page, facts);
	say_driver(&page, facts);
	say_python(&page, facts);
	say_memory(&page, facts);
	say_check(&page, json_object_get(doc, "check"), json_array_size(json_object_get(facts, "gpus")));
	say_incidents(&page, json_object_get(doc, "incidents"));
	say_tasks(&page);
	return ff_page_finish(&page, ret);
}
