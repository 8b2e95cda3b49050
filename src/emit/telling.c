// Names and values of secrets. The trap is language models: "token" is their commonest word, so EOS_TOKEN=</s>,
// --max-tokens 512 and "pad_token: 0" are no secrets while HF_TOKEN=abc is one. The word before decides.
#include "emit/telling.h"

#include <ctype.h>
#include <strings.h>

enum { MAX_WORDS = 12, MIN_RANDOM = 16 };

static bool is_word(struct ff_span w, const char *const *list)
{
	for (; w.n && *list; list++) {
		bool begins = (*list[0] | 0x20) == (w.p[0] | 0x20); // most words end here
		if (begins && strlen(*list) == w.n && strncasecmp(*list, w.p, w.n) == 0)
			return true;
	}
	return false;
}

// Words that make a value secret by themselves, in last place.
static const char *const certain[] = {"password", "passwd", "passphrase", "pass", "secret", "secrets", "apikey",
	"credential", "credentials", "accesskey", "secretkey", "privatekey", "accountkey", "authkey", "authtoken",
	"accesstoken", "apitoken", NULL};
static const char *const maybe[] = {"key", "auth", "authorization", "cookie", "session", "salt", "pat", "dsn",
	"webhook", "string", "bearer", "jwt", NULL};
// KEY after one of these is certain.
static const char *const key_of[] = {"api", "access", "secret", "private", "account", "auth", "encryption", "signing",
	"license", "licence", "master", "service", "admin", "client", "shared", "ssh", "deploy", NULL};
// Neither TOKEN nor KEY is a secret after one of these.
static const char *const harmless[] = {"bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "next", "image",
	"video", "audio", "special", "added", "new", "max", "min", "prompt", "start", "end", "first", "last", "per",
	"think", "draft", "tool", "cache", "hash", "config", "graph", "public", "primary", "foreign", "sort", "state",
	"dict", "vision", "num", "id", "decoder", "split", "delimiter", "running", "current", "input", "output",
	"reversed", "speech", "language", "placeholder", "invalid", "unexpected", "missing", "begin", "command", NULL};
// In last place they only number or encode what stands before.
static const char *const trailing[] = {"value", "base64", "b64", "raw", "text", "0", "1", "2", "3", NULL};

static bool is_edge(struct ff_span name, size_t i)
{
	unsigned char c = (unsigned char)name.p[i];
	return i && isupper(c) && islower((unsigned char)name.p[i - 1]);
}

static size_t split(struct ff_span name, struct ff_span words[MAX_WORDS])
{
	size_t n = 0, start = 0;
	for (size_t i = 0; i <= name.n; i++) {
		bool cut = i == name.n || strchr("_-. ", name.p[i]);
		if (!cut && !is_edge(name, i))
			continue;
		if (i > start) {
			if (n == MAX_WORDS) {
				memmove(words, words + 1, (MAX_WORDS - 1) * sizeof(*words));
				n--;
			}
			words[n++] = (struct ff_span){name.p + start, i - start};
		}
		start = cut ? i + 1 : i;
	}
	return n;
}

enum ff_telling ff_telling_name(struct ff_span name)
{
	struct ff_span words[MAX_WORDS];
	if (name.n > 200)
		name = (struct ff_span){name.p + name.n - 200, 200};
	size_t n = split(name, words);
	while (n > 1 && is_word(words[n - 1], trailing))
		n--;
	if (!n)
		return FF_TELLS_NOTHING;
	struct ff_span last = words[n - 1], before = n > 1 ? words[n - 2] : (struct ff_span){NULL, 0};
	if (is_word(last, certain))
		return FF_TELLS;
	if (is_word(before, harmless))
		return FF_TELLS_NOTHING;
	static const char *const token[] = {"token", NULL}, *const key[] = {"key", NULL},
				 *const text[] = {"string", NULL};
	static const char *const connection[] = {"connection", NULL};
	if (is_word(last, token))
		return n > 1 ? FF_TELLS : FF_TELLS_MAYBE;
	if (is_word(last, key) && is_word(before, key_of))
		return FF_TELLS;
	if (is_word(last, text))
		return is_word(before, connection) ? FF_TELLS : FF_TELLS_NOTHING;
	return is_word(last, maybe) ? FF_TELLS_MAYBE : FF_TELLS_NOTHING;
}

static int class_of(char c)
{
	return isdigit((unsigned char)c) ? 1 : isupper((unsigned char)c) ? 2 : islower((unsigned char)c) ? 3 : 0;
}

// Words change class rarely ("Mixtral-8x7B" 4 times in 12 characters, "layers.12" once), base62 in more than half of its
// places, hexadecimal in nearly half. A quarter lies between.
bool ff_telling_random(struct ff_span value)
{
	if (value.n < MIN_RANDOM)
		return false;
	size_t changes = 0, marks = 0;
	unsigned seen = 0;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		int class = class_of(c);
		if (!class && !strchr("+/=_.~-", c))
			return false;
		marks += !class;
		seen |= 1u << class;
		changes += class && i && class_of(value.p[i - 1]) && class != class_of(value.p[i - 1]);
	}
	bool mixed = (seen & ~1u) & ((seen & ~1u) - 1); // two classes or more
	return mixed && changes * 4 >= value.n && marks * 5 <= value.n;
}

bool ff_telling_placeholder(struct ff_span value)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "none", "null", "nil", "set",
		"unset", "not", "missing", "required", "empty", "redacted", "masked", "hidden", "xxx", "changeme",
		"undefined", "str", "int", "bool", "float", "bytes", "string", "optional", "default", "auto", "nan",
		NULL};
	value = ff_span_trim(value);
	size_t digits = 0, stars = 0;
	for (size_t i = 0; i < value.n; i++) {
		digits += isdigit((unsigned char)value.p[i]) != 0;
		stars += strchr("*.xX_-", value.p[i]) != NULL;
	}
	if (stars == value.n || (digits == value.n && value.n <= 6) || is_word(value, words))
		return true;
	if (ff_span_starts(value, "-----BEGIN ") && memmem(value.p, value.n, "[masked:", 8))
		return true;
	return strchr("<$%{[(|=", value.p[0]) || ff_span_starts(value, "Optional[") ||
		ff_span_starts(value, "\xe2\x80\xa6");
}

// Small letters in words joined by "_" or ".", then the end or a bracket. One plain word is no code: it can be a password.
bool ff_telling_code(struct ff_span value)
{
	size_t joints = 0, i = 0;
	for (; i < value.n && (islower((unsigned char)value.p[i]) || strchr("_.", value.p[i])); i++)
		joints += !islower((unsigned char)value.p[i]);
	return i && (i < value.n ? strchr("([", value.p[i]) != NULL : joints > 0);
}

// Names of contents (git, sha256, md5): random, and no secret unless the name is certain.
static bool is_digest(struct ff_span value)
{
	for (size_t i = 0; i < value.n; i++) {
		if (!isxdigit((unsigned char)value.p[i]))
			return false;
	}
	return value.n == 32 || value.n == 40 || value.n == 64;
}

bool ff_telling_secret(struct ff_span name, struct ff_span value)
{
	enum ff_telling tells = ff_telling_name(name);
	if (tells == FF_TELLS_NOTHING || ff_telling_placeholder(value))
		return false;
	return tells == FF_TELLS || (ff_telling_random(value) && !is_digest(value));
}
