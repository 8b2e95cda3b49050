// bitsandbytes, transformers and their neighbours: versions, which native library would be loaded and why, what does
// not fit.
//
// Lines like "Linear4bit import: OK" once came from importing. Nothing is imported here, so those labels say what is
// known without: the code is there, and what would prove it.
#include "emit/report.h"

#include "know/driver.h"
#include "know/gpu_arch.h"

static const json_t *package(const json_t *doc, const char *name)
{
	return json_object_get(ff_json_at(doc, "python.packages"), name);
}

static bool write_selected(struct ff_cell *cell)
{
	if (!ff_value_text(cell->value, cell->out))
		return false;
	const char *because = ff_json_text(cell->doc, "bitsandbytes.wanted_because");
	if (because)
		ff_buf_printf(cell->out, " (because of %s)", because);
	return true;
}

static const json_t *unresolved(const json_t *doc)
{
	const json_t *needs = ff_json_at(doc, "bitsandbytes.needs");
	for (size_t i = 0; i < json_array_size(needs); i++) {
		const json_t *need = json_array_get(needs, i);
		if (json_is_object(need) && json_object_get(need, "soname") && !ff_json_text(need, "path"))
			return json_object_get(need, "soname");
	}
	return NULL;
}

// What loading would do, from the file that is wanted and what it needs.
static bool write_loaded(struct ff_cell *cell)
{
	const char *wanted = ff_json_text(cell->doc, "bitsandbytes.wanted");
	const char *missing = json_string_value(unresolved(cell->doc));
	if (!wanted)
		return false;
	ff_buf_str(cell->out, wanted);
	if (json_is_false(cell->value)) {
		cell->mark = FF_MARK_FAIL;
		ff_buf_str(cell->out, " (is not shipped)");
	} else if (missing) {
		cell->mark = FF_MARK_FAIL;
		ff_buf_printf(cell->out, " (needs %s, which the loader does not find)", missing);
	} else if (strstr(wanted, "_cpu.so")) {
		cell->mark = FF_MARK_WARN;
		ff_buf_str(cell->out, " (no GPU code)");
	} else
		ff_buf_str(cell->out, " (would be loaded)");
	return true;
}

// Not run: only whether the installed version has it at all. 4-bit came with bitsandbytes 0.39.0.
static bool write_bnb_import(struct ff_cell *cell)
{
	const char *version = ff_report_version(cell->doc, "bitsandbytes");
	if (!version)
		return false;
	if (ff_know_version_compare(ff_span_of(version), FF_SPAN("0.39.0")) < 0) {
		cell->mark = FF_MARK_WARN;
		ff_buf_str(cell->out, "no, it came with bitsandbytes 0.39.0");
	} else
		ff_buf_str(cell->out, "present, not run (firstfix check --deep runs it)");
	return true;
}

static bool write_transformers_import(struct ff_cell *cell)
{
	if (!ff_report_version(cell->doc, "transformers"))
		return false;
	ff_buf_str(cell->out, "not run (firstfix check --deep runs it)");
	return true;
}

// Does the library carry code for the first GPU?
static bool write_bnb_code(struct ff_cell *cell)
{
	const char *cc = ff_json_text(cell->doc, "gpus.0.compute_capability");
	if (!ff_value_text(cell->value, cell->out))
		return false;
	const json_t *ptx = ff_json_at(cell->doc, "bitsandbytes.ptx");
	if (cc && ff_know_arch_covers(cell->value, ptx, cc) == FF_ARCH_NONE) {
		cell->mark = FF_MARK_FAIL;
		ff_buf_printf(cell->out, " (none for this GPU, %s)", cc);
	}
	return true;
}

static const json_t *env(const json_t *doc, const char *name)
{
	return json_object_get(json_object_get(doc, "env"), name);
}

static bool write_override(struct ff_cell *cell)
{
	const json_t *value = env(cell->doc, "BNB_CUDA_VERSION");
	if (value)
		ff_value_text(value, cell->out);
	else if (ff_json_at(cell->doc, "env"))
		ff_buf_str(cell->out, "NOT SET");
	return cell->out->n > 0;
}

static bool write_version(struct ff_cell *cell, const char *package)
{
	const char *version = ff_report_version(cell->doc, package);
	ff_buf_str(cell->out, version ? version : "");
	return version;
}

static bool write_bnb_version(struct ff_cell *cell)
{
	return write_version(cell, "bitsandbytes");
}

static bool write_transformers_version(struct ff_cell *cell)
{
	return write_version(cell, "transformers");
}

void ff_report_quantization(struct ff_report *r)
{
	static const struct ff_report_line lines[] = {
		{FF_MARK_OK, "BitsAndBytes version", NULL, write_bnb_version, NULL},
		{FF_MARK_PACKAGE, "BitsAndBytes location", "bitsandbytes.location", NULL, NULL},
		{FF_MARK_SETTING, "BNB_CUDA_VERSION env", NULL, write_override, NULL},
		{FF_MARK_OK, "CUDA library loaded", "bitsandbytes.found", write_loaded, "bitsandbytes.version"},
		{FF_MARK_OK, "Binary name", "bitsandbytes.wanted", write_selected, "bitsandbytes.version"},
		{FF_MARK_LIST, "Libraries shipped", "bitsandbytes.binaries", NULL, NULL},
		{FF_MARK_NUMBER, "GPU code", "bitsandbytes.archs", write_bnb_code, NULL},
		{FF_MARK_NONE, "Linear4bit import", NULL, write_bnb_import, NULL},
		{FF_MARK_NONE, "quantize_4bit import", NULL, write_bnb_import, NULL},
	};
	if (ff_report_version(r->doc, "bitsandbytes"))
		ff_report_lines(r, r->doc, lines, sizeof(lines) / sizeof(lines[0]));
}

// Of its sixty requirements those that fail in practice; the rest is verbose.
static bool write_requires(struct ff_cell *cell)
{
	static const char *const telling[] = {
		"torch", "bitsandbytes", "accelerate", "peft", "tokenizers", "huggingface-hub", "safetensors", "numpy"};
	size_t shown = 0;
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
		const char *wants = ff_json_text(cell->value, telling[i]);
		if (wants && wants[0])
			ff_buf_printf(cell->out, "%s%s%s", shown++ ? ", " : "", telling[i], wants);
	}
	return shown > 0;
}

static void show_conflicts(struct ff_report *r)
{
	const json_t *conflicts = ff_json_at(r->doc, "python.conflicts");
	for (size_t i = 0; i < json_array_size(conflicts); i++) {
		const json_t *c = json_array_get(conflicts, i);
		const char *name = ff_json_text(c, "package"), *wants = ff_json_text(c, "requires");
		const char *found = ff_json_text(c, "found");
		if (name && wants)
			ff_page_say(r->page, FF_MARK_WARN, "Conflict", "%s requires %s, %s%s", name, wants,
				found ? "found " : "which is not installed", found ? found : "");
	}
	const json_t *duplicates = ff_json_at(r->doc, "python.duplicates");
	for (size_t i = 0; i < json_array_size(duplicates); i++) {
		const json_t *d = json_array_get(duplicates, i), *copies = ff_json_at(d, "copies");
		const char *name = ff_json_text(d, "package");
		_cleanup_buf_ struct ff_buf text = {0};
		for (size_t k = 0; k < json_array_size(copies); k++) {
			const char *version = ff_json_text(json_array_get(copies, k), "version");
			const char *location = ff_json_text(json_array_get(copies, k), "location");
			ff_buf_printf(&text, "%s%s in %s", k ? ", then " : "", version ? version : "?",
				location ? location : "?");
		}
		if (name && text.p)
			ff_page_say(r->page, FF_MARK_WARN, "Installed twice", "%s: %s", name, text.p);
	}
}

void ff_report_packages(struct ff_report *r)
{
	static const struct ff_report_line lines[] = {
		{FF_MARK_OK, "Transformers version", NULL, write_transformers_version, NULL},
		{FF_MARK_PACKAGE, "Transformers location", "transformers.location", NULL, NULL},
		{FF_MARK_NONE, "BitsAndBytes integration import", NULL, write_transformers_import, NULL},
		{FF_MARK_NONE, "BitsAndBytes backend validation", NULL, write_transformers_import, NULL},
		{FF_MARK_NONE, "BitsAndBytesConfig import", NULL, write_transformers_import, NULL},
		{FF_MARK_LIST, "Transformers requires", "transformers.requires", write_requires, NULL},
	};
	static const char *const neighbours[] = {"accelerate", "peft", "tokenizers", "huggingface-hub", "safetensors",
		"triton", "vllm", "sglang", "flash-attn", "xformers", "torchvision", "torchaudio", "deepspeed", "ray",
		"numpy"};
	if (ff_report_version(r->doc, "transformers"))
		ff_report_lines(r, r->doc, lines, sizeof(lines) / sizeof(lines[0]));
	for (size_t i = 0; i < sizeof(neighbours) / sizeof(neighbours[0]); i++) {
		const char *version = ff_json_text(package(r->doc, neighbours[i]), "version");
		if (version)
			ff_page_say(r->page, FF_MARK_PACKAGE, neighbours[i], "%s", version);
	}
	show_conflicts(r);
}
