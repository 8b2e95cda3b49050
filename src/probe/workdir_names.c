// Names that a script takes of installed packages and that these releases do not have, as the atlas knows them.
//
//	import numpy as np
//	from transformers import AdamW, AutoModel     numpy 2.1 and transformers 4.55 are installed
//	a = np.float_(1)                           ->  {"module": "transformers", "name": "AdamW"},
//	                                              {"module": "numpy", "name": "float_"}
//
// Which packages they import at their margin stands in workdir.imports.
// How the source lies: what stands below `try` or `if` may never be asked for, so that only imports at the margin
// count, and no attribute of a script that asks for one itself (hasattr, AttributeError). A variable may hide the name
// of a module; a module may give by __getattr__ what its source does not show.
#include "probe/workdir.h"

#include "know/atlas_ask.h"
#include "know/facts.h"
#include "parse/chars.h"

enum { MODULES_MAX = 256, LACKS_MAX = 16 };

static const char *version_of(const struct ff_workdir *w, const char *module)
{
	struct ff_atlas_package p;
	if (!ff_atlas() || !ff_atlas_package_of_module(ff_atlas(), module, &p))
		return NULL;
	return ff_json_text(ff_facts_package(ff_json_at(w->ctx->facts, "python.packages"), p.name), "version");
}

static void ask(struct ff_workdir *w, struct ff_workdir_names *names, const char *module, struct ff_span name)
{
	_cleanup_free_ char *text = ff_span_dup(name);
	const char *have = version_of(w, module);
	struct ff_atlas_answer answer;
	size_t i;
	json_t *seen;
	if (!text || !have || json_array_size(names->lacks) >= LACKS_MAX ||
		!ff_atlas_ask_name(ff_atlas(), module, text, have, &answer) || answer.state != FF_ATLAS_CHANGED)
		return;
	json_array_foreach (names->lacks, i, seen) {
		if (strcmp(ff_json_text(seen, "module"), module) == 0 && strcmp(ff_json_text(seen, "name"), text) == 0)
			return;
	}
	if (json_array_append_new(names->lacks, json_pack("{s:s, s:s}", "module", module, "name", text)) < 0)
		w->ctx->out_of_memory = true;
}

// "import torch.nn" binds torch; "import torch.nn as nn" binds nn.
static void note_module(struct ff_workdir *w, struct ff_workdir_names *names, const struct ff_py_token *t)
{
	const char *dot = memchr(t->text.p, '.', t->text.n);
	struct ff_span top = ff_span_first(t->text, dot ? (size_t)(dot - t->text.p) : t->text.n);
	_cleanup_free_ char *name = ff_span_dup(t->value.n ? t->value : top),
			    *module = ff_span_dup(t->value.n ? t->text : top);
	if (ff_workdir_installed(w, top) && json_object_size(w->imports) < MODULES_MAX) {
		_cleanup_free_ char *key = ff_span_dup(top);
		if (!key || json_object_set_new(w->imports, key, json_true()) < 0)
			w->ctx->out_of_memory = true;
	}
	if (!name || !module ||
		(json_object_size(names->modules) < MODULES_MAX &&
			json_object_set_new(names->modules, name, json_string(module)) < 0))
		w->ctx->out_of_memory = true;
}

// "np.float": the first part behind the module's name.
static void note_attribute(struct ff_workdir *w, struct ff_workdir_names *names, struct ff_span text)
{
	struct ff_span rest = text, first, name;
	if (!ff_span_next(&rest, '.', &first) || !ff_span_next(&rest, '.', &name) || !name.n)
		return;
	_cleanup_free_ char *key = ff_span_dup(first);
	const char *module = key ? json_string_value(json_object_get(names->modules, key)) : NULL;
	if (module)
		ask(w, names, module, name);
}

void ff_workdir_note_name(struct ff_workdir *w, struct ff_workdir_names *names, const struct ff_py_token *t)
{
	if (t->kind == FF_PY_IMPORT && !t->guarded) {
		note_module(w, names, t);
	} else if (t->kind == FF_PY_TAKEN && !t->guarded) {
		_cleanup_free_ char *module = ff_span_dup(t->value);
		if (module)
			ask(w, names, module, t->text);
	} else if (t->kind == FF_PY_NAME && !names->careful) {
		note_attribute(w, names, t->text);
	}
}

void ff_workdir_put_imports(struct ff_workdir *w)
{
	const char *module;
	json_t *is, *list = json_array();
	json_object_foreach (w->imports, module, is)
		json_array_append_new(list, json_string(module));
	if (json_array_size(list))
		ff_fact(w->ctx, "workdir.imports", list);
	else
		json_decref(list);
}
