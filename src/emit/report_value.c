// Values of facts as a person reads them.
#include "emit/report.h"

#include <ctype.h>

#include <math.h>

enum { MAX_LISTED = 64 };

struct unit {
	double size, from; // from: of so many bytes on; GB of a tenth on, for free VRAM reads beside total VRAM
	const char *names[2];
	int decimals;
};

static void write_size(int64_t bytes, size_t name, struct ff_buf *out)
{
	static const struct unit units[] = {{0x1p40, 0x1p40, {"TB", "TiB"}, 1},
		{0x1p30, 0.1 * 0x1p30, {"GB", "GiB"}, 1}, {0x1p20, 0x1p20, {"MB", "MiB"}, 0},
		{0x1p10, 0x1p10, {"kB", "KiB"}, 0}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if ((double)bytes >= units[i].from) {
			ff_buf_printf(
				out, "%.*f %s", units[i].decimals, (double)bytes / units[i].size, units[i].names[name]);
			return;
		}
	}
	ff_buf_printf(out, "%lld bytes", (long long)bytes);
}

void ff_value_size(int64_t bytes, struct ff_buf *out)
{
	write_size(bytes, 0, out);
}

void ff_value_size_gib(int64_t bytes, struct ff_buf *out)
{
	write_size(bytes, 1, out);
}

// What all of the list's texts begin with, or end with; 0 when one is no text.
static size_t shared_part(const json_t *list, bool end)
{
	struct ff_span first = ff_span_of(json_string_value(json_array_get(list, 0)));
	size_t shared = first.n, i;
	json_t *item;
	json_array_foreach (list, i, item) {
		struct ff_span s = ff_span_of(json_string_value(item));
		size_t n = 0;
		while (n < shared && n < s.n &&
			(end ? s.p[s.n - 1 - n] == first.p[first.n - 1 - n] : s.p[n] == first.p[n]))
			n++;
		shared = n;
	}
	return shared;
}

// Many names of one family in one word: "libbitsandbytes_{cpu,cuda118,cuda121}.so".
static bool family_text(const json_t *list, struct ff_buf *out)
{
	enum { FEW = 4, WORTH_IT = 8 };
	size_t n = json_array_size(list), i;
	json_t *item;
	if (n < FEW)
		return false;
	size_t head = shared_part(list, false), tail = shared_part(list, true);
	struct ff_span first = ff_span_of(json_string_value(json_array_get(list, 0)));
	while (head && isalnum((unsigned char)first.p[head - 1])) // whole words only
		head--;
	while (tail && isalnum((unsigned char)first.p[first.n - tail]))
		tail--;
	if (head < WORTH_IT || head + tail >= first.n)
		return false;
	ff_buf_add(out, first.p, head);
	json_array_foreach (list, i, item) {
		struct ff_span s = ff_span_of(json_string_value(item));
		ff_buf_str(out, i ? ", " : "{");
		if (s.n > head + tail)
			ff_buf_add(out, s.p + head, s.n - head - tail);
	}
	ff_buf_char(out, '}');
	ff_buf_add(out, first.p + first.n - tail, tail);
	return true;
}

static bool list_text(const json_t *list, struct ff_buf *out)
{
	if (family_text(list, out))
		return true;
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
