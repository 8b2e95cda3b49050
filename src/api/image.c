// Secrets of an image: variables that it sets, steps of its history, files of its layers. What a later layer takes away
// is still in the image for whoever pulls it.
//
//	[{"in": "ENV HF_TOKEN", "kind": "named"}, {"in": "step 7 of the history", "kind": "github"},
//	 {"in": "/root/.netrc", "kind": "netrc", "layer": "blobs/sha256/ab12...", "removed": true}]
#include "api/api.h"

#include "emit/redact.h"
#include "host/image.h"

#include <string.h>

enum { SECRETS_MAX = 64, FILE_MAX = 256 << 10 };

static void add(json_t *list, json_t *in, const char *kind, const char *layer, bool gone)
{
	json_t *entry = json_pack("{s:o, s:s, s:s*}", "in", in, "kind", kind ? kind : "secret", "layer", layer);
	if (entry && gone)
		json_object_set_new(entry, "removed", json_true());
	if (json_array_size(list) < SECRETS_MAX)
		json_array_append_new(list, entry);
	else
		json_decref(entry);
}

// "env.HF_TOKEN" -> "ENV HF_TOKEN"; "history.6" -> "step 7 of the history"
static json_t *words_for(const char *place)
{
	if (strncmp(place, "env.", 4) == 0)
		return json_sprintf("ENV %.200s", place + 4);
	int step = 0;
	return sscanf(place, "history.%d", &step) == 1 || sscanf(place, "history[%d]", &step) == 1
		? json_sprintf("step %d of the history", step + 1)
		: json_sprintf("%.200s", place);
}

struct ff_error *ff_image_secrets_of(const json_t *env, const json_t *history, json_t *list)
{
	_cleanup_json_ json_t *whole = json_pack("{s:O*, s:O*}", "env", env, "history", history);
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	struct ff_error *err = whole ? ff_share(whole, &masked) : &ff_enomem;
	size_t i;
	json_t *found;
	json_array_foreach (err ? NULL : ff_shareable_masked(masked), i, found) {
		const char *place = ff_json_text(found, "place");
		if (place)
			add(list, words_for(place), ff_json_text(found, "kind"), NULL, false);
	}
	return err;
}

static struct ff_error *of_files(const struct ff_image *image, json_t *list)
{
	const char *path, *layer;
	bool gone;
	struct ff_span bytes;
	for (size_t i = 0; ff_image_suspect(image, i, &path, &layer, &gone, &bytes); i++) {
		_cleanup_json_ json_t *masked = json_array();
		_cleanup_buf_ struct ff_buf text = {0};
		if (!masked)
			return &ff_enomem;
		struct ff_error *err =
			bytes.n && bytes.n <= FILE_MAX ? ff_share_text(bytes, path, masked, &text) : NULL;
		if (err)
			return err;
		const char *kind = ff_json_text(json_array_get(masked, 0), "kind");
		if (kind)
			add(list, json_sprintf("/%s", path), kind, layer, gone);
	}
	return NULL;
}

struct ff_error *ff_image_secrets(struct ff_image *image)
{
	json_t *live = ff_image_live(image), *list = json_array();
	struct ff_error *err = list
		? ff_image_secrets_of(json_object_get(live, "env"), ff_json_at(live, "image.history"), list)
		: &ff_enomem;
	if (!err && !ff_image_folder(image))
		err = of_files(image, list);
	json_object_del(json_object_get(live, "image"), "history");
	if (!err && json_array_size(list))
		json_object_set(json_object_get(live, "image"), "secrets", list);
	json_decref(list);
	return err;
}
