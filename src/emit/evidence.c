// The value of a fact as evidence: short, with units, never a dump of an object. The end of the path says what it is.
//
//	system.shm.size 67108864                               -> 64 MiB
//	gpus [{"name": "NVIDIA L4", ...}, ...]                 -> 0 NVIDIA L4; 1 NVIDIA L4
//	cuda.driver_init {"code": 999, "name": "CUDA_ERROR_UNKNOWN"}  -> 999 CUDA_ERROR_UNKNOWN
#include "emit/report.h"

// Which fields of an object tell, in order; of a list of such objects each is shown so.
static const struct {
	const char *end;
	const char *fields[5];
} briefs[] = {
	{"driver_init", {"code", "name", "text"}},
	{"error", {"code", "text", "call"}},
	{"gpus", {"index", "name", "driver"}},
	{"processes", {"pid", "name", "used"}},
	{"xids", {"number", "xid", "name", "gpu"}},
	{"disks", {"for", "path", "free"}},
	{"conflicts", {"package", "requires", "found"}},
	{"partners", {"package", "found", "wants"}},
	{"duplicates", {"package"}},
	{"repos", {"name", "incomplete"}},
};

static const char *const sizes[] = {
	"size", "free", "used", "total", "available", "limit", "swap", "reserved", "weights", "rss", "recorded"};

static const char *last_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	return dot ? dot + 1 : path;
}

static bool is_size(const char *key)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (strcmp(sizes[i], key) == 0)
			return true;
	return false;
}

static void plain(const char *key, const json_t *value, struct ff_buf *out)
{
	if (json_is_integer(value) && is_size(key) && json_integer_value(value) >= 1024)
		ff_value_size_gib(json_integer_value(value), out);
	else if (!json_is_object(value) && !json_is_array(value))
		ff_value_text(value, out);
}

static size_t brief_of(const char *path)
{
	const char *last = last_of(path);
	if (*last >= '0' && *last <= '9') { // one of a list: the list's name decides
		for (size_t i = 0; i < sizeof(briefs) / sizeof(*briefs); i++) {
			const char *at = strstr(path, briefs[i].end);
			if (at && at + strlen(briefs[i].end) + 1 == last)
				return i;
		}
	}
	size_t i = 0;
	while (i < sizeof(briefs) / sizeof(*briefs) && strcmp(briefs[i].end, last) != 0)
		i++;
	return i;
}

static void object(size_t brief, const json_t *value, struct ff_buf *out)
{
	size_t before = out->n;
	for (size_t i = 0; i < 5 && briefs[brief].fields[i]; i++) {
		const json_t *field = json_object_get(value, briefs[brief].fields[i]);
		if (!field || json_is_object(field) || json_is_array(field) || json_is_null(field))
			continue;
		if (out->n > before)
			ff_buf_char(out, ' ');
		plain(briefs[brief].fields[i], field, out);
	}
}

bool ff_evidence_text(const char *path, const json_t *value, struct ff_buf *out)
{
	enum { FEW = 6 };
	size_t brief = brief_of(path), i, n = json_array_size(value);
	const json_t *first = json_array_get(value, 0);
	if (json_is_integer(value)) {
		plain(last_of(path), value, out);
		return true;
	}
	if (brief == sizeof(briefs) / sizeof(*briefs) || !(json_is_object(value) || json_is_object(first)))
		return ff_value_text(value, out);
	if (json_is_object(value)) {
		object(brief, value, out);
		return out->n > 0;
	}
	for (i = 0; i < n && i < FEW; i++) {
		ff_buf_str(out, i ? "; " : "");
		object(brief, json_array_get(value, i), out);
	}
	if (n > FEW)
		ff_buf_printf(out, "; and %zu more", n - FEW);
	return true;
}
