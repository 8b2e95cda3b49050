// Reads who said it off an event: the innermost frame that is not the standard library's, the module of the exception's
// class, the logger's name, the program in front of the text, the kind of the line.
//
//	File "/usr/lib/python3/dist-packages/transformers/models/auto/configuration_auto.py", line 1, in from_pretrained   transformers
//	torch.OutOfMemoryError: CUDA out of memory                                                                       torch
//	nvidia-container-cli: initialization error                                                                       nvidia-container-cli
//	(EngineCore pid=7) ERROR [vllm.v1.engine.core]                                                                   vllm
//
// How it lies: an extension in C leaves no frame, so its error stands in the frame of whoever called it; there the
// source line calls and does not raise. A logger hands on exceptions that others raised.
#include "log/emitter.h"

#include "base/hash.h"
#include "base/table.h"

#include <threads.h>

FF_EMBEDDED(ff_table, emitters);

enum { COLUMN_NAME, COLUMN_CLASS, COLUMN_ALIASES };

static bool among(struct ff_span list, struct ff_span word)
{
	for (struct ff_span one; list.n && ff_span_next(&list, ' ', &one);)
		if (ff_span_same(one, word))
			return true;
	return false;
}

// The names and aliases of the table by their hash, made when the first one is asked for.
enum { NAMES = 1 << 10 };
static struct name {
	struct ff_span word;
	struct ff_span from; // the table from its row on
} known_names[NAMES];
static once_flag made = ONCE_FLAG_INIT;

// Where the word stands or would stand.
static struct name *name_of(struct ff_span word)
{
	size_t at = ff_hash(word, false) % NAMES;
	while (known_names[at].word.n && !ff_span_same(known_names[at].word, word))
		at = (at + 1) % NAMES;
	return &known_names[at];
}

static void add_name(struct ff_span word, struct ff_span from, size_t *n)
{
	struct name *name = name_of(word);
	if (name->word.n || !word.n || *n + 1 == NAMES)
		return; // the first row of a name counts
	*name = (struct name){word, from};
	++*n;
}

static void make_names(void)
{
	struct ff_table table = ff_table_of(ff_table_emitters);
	struct ff_span from = table.rest;
	size_t n = 0;
	for (struct ff_table_row row; ff_table_next(&table, &row); from = table.rest) {
		struct ff_span aliases = row.cells[COLUMN_ALIASES], alias;
		add_name(row.cells[COLUMN_NAME], from, &n);
		while (aliases.n && ff_span_next(&aliases, ' ', &alias))
			add_name(alias, from, &n);
	}
}

// The table's row for a name as it stands in paths, loggers and texts.
static bool find(struct ff_span word, struct ff_table_row *ret)
{
	call_once(&made, make_names);
	struct ff_table from = {.rest = name_of(word)->from};
	return word.n && ff_table_next(&from, ret);
}

static void add(struct ff_emitters *e, struct ff_span name)
{
	for (size_t i = 0; i < e->n; i++)
		if (ff_span_same(e->names[i], name))
			return;
	if (name.n && e->n < FF_EMITTERS_MAX)
		e->names[e->n++] = name;
}

static bool add_known(struct ff_emitters *e, struct ff_span word)
{
	struct ff_table_row row;
	if (!find(word, &row))
		return false;
	add(e, row.cells[COLUMN_NAME]);
	return true;
}

// ---- frames ----

static struct ff_span up_to(const char *p, const char *stops)
{
	return (struct ff_span){p, strcspn(p, stops)};
}

// The package that a file belongs to; empty for the standard library, "app" for the worker's own.
static struct ff_span package_of(const char *file)
{
	static const char *const sites[] = {"site-packages/", "dist-packages/", "site-packages\\"};
	const char *after = NULL;
	for (size_t i = 0; i < sizeof(sites) / sizeof(*sites); i++)
		for (const char *at = file; (at = strstr(at, sites[i])); at++)
			after = at + strlen(sites[i]);
	if (after)
		return up_to(after, "/\\.");
	if (file[0] != '/' && (ff_ends(file, ".pyx") || ff_ends(file, ".pxi"))) // Cython's, as in the package's source
		return strchr(file, '/') ? up_to(file, "/") : (struct ff_span){NULL, 0};
	if (strstr(file, "/lib/python3") || strncmp(file, "<frozen", 7) == 0)
		return (struct ff_span){NULL, 0};
	struct ff_span found = FF_SPAN("app"), rest = ff_span_of(file),
		       part; // a source checkout: the last folder that has a known name
	struct ff_table_row row;
	while (rest.n && ff_span_next(&rest, '/', &part))
		if (rest.n && find(part, &row))
			found = row.cells[COLUMN_NAME];
	return found;
}

// What Python itself raises about a key that the source line of the frame asks for.
static bool of_interpreter(const char *type)
{
	return strcmp(type, "KeyError") == 0;
}

static void add_frames(struct ff_emitters *e, const struct ff_event *event)
{
	for (size_t i = event->frame_count; i-- > 0;) {
		struct ff_span package = package_of(event->frames[i].file);
		if (!package.n)
			continue;
		if (ff_ends(event->frames[i].file, "setup.py")) { // what an installer builds by
			add(e, FF_SPAN("pip"));
			if (ff_span_eq(package, "app"))
				return;
		}
		if (!add_known(e, package))
			add(e, package);
		e->native = !event->frames[i].raises && !of_interpreter(event->type);
		return;
	}
}

// ---- words ----

// "vllm.v1.engine.core", "raylet pid=7", "node3 kernel", "ollama[12]": words of each part that the table knows. A name
// alone is a container's or a pod's, which says nothing of who speaks in it.
static void add_source(struct ff_emitters *e, const char *source)
{
	struct ff_span rest = ff_span_of(source), part, word;
	while (rest.n && ff_span_next(&rest, '/', &part)) {
		const char *begin = part.p, *end = part.p + part.n;
		while (part.n && ff_span_next(&part, ' ', &word)) {
			size_t n = 0;
			while (n < word.n && !strchr(".:[(", word.p[n]))
				n++;
			if (word.p + n < end || word.p > begin)
				add_known(e, (struct ff_span){word.p, n});
		}
	}
}

// "nvidia-container-cli: initialization error", "slurmstepd[12]: error: ..."
static void add_program(struct ff_emitters *e, const char *text)
{
	text += strspn(text, " \t");
	size_t n = strcspn(text, ": [(");
	bool marked = text[n] == ':' || text[n] == '[' || text[n] == '(';
	if (marked)
		add_known(e, (struct ff_span){text, n});
}

static void add_kind(struct ff_emitters *e, const struct ff_event *event)
{
	static const char *const names[] = {[FF_EVENT_LOADER] = "loader",
		[FF_EVENT_KERNEL] = "kernel",
		[FF_EVENT_NCCL] = "nccl",
		[FF_EVENT_DEATH] = "system"};
	if ((size_t)event->kind < sizeof(names) / sizeof(*names) && names[event->kind])
		add(e, ff_span_of(names[event->kind]));
}

struct ff_emitters ff_event_emitters(const struct ff_event *event)
{
	struct ff_emitters e = {.n = 0};
	add_kind(&e, event);
	add_frames(&e, event);
	if (strchr(event->qualified, '.'))
		add_known(&e, up_to(event->qualified, "."));
	bool around =
		event->kind == FF_EVENT_LOADER || event->kind == FF_EVENT_DEATH; // the words stand in another's line
	e.relayed = around || (e.n == 0 && event->kind == FF_EVENT_EXCEPTION);
	add_source(&e, event->source);
	if (around || event->kind == FF_EVENT_LINE || event->kind == FF_EVENT_WARNING)
		add_program(&e, event->message);
	return e;
}

// Does a row of this name or class have a library in C that raises?
static bool has_native(struct ff_span name)
{
	struct ff_table table = ff_table_of(ff_table_emitters);
	for (struct ff_table_row row; ff_table_next(&table, &row);)
		if ((ff_span_same(row.cells[COLUMN_NAME], name) || among(row.cells[COLUMN_CLASS], name)) &&
			among(row.cells[COLUMN_CLASS], FF_SPAN("native")))
			return true;
	return false;
}

bool ff_emitters_include(const struct ff_emitters *emitters, struct ff_span name)
{
	struct ff_table_row row;
	for (size_t i = 0; i < emitters->n; i++) {
		if (ff_span_same(emitters->names[i], name))
			return true;
		if (find(emitters->names[i], &row)
				? among(row.cells[COLUMN_CLASS], name)
				: ff_span_eq(name, "other") && !ff_span_eq(emitters->names[i], "app"))
			return true;
	}
	return emitters->native && has_native(name);
}

bool ff_emitter_known(struct ff_span name)
{
	struct ff_table table = ff_table_of(ff_table_emitters);
	for (struct ff_table_row row; ff_table_next(&table, &row);)
		if (ff_span_same(row.cells[COLUMN_NAME], name) || among(row.cells[COLUMN_CLASS], name))
			return true;
	return ff_span_eq(name, "app") || ff_span_eq(name, "other");
}
