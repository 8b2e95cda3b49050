// Names and values of secrets. The trap is language models: "token" is their commonest word, so EOS_TOKEN=</s>,
// --max-tokens 512 and "pad_token: 0" are no secrets while HF_TOKEN=abc is one. The word before decides.
#include "base/telling.h"

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

// Words that make a value secret by themselves, in last place; a longer word may end with one of the first
// ("PGPASSWORD").
static const char *const endings[] = {"password", "passwd", "passphrase", "passcode", "passwort", "apikey", "secretkey",
	"accesskey", "authtoken", NULL};
static const char *const certain[] = {"secret", "secrets", "credential", "credentials", "creds", "cred", "privatekey",
	"accountkey", "authkey", "accesstoken", "apitoken", "psk", "tkn", NULL};
static const char *const maybe[] = {"key", "auth", "authorization", "cookie", "session", "salt", "pat", "dsn",
	"webhook", "string", "bearer", "jwt", "pass", "pwd", NULL};
// KEY after one of these is certain.
static const char *const key_of[] = {"api", "access", "secret", "private", "account", "auth", "encryption", "signing",
	"license", "licence", "master", "service", "admin", "client", "shared", "ssh", "deploy", "subscription", "hmac",
	"fernet", "jwt", "app", "application", "user", "storage", "webhook", "ingest", "write", NULL};
// So is it after who issues keys.
static const char *const issuers[] = {"openai", "anthropic", "claude", "azure", "groq", "mistral", "cohere", "together",
	"togetherai", "fireworks", "deepseek", "gemini", "google", "replicate", "wandb", "hf", "huggingface", "runpod",
	"vast", "vastai", "lambda", "aws", "gcp", "ngc", "nvidia", "pinecone", "qdrant", "weaviate", "milvus", "tavily",
	"serper", "serpapi", "elevenlabs", "deepgram", "stability", "twilio", "sendgrid", "mailgun", "stripe",
	"datadog", "dd", "sentry", "newrelic", "grafana", "honeycomb", "algolia", "meili", "zhipu", "zhipuai",
	"moonshot", "dashscope", "qwen", "minimax", "perplexity", "xai", "openrouter", "langsmith", "langfuse",
	"langchain", "cloudflare", "github", "gitlab", "slack", "heroku", "telegram", "discord", "shopify", "square",
	"notion", "airtable", "doppler", "postmark", "mapbox", "baseten", "modal", "comet", "neptune", "clearml",
	"litellm", "vllm", "jina", "voyage", "cerebras", "sambanova", "novita", "deepinfra", "anyscale", "roboflow",
	"civitai", "assemblyai", "snyk", "hubspot", "okta", "asana", "typeform", "netlify", "vercel", "linear", NULL};
// PASS and PWD after one of these: the word alone counts passes, and PWD is a folder.
static const char *const pass_of[] = {"db", "database", "user", "admin", "root", "smtp", "mail", "email", "mysql", "pg",
	"postgres", "pgsql", "redis", "rabbitmq", "rabbit", "mongo", "mongodb", "ftp", "sftp", "ssh", "sudo", "proxy",
	"http", "https", "registry", "docker", "app", "service", "svc", "login", "account", "vault", "ldap", "basic",
	"auth", "client", "server", "key", "keystore", "truststore", "ssl", "tls", "cert", "wifi", "nexus",
	"artifactory", "broker", "amqp", "kafka", "sasl", "imap", "sql", "mssql", "sa", "jdbc", "elastic", "es",
	"minio", "git", "jenkins", "my", "default", "web", "api", "vpn", "samba", "smb", "nfs", "backup", "master",
	"replication", "repl", NULL};
// Neither TOKEN nor KEY is a secret after one of these.
static const char *const harmless[] = {"bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "next", "image",
	"video", "audio", "special", "added", "new", "max", "min", "prompt", "start", "end", "first", "last", "per",
	"think", "draft", "tool", "cache", "hash", "config", "graph", "public", "primary", "foreign", "sort", "state",
	"dict", "vision", "num", "id", "decoder", "split", "delimiter", "running", "current", "input", "output",
	"reversed", "speech", "language", "placeholder", "invalid", "unexpected", "missing", "begin", "partition",
	"registry", "lookup", "unique", "dispatch", "weight", "bucket", "routing", "query", "attention", "past",
	"command", NULL};
// In last place they only number, encode or place what stands before.
static const char *const trailing[] = {"value", "base64", "b64", "raw", "text", "prod", "production", "dev", "staging",
	"stage", "test", "live", "old", "new", "main", "backup", "default", "ro", "rw", "0", "1", "2", "3", "4", "5",
	NULL};

// "hfToken", "HFToken".
static bool is_edge(struct ff_span name, size_t i)
{
	const unsigned char *c = (const unsigned char *)name.p + i;
	if (!i || i >= name.n || !isupper(c[0]))
		return false;
	bool ends_acronym = isupper(c[-1]) && i + 1 < name.n && islower(c[1]);
	return islower(c[-1]) || ends_acronym;
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

static bool ends_with_word(struct ff_span w, const char *const *list)
{
	for (; *list; list++) {
		size_t n = strlen(*list);
		if (w.n >= n && is_word((struct ff_span){w.p + w.n - n, n}, (const char *const[]){*list, NULL}))
			return true;
	}
	return false;
}

// "dbpass", "DB_PASS", "MYSQL_PWD".
static bool is_pass(struct ff_span last, struct ff_span before)
{
	static const char *const words[] = {"pass", "pwd", NULL};
	if (is_word(last, words))
		return is_word(before, pass_of);
	for (size_t n = 3; n <= 4; n++) {
		struct ff_span end = {last.p + last.n - n, n};
		if (last.n > n && is_word(end, words) && is_word((struct ff_span){last.p, last.n - n}, pass_of))
			return true;
	}
	return false;
}

static enum ff_telling judge(struct ff_span last, struct ff_span before)
{
	static const char *const token[] = {"token", NULL}, *const key[] = {"key", NULL},
				 *const text[] = {"string", NULL}, *const connection[] = {"connection", NULL};
	if (is_word(last, certain) || ends_with_word(last, endings) || is_pass(last, before))
		return FF_TELLS;
	if (is_word(before, harmless))
		return FF_TELLS_NOTHING;
	if (is_word(last, token))
		return before.n ? FF_TELLS : FF_TELLS_MAYBE;
	if (is_word(last, key) && (is_word(before, key_of) || is_word(before, issuers)))
		return FF_TELLS;
	if (is_word(last, text))
		return is_word(before, connection) ? FF_TELLS : FF_TELLS_NOTHING;
	return is_word(last, maybe) ? FF_TELLS_MAYBE : FF_TELLS_NOTHING;
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
	return judge(words[n - 1], n > 1 ? words[n - 2] : (struct ff_span){NULL, 0});
}

enum { DIGIT = 1, UPPER, LOWER };

static int class_of(char c)
{
	return isdigit((unsigned char)c)    ? DIGIT
		: isupper((unsigned char)c) ? UPPER
		: islower((unsigned char)c) ? LOWER
					    : 0;
}

// Words change class rarely ("Mixtral-8x7B" 4 times in 12 characters, "layers.12" once), base62 in more than half of
// its places, hexadecimal in nearly half. A quarter lies between.
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

// mlx5_0, FLASH_ATTN, cu121, 3.10.2: kinds of signs change once or twice in a short word. "[masked:...]" is plain.
static bool is_plain_word(struct ff_span word)
{
	size_t changes = 0;
	int before = 0;
	for (size_t i = 0; i < word.n; i++) {
		int class = class_of(word.p[i]);
		if (!class && !strchr("_.-", word.p[i]))
			return false;
		changes += class && before && class != before && !(before == UPPER && class == LOWER);
		before = class ? class : before;
	}
	return changes <= 2 || (changes == 3 && word.n <= 6) || changes * 6 <= word.n;
}

bool ff_telling_plain(struct ff_span value)
{
	static const char between[] = "` \t,;:=/+|^()[]{}<>\"'";
	for (size_t i = 0; i < value.n;) {
		size_t n = 0;
		while (i + n < value.n && (unsigned char)value.p[i + n] >= 0x20 && !strchr(between, value.p[i + n]))
			n++;
		if (!is_plain_word((struct ff_span){value.p + i, n}))
			return false;
		i += n + 1;
	}
	return true;
}

// 0.0027475, 1e-05, 4096: up to six digits, or as floating point is printed.
static bool is_number(struct ff_span value)
{
	size_t digits = 0, points = 0;
	for (size_t i = 0; i < value.n; i++) {
		bool digit = isdigit((unsigned char)value.p[i]);
		if (!digit && !(digits && strchr(".eE+-", value.p[i])))
			return false;
		digits += digit;
		points += value.p[i] == '.';
	}
	return digits <= 6 || points == 1;
}

// $HOME/x, ${NAME}, $(command), %s, %(name)s, %NAME%: something else will stand here. "$2b$12$..." and "%vN?+jB" are
// values.
static bool is_filled_in(struct ff_span value)
{
	char next = value.n > 1 ? value.p[1] : '\0';
	size_t n = 1;
	if (value.n <= 3 || next == '{' || next == '(')
		return true;
	if (value.p[0] == '%')
		return next == '%' || value.p[value.n - 1] == '%' ||
			(strchr("sdrif", next) && !isalnum((unsigned char)value.p[2]));
	while (n < value.n && (isalnum((unsigned char)value.p[n]) || value.p[n] == '_'))
		n++;
	return n > 1 && !isdigit((unsigned char)next) && (n == value.n || strchr("/:.,;\"'", value.p[n]));
}

bool ff_telling_placeholder(struct ff_span value)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "none", "null", "nil", "set",
		"unset", "not", "missing", "required", "empty", "redacted", "masked", "hidden", "xxx", "changeme",
		"undefined", "str", "int", "bool", "float", "bytes", "string", "optional", "default", "auto", "nan",
		NULL};
	value = ff_span_trim(value);
	size_t stars = 0;
	for (size_t i = 0; i < value.n; i++)
		stars += strchr("*.xX_-", value.p[i]) != NULL;
	if (stars == value.n || is_number(value) || is_word(value, words))
		return true;
	if (ff_span_starts(value, "-----BEGIN ") && memmem(value.p, value.n, "[masked:", 8))
		return true;
	if (value.p[0] == '$' || value.p[0] == '%')
		return is_filled_in(value);
	if (value.p[0] == '=') // "token == other"; keys of 40 letters, digits, "=", "_" and "-" begin so, too
		return !ff_telling_random(value);
	return strchr("<{[(|", value.p[0]) || ff_span_starts(value, "Optional[") ||
		ff_span_starts(value, "\xe2\x80\xa6");
}

// Small letters in words joined by "_" or ".", then the end; or any name that is called or indexed. One plain word is
// no code: it can be a password.
bool ff_telling_code(struct ff_span value)
{
	size_t joints = 0, i = 0, others = 0;
	for (; i < value.n && (isalnum((unsigned char)value.p[i]) || strchr("_.", value.p[i])); i++) {
		joints += value.p[i] == '_' || value.p[i] == '.';
		others += isdigit((unsigned char)value.p[i]) || isupper((unsigned char)value.p[i]);
	}
	if (!i || isdigit((unsigned char)value.p[0]))
		return false;
	return i < value.n ? strchr("([", value.p[i]) != NULL : joints > 0 && !others;
}

bool ff_telling_digest(struct ff_span value)
{
	size_t dashes = 0;
	for (size_t i = 0; i < value.n; i++) {
		bool dash = value.p[i] == '-';
		if (!dash && !isxdigit((unsigned char)value.p[i]))
			return false;
		dashes += dash;
	}
	return value.n >= MIN_RANDOM && (!dashes || (dashes == 4 && value.n == 36));
}

// ACME_KEY=8c2f...: a digest is no secret where a program counts, but somebody set this variable.
static bool is_variable(struct ff_span name)
{
	size_t joints = 0;
	for (size_t i = 0; i < name.n; i++) {
		if (!isupper((unsigned char)name.p[i]) && !isdigit((unsigned char)name.p[i]) && name.p[i] != '_')
			return false;
		joints += name.p[i] == '_';
	}
	return joints > 0;
}

bool ff_telling_secret(struct ff_span name, struct ff_span value)
{
	enum ff_telling tells = ff_telling_name(name);
	if (tells == FF_TELLS_NOTHING || ff_telling_placeholder(value))
		return false;
	return tells == FF_TELLS || (ff_telling_random(value) && (is_variable(name) || !ff_telling_digest(value)));
}

// "use_auth_token=self.token" in a traceback is code. A password, a shell variable or an option is never taken for
// that.
static bool is_code(struct ff_span name, struct ff_span value)
{
	bool may_be = ff_span_ends(name, "token") || ff_span_ends(name, "key");
	return may_be && !ff_span_starts(name, "-") && ff_telling_code(value);
}

enum ff_secret_check ff_secret_check_of(struct ff_span word)
{
	return ff_span_eq(word, "named")     ? FF_SECRET_NAMED
		: ff_span_eq(word, "opaque") ? FF_SECRET_OPAQUE
		: ff_span_eq(word, "random") ? FF_SECRET_RANDOM
					     : FF_SECRET_ANY;
}

bool ff_secret_passes(enum ff_secret_check check, struct ff_span name, struct ff_span value, bool quoted)
{
	if (ff_telling_placeholder(value))
		return false;
	if (check == FF_SECRET_RANDOM)
		return ff_telling_random(value);
	if (check == FF_SECRET_OPAQUE)
		return ff_telling_random(value) && !ff_telling_digest(value);
	if (check == FF_SECRET_ANY)
		return true;
	return (quoted || !is_code(name, value)) && ff_telling_secret(name, value);
}
