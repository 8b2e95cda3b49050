// firstfix.fit/1 for a person: the answer, where the memory goes, how far it reaches, what to change.
//
//	✅ IT FITS  meta-llama/Llama-3.1-8B on H100 80GB, vllm
//	   weights             14.96 GiB  BF16, 8.03 billion parameters
//	   cache                1.00 GiB  8192 tokens, 128 KiB each
//	   activations          4.89 GiB
//	   together            21.01 GiB  of 71.19 GiB that the engine may take
//	   longest context     420864 tokens
//	      vllm serve meta-llama/Llama-3.1-8B --max-model-len 8192
#include "emit/fit.h"

#include "emit/page.h"
#include "emit/report.h"

enum { SHOWN = 3 };

static int64_t number(const json_t *doc, const char *path)
{
	int64_t n = 0;
	ff_json_int(doc, path, &n);
	return n;
}

static void say_bytes(struct ff_page *page, const char *label, int64_t bytes, const char *beside)
{
	_cleanup_buf_ struct ff_buf text = {0};
	ff_value_size_gib(bytes, &text);
	if (*beside)
		ff_buf_printf(&text, "  %s", beside);
	page->out.failed |= text.failed;
	if (!text.failed)
		ff_page_line(page, FF_MARK_NONE, label, (struct ff_span){text.p, text.n});
}

static void put_weights(const json_t *doc, struct ff_buf *ret)
{
	const char *name, *how = ff_json_text(doc, "model.quantization");
	json_t *count;
	size_t n = 0;
	json_object_foreach (ff_json_at(doc, "model.dtypes"), name, count)
		ff_buf_printf(ret, "%s%s", n++ ? ", " : "", name);
	ff_buf_printf(ret, "%s%s, %.2f billion numbers in %lld file%s", how ? ", " : "", how ? how : "",
		(double)number(doc, "model.parameters") / 1e9, (long long)number(doc, "model.files"),
		number(doc, "model.files") == 1 ? "" : "s");
}

static void say_memory(struct ff_page *page, const json_t *doc)
{
	_cleanup_buf_ struct ff_buf weights = {0}, cache = {0}, room = {0};
	int64_t gpus = number(doc, "plan.gpus"), sequences = number(doc, "plan.sequences");
	put_weights(doc, &weights);
	ff_buf_printf(&cache, "%lld tokens", (long long)number(doc, "plan.context"));
	if (sequences > 1)
		ff_buf_printf(&cache, " of %lld sequences", (long long)sequences);
	ff_buf_printf(&cache, ", %.1f KiB each", (double)number(doc, "token_bytes") / 1024);
	ff_buf_str(&room, "of ");
	ff_value_size_gib(number(doc, "memory.room"), &room);
	ff_buf_str(&room, " that may be used");
	page->out.failed |= weights.failed || cache.failed || room.failed;
	if (page->out.failed)
		return;
	ff_page_section(page, gpus > 1 ? "On each GPU" : "On the GPU");
	say_bytes(page, "weights", number(doc, "memory.weights"), weights.p);
	say_bytes(page, "cache", number(doc, "memory.cache"), cache.p);
	if (number(doc, "memory.state"))
		say_bytes(page, "state", number(doc, "memory.state"), "of its recurrent layers");
	say_bytes(page, "activations", number(doc, "memory.activations"), "");
	say_bytes(page, "overhead", number(doc, "memory.overhead"), "");
	say_bytes(page, "together", number(doc, "memory.total"), room.p);
}

static void say_reach(struct ff_page *page, const json_t *doc)
{
	int64_t context = number(doc, "largest.context"), most = number(doc, "model.context");
	ff_page_section(page, "How far it goes");
	ff_page_say(page, FF_MARK_NONE, "longest context", "%lld tokens%s", (long long)context,
		most && context > most ? ", more than the model was made for" : "");
	ff_page_say(page, FF_MARK_NONE, "most sequences", "%lld of %lld tokens",
		(long long)number(doc, "largest.sequences"), (long long)number(doc, "plan.context"));
}

static void say_changes(struct ff_page *page, const json_t *doc)
{
	const json_t *changes = json_object_get(doc, "changes"), *change;
	size_t i, n = json_array_size(changes);
	ff_page_section(page, n ? "What makes it fit" : "Nothing that firstfix knows makes it fit");
	json_array_foreach (changes, i, change) {
		const char *say = ff_json_text(change, "say"), *command = ff_json_text(change, "command");
		if (i >= SHOWN && !page->style->verbose)
			break;
		ff_page_paragraph(page, ff_span_of(say ? say : ""));
		if (command && *command)
			ff_page_box(page, ff_span_of(command));
	}
	if (i < n)
		ff_page_say(page, FF_MARK_NONE, "", "and %zu more: --verbose lists them", n - i);
}

static void say_list(struct ff_page *page, const char *title, const json_t *list)
{
	size_t i;
	json_t *text;
	if (json_array_size(list))
		ff_page_section(page, title);
	json_array_foreach (list, i, text)
		ff_page_paragraph(page, ff_span_of(json_string_value(text)));
}

static struct ff_error *write_fit(const json_t *doc, struct ff_page *page, char **ret)
{
	bool fits = json_is_true(json_object_get(doc, "fits"));
	const char *place = ff_json_text(doc, "model.place"), *gpu = ff_json_text(doc, "gpu.name");
	const char *engine = ff_json_text(doc, "engine"), *command = ff_json_text(doc, "command");
	ff_page_title(page, fits ? "It fits" : "It does not fit", "");
	ff_page_say(page, fits ? FF_MARK_OK : FF_MARK_FAIL, "", "%s on %lld x %s, %s", place ? place : "?",
		(long long)number(doc, "plan.gpus"), gpu ? gpu : "?", engine ? engine : "?");
	say_memory(page, doc);
	if (number(doc, "largest.sequences"))
		say_reach(page, doc);
	if (!fits)
		say_changes(page, doc);
	say_list(page, "Not counted", json_object_get(doc, "not_counted"));
	if (page->style->verbose || !fits)
		say_list(page, "Assumed", json_object_get(doc, "assumed"));
	if (command && *command) {
		ff_page_end_section(page);
		ff_page_box(page, ff_span_of(command));
	}
	return ff_page_finish(page, ret);
}

struct ff_error *ff_fit_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style, .label_columns = sizeof("longest context") - 1};
	return write_fit(doc, &page, ret);
}

struct ff_error *ff_fit_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_markdown, .style = style};
	return write_fit(doc, &page, ret);
}
