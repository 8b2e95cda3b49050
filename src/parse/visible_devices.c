// Reads the list as the CUDA driver does: entries are indices, "GPU-<prefix of a UUID>" or "MIG-...", and the first
// entry that is none of these, or is there twice, ends the list. So "0,-1,1" shows one GPU, "-1" and "" none, and no
// error is raised: torch just says that CUDA is not available. Kinds must not be mixed. Quotes typed into a YAML file
// arrive as part of the value.
//
//	CUDA_VISIBLE_DEVICES=0,1        CUDA_VISIBLE_DEVICES=GPU-8f2d,GPU-77aa        CUDA_VISIBLE_DEVICES="0"
#include "parse/visible_devices.h"

enum { ENTRIES_MAX = 256 };

enum kind { BAD, INDEX, GPU_UUID, MIG };

static enum kind kind_of(struct ff_span entry)
{
	uint64_t index;
	if (ff_span_u64(entry, &index))
		return INDEX;
	if (entry.n > 4 && ff_span_starts(entry, "GPU-"))
		return GPU_UUID;
	if (entry.n > 4 && ff_span_starts(entry, "MIG-"))
		return MIG;
	return BAD;
}

static const char *why_bad(struct ff_span entry)
{
	if (!entry.n)
		return "an empty entry ends the list";
	if (ff_span_eq(entry, "-1"))
		return "-1 ends the list: what follows is hidden";
	if (entry.p[0] == '"' || entry.p[0] == '\'')
		return "the quotes are part of the value";
	if (ff_span_eq(entry, "all") || ff_span_eq(entry, "void") || ff_span_eq(entry, "none"))
		return "a word of NVIDIA_VISIBLE_DEVICES, CUDA does not know it";
	return "neither an index nor GPU-... nor MIG-...";
}

static bool listed(const json_t *devices, struct ff_span entry)
{
	for (size_t i = 0; i < json_array_size(devices); i++) {
		if (ff_span_eq(entry, json_string_value(json_array_get(devices, i))))
			return true;
	}
	return false;
}

struct ff_error *ff_visible_devices_parse(struct ff_span text, json_t **ret)
{
	_cleanup_json_ json_t *doc = json_object();
	json_t *devices = json_array();
	if (!doc || json_object_set_new(doc, "devices", devices) < 0)
		return &ff_enomem;
	text = ff_span_trim(text);
	enum kind first = BAD;
	bool empty = !text.n;
	for (struct ff_span entry; !empty && ff_span_next(&text, ',', &entry);) {
		entry = ff_span_trim(entry);
		enum kind kind = kind_of(entry);
		const char *why = kind == BAD ? why_bad(entry) : NULL;
		if (!why && json_array_size(devices) && kind != first)
			why = "indices and UUIDs are mixed";
		if (!why && listed(devices, entry))
			why = "the same GPU twice hides every GPU";
		if (!why && json_array_size(devices) >= ENTRIES_MAX)
			why = "more entries than any machine has GPUs";
		if (why) {
			if (json_object_set_new(doc, "bad",
				    ff_json_string(entry.n ? entry.p : "", entry.n < 64 ? entry.n : 64)) < 0 ||
				json_object_set_new(doc, "why", json_string(why)) < 0)
				return &ff_enomem;
			break;
		}
		first = kind;
		if (json_array_append_new(devices, ff_json_string(entry.p, entry.n)) < 0)
			return &ff_enomem;
	}
	*ret = ff_take(&doc);
	return NULL;
}
