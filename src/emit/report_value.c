// Values of facts as a person reads them.
#include "emit/report.h"

#include <math.h>

enum { MAX_LISTED = 64 };

void ff_value_size(int64_t bytes, struct ff_buf *out)
{
	static const struct {
		double size;
		const char *format;
	} units[] = {{0x1p40, "%.1f TB"}, {0x1p30, "%.1f GB"}, {0x1p20, "%.0f MB"}, {0x1p10, "%.0f kB"}};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		// GB down to 0.1: free VRAM reads beside total VRAM
		if ((double)bytes >= units[i].size * (i == 1 ? 0.1 : 1)) {
			ff_buf_printf(out, units[i].format, (double)bytes / units[i].size);
			return;
		}
	}
#pragma GCC diagnostic pop
	ff_buf_printf(out, "%lld bytes", (long long)bytes);
}

static bool list_text(const json_t *list, struct ff_buf *out)
{
	size_t n = json_array_size(list);
	for (size_t i = 0; i < n && i < MAX_LISTED; i++) {
		ff_buf_str(out, i ? ", " : "");
		ff_value_text(json_array_get(list, i), out);
	}
	if (n > MAX_LISTED)
		ff_buf_printf(out, " and %zu more", n - MAX_LISTED);
	return n > 0;
}

static bool object_text(const json_t *object, struct ff_buf *out)
{
	if (json_is_true(json_object_get(object, "masked"))) {
		ff_buf_printf(out, "set (masked, %lld characters)",
			(long long)json_integer_value(json_object_get(object, "length")));
		return true;
	}
	const char *key;
	json_t *value;
	size_t n = 0;
	json_object_foreach ((json_t *)object, key, value) {
		if (n == MAX_LISTED)
			break;
		ff_buf_printf(out, "%s%s ", n++ ? ", " : "", key);
		ff_value_text(value, out);
	}
	return n > 0;
}

bool ff_value_text(const json_t *value, struct ff_buf *out)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		ff_buf_add(out, json_string_value(value), json_string_length(value));
		return true;
	case JSON_INTEGER:
		ff_buf_printf(out, "%lld", (long long)json_integer_value(value));
		return true;
	case JSON_REAL:
		ff_buf_printf(out, "%.15g", json_real_value(value));
		return true;
	case JSON_TRUE:
		ff_buf_str(out, "True");
		return true;
	case JSON_FALSE:
		ff_buf_str(out, "False");
		return true;
	case JSON_ARRAY:
		return list_text(value, out);
	case JSON_OBJECT:
		return object_text(value, out);
	default:
		return false;
	}
}

bool ff_write_size(struct ff_cell *cell)
{
	if (!json_is_integer(cell->value))
		return false;
	ff_value_size(json_integer_value(cell->value), cell->out);
	return true;
}

// cuDNN numbers itself 10000 * major + 100 * minor + patch since 9, 1000 * major + 100 * minor + patch before.
bool ff_write_cudnn(struct ff_cell *cell)
{
	unsigned major, minor, patch;
	const char *text = json_string_value(cell->value);
	if (!text)
		return false;
	if (sscanf(text, "%3u.%3u.%3u", &major, &minor, &patch) == 3)
		ff_buf_printf(cell->out, "%u", major * (major >= 9 ? 10000 : 1000) + minor * 100 + patch);
	else
		ff_buf_str(cell->out, text);
	return true;
}
