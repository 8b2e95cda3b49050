// Reads os-release(5): shell assignments, values bare or quoted, backslash escapes inside double quotes. A later line
// wins. Rolling distributions have no VERSION_ID; the first line of hostile files may be megabytes long, so values are
// cut at 256.
//
//	ID=ubuntu
//	VERSION_ID="22.04"
//	PRETTY_NAME="Ubuntu 22.04.4 LTS"
#include "parse/os_release.h"

static size_t unquote(struct ff_span value, char *ret, size_t max)
{
	size_t n = 0;
	char quote = 0;
	for (size_t i = 0; i < value.n && n < max; i++) {
		char c = value.p[i];
		if (quote && c == quote)
			quote = 0;
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else if (c == '\\' && quote != '\'' && i + 1 < value.n)
			ret[n++] = value.p[++i];
		else
			ret[n++] = c;
	}
	return n;
}

struct ff_error *ff_os_release_parse(struct ff_span text, json_t **ret)
{
	static const struct {
		const char *line, *key;
	} keys[] = {{"ID=", "id"}, {"VERSION_ID=", "version"}, {"PRETTY_NAME=", "name"}, {"ID_LIKE=", "like"}};
	_cleanup_json_ json_t *doc = json_object();
	if (!doc)
		return &ff_enomem;
	for (struct ff_span line; ff_span_next(&text, '\n', &line);) {
		line = ff_span_trim(line);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (!ff_span_starts(line, keys[i].line))
				continue;
			size_t skip = strlen(keys[i].line);
			char value[256];
			size_t n = unquote((struct ff_span){line.p + skip, line.n - skip}, value, sizeof(value));
			if (n && json_object_set_new(doc, keys[i].key, ff_json_string(value, n)) < 0)
				return &ff_enomem;
		}
	}
	*ret = ff_take(&doc);
	return NULL;
}
