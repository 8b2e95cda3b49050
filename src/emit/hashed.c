// What is a path: from a '/' at the beginning of a word to the next character that no path has unquoted.
#include "emit/hashed.h"

#include "base/sha256.h"

#include <ctype.h>

enum { HASH_BYTES = 8, PATH_LEAST = 3, DEPTH_MAX = 64 };

static const char *const kept[] = {"http.route", "url.path", "url.template", "http.target"};

static bool ends_path(char c)
{
	return isspace((unsigned char)c) || strchr("\"'`,;:)]}>|", c) != NULL;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static void put_hash(struct ff_span name, struct ff_span key, struct ff_buf *out)
{
	unsigned char hash[FF_SHA256];
	ff_hmac_sha256(key, name, hash);
	ff_buf_str(out, "hashed:");
	for (int i = 0; i < HASH_BYTES; i++)
		ff_buf_printf(out, "%02x", hash[i]);
}

static size_t path_at(struct ff_span text, size_t at)
{
	size_t n = 0;
	if (text.p[at] != '/' || (at && (in_word(text.p[at - 1]) || strchr("/:<", text.p[at - 1]))))
		return 0;
	while (at + n < text.n && text.p[at + n] && !ends_path(text.p[at + n]))
		n++;
	return n >= PATH_LEAST ? n : 0;
}

static size_t host_at(struct ff_span text, size_t at, const char *host)
{
	size_t n = host ? strlen(host) : 0;
	if (!n || at + n > text.n || memcmp(text.p + at, host, n) != 0 || (at && in_word(text.p[at - 1])))
		return 0;
	bool ends = at + n == text.n || text.p[at + n] == '.' || !in_word(text.p[at + n]); // a sentence, a domain
	return ends ? n : 0;
}

void ff_hash_names(struct ff_span text, struct ff_span key, const char *host, struct ff_buf *out)
{
	for (size_t at = 0; at < text.n;) {
		size_t n = path_at(text, at);
		n = n ? n : host_at(text, at, host);
		if (n)
			put_hash((struct ff_span){text.p + at, n}, key, out);
		else
			ff_buf_char(out, text.p[at]);
		at += n ? n : 1;
	}
}

static bool is_kept(const char *key)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strcmp(kept[i], key) == 0)
			return true;
	return false;
}

static struct ff_error *walk(json_t *value, struct ff_span key, const char *host, int depth)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const char *name, *of = json_string_value(json_object_get(value, "key"));
	json_t *inner;
	size_t i;
	struct ff_error *err = NULL;
	if (depth > DEPTH_MAX || (of && is_kept(of)))
		return NULL;
	json_object_foreach (value, name, inner)
		err = err || is_kept(name) ? err : walk(inner, key, host, depth + 1);
	json_array_foreach (value, i, inner)
		err = err ? err : walk(inner, key, host, depth + 1);
	if (err || !json_is_string(value))
		return err;
	ff_hash_names((struct ff_span){json_string_value(value), json_string_length(value)}, key, host, &text);
	return text.failed || json_string_setn(value, text.n ? text.p : "", text.n) < 0 ? &ff_enomem : NULL;
}

struct ff_error *ff_hash_names_of(json_t *document, struct ff_span key, const char *host)
{
	return walk(document, key, host, 0);
}
