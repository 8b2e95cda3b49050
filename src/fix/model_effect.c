// What fetching files of a model again changes in the record of its folder: a file that was damaged is whole, one that
// was missing is there.
//
//	{"fetch": true, "path": "/app/m/model.safetensors"}    workdir.models.0.damaged  ->  without that file
//	{"fetch": true, "path": "/app/sd", "only": "vae/*"}    workdir.models.0.parts    ->  without the folder vae
#include "fix/machine.h"

#include <fnmatch.h>

enum { PATH_MAX_LENGTH = 64, NAME_MAX_LENGTH = 256 };

// What an entry of a list names: itself, or by its field.
static const char *name_of(const json_t *entry, const char *field)
{
	return json_is_string(entry) ? json_string_value(entry) : ff_json_text(entry, field);
}

static bool is_fetched(const char *name, const char *file, const char *only)
{
	char folder[NAME_MAX_LENGTH];
	if (!only)
		return strcmp(name, file) == 0;
	snprintf(folder, sizeof(folder), "%s/", name);
	return fnmatch(only, name, 0) == 0 || fnmatch(only, folder, 0) == 0;
}

static struct ff_error *list_without(const json_t *model, size_t index, const char *list, const char *field,
	const char *file, const char *only, const char **ret_name, json_t *fix)
{
	const json_t *here = json_object_get(model, list);
	json_t *left = json_is_array(here) ? json_array() : NULL, *entry;
	char path[PATH_MAX_LENGTH];
	size_t i;
	json_array_foreach (left ? here : NULL, i, entry) {
		const char *name = name_of(entry, field);
		if (name && is_fetched(name, file, only))
			*ret_name = name;
		else
			json_array_append(left, entry);
	}
	if (!left || json_array_size(left) == json_array_size(here)) {
		json_decref(left);
		return NULL;
	}
	snprintf(path, sizeof(path), "workdir.models.%zu.%s", index, list);
	return ff_fix_effect(fix, "facts", path, left);
}

// A processor's and a tokenizer's files are noted where they are there.
static struct ff_error *note_part(
	const json_t *model, size_t index, const char *only, const char **ret_name, json_t *fix)
{
	static const struct {
		const char *only, *field, *file;
	} parts[] = {{"tokenizer*", "tokenizer", "tokenizer.json"},
		{"preprocessor_config.json", "processor", "preprocessor_config.json"}};
	char path[PATH_MAX_LENGTH];
	for (size_t i = 0; only && i < sizeof(parts) / sizeof(*parts); i++) {
		if (strcmp(parts[i].only, only) != 0 || json_object_get(model, parts[i].field))
			continue;
		*ret_name = parts[i].file;
		snprintf(path, sizeof(path), "workdir.models.%zu.%s", index, parts[i].field);
		return ff_fix_effect(fix, "facts", path, i ? json_true() : json_pack("[s]", parts[i].file));
	}
	return NULL;
}

struct ff_error *ff_fix_fetch_effect(const struct ff_fix_machine *m, const char *path, const char *only, json_t *fix)
{
	static const struct {
		const char *list, *field;
	} lists[] = {{"damaged", "file"}, {"missing", "file"}, {"parts", "folder"}};
	const char *slash = path ? strrchr(path, '/') : NULL, *found = NULL;
	struct ff_error *err = NULL;
	size_t i;
	json_t *model;
	if (!slash)
		return NULL;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "workdir.models") : NULL, i, model) {
		const char *folder = ff_json_text(model, "path");
		size_t n = folder ? strlen(folder) : 0;
		if (!n || strncmp(path, folder, n) != 0 || (path[n] && path[n] != '/'))
			continue;
		for (size_t k = 0; k < sizeof(lists) / sizeof(*lists) && !err; k++)
			err = list_without(model, i, lists[k].list, lists[k].field, slash + 1, only, &found, fix);
		if (!err && !found)
			err = note_part(model, i, only, &found, fix);
	}
	if (err)
		return err;
	struct ff_goal goal = {.what = found ? found
			: only		     ? only
					     : slash + 1,
		.now = found ? "missing or damaged" : NULL,
		.then = "fetched again",
		.words = {only ? NULL : slash + 1},
		.required = true};
	return ff_fix_goal(fix, &goal);
}
