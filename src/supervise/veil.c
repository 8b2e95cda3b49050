// A line is shown up to the first name that tells ("password", "--db-pass", "Bearer") and has something behind it; the
// rest of the line is hidden, because where a value ends takes more to know than the supervisor has. In what is shown,
// runs of signs that no person wrote are hidden, and what stands before the @ of a URL.
#include "supervise/veil.h"

#include "base/clean.h"
#include "base/shell.h"
#include "base/telling.h"

#include <ctype.h>
#include <strings.h>

enum { LEAST_MADE = 10, SIGNS_MAX = 6 };

static void hide(struct ff_buf *out, size_t n)
{
	if (n)
		ff_buf_printf(out, "[masked:%zu]", n);
}

static bool is_name_sign(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.-", c));
}

static bool is_run_sign(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.~+=!#%^*$-", c));
}

static struct ff_span run_of(struct ff_span text, bool (*sign)(char))
{
	size_t n = 0;
	while (n < text.n && sign(text.p[n]))
		n++;
	return (struct ff_span){text.p, n};
}

// Options and words behind which a credential stands, to some program.
static bool announces(struct ff_span word)
{
	static const char *const words[] = {"-p", "-a", "-w", "-P", "-u", "-U", "--user", "--proxy-user", "--creds",
		"bearer", "basic", "negotiate", "splunk", "apikey", "digest", "ntlm", "password-stdin"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (word.n == strlen(words[i]) && strncasecmp(word.p, words[i], word.n) == 0)
			return true;
	}
	return false;
}

static bool is_made(struct ff_span run)
{
	bool aws = run.n == 20 && (ff_span_starts(run, "AKIA") || ff_span_starts(run, "ASIA"));
	return aws || (run.n >= LEAST_MADE && (ff_telling_random(run) || !ff_telling_plain(run)));
}

// Where the value begins when a name that tells ends at `end`; 0 when nothing is assigned to it.
static size_t value_behind(struct ff_span line, struct ff_span name, size_t end)
{
	bool option = name.p[0] == '-' || announces(name), assigned = false;
	size_t i = end;
	while (i < line.n && i < end + SIGNS_MAX && strchr(" \t=:>,'\"\\", line.p[i])) {
		assigned |= strchr("=:>", line.p[i]) || (line.p[i] == ',' && i > end);
		i++;
	}
	return i > end && i < line.n && (assigned || option) ? i : 0;
}

// OTEL_EXPORTER_OTLP_HEADERS, BUNDLE_GEMS__CONTRIBSYS__COM.
static bool is_telling_variable(struct ff_span name)
{
	return (ff_span_starts(name, "OTEL_") && ff_span_ends(name, "_HEADERS")) ||
		(ff_span_starts(name, "BUNDLE_") && memmem(name.p, name.n, "__", 2));
}

static bool is_telling(struct ff_span name)
{
	struct ff_span bare = name; // an option's value tells by the option, a header's scheme by itself
	while (bare.n && bare.p[0] == '-')
		bare = (struct ff_span){bare.p + 1, bare.n - 1};
	static const char *const headers[] = {
		"authorization", "cookie", "set-cookie", "proxy-authorization", "auth", "pwd", "pass"};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (bare.n == strlen(headers[i]) && strncasecmp(bare.p, headers[i], bare.n) == 0)
			return true;
	}
	return announces(name) || is_telling_variable(name) || ff_telling_name(name) == FF_TELLS;
}

// The first place of the line from which on it is hidden; line.n when there is none.
static size_t veiled_from(struct ff_span line)
{
	static const char piped[] = "password-stdin"; // echo SECRET | docker login --password-stdin
	if (memmem(line.p, line.n, piped, sizeof(piped) - 1))
		return 0;
	for (size_t i = 0; i < line.n;) {
		struct ff_span name = run_of((struct ff_span){line.p + i, line.n - i}, is_name_sign);
		bool joined =
			name.n > 4 && ff_span_starts(name, "-p") && !ff_span_starts(name, "-po"); // mysql -pSECRET
		if (joined && (!i || line.p[i - 1] == ' '))
			return i + 2;
		size_t from = name.n && is_telling(name) ? value_behind(line, name, i + name.n) : 0;
		struct ff_span value = {line.p + from, line.n - from};
		if (from && !ff_telling_placeholder(value))
			return from;
		i += name.n ? name.n : 1;
	}
	return line.n;
}

// Length of "user:password" before the @ of a URL; 0 when there is none.
static size_t userinfo(struct ff_span rest)
{
	size_t at = 0;
	for (size_t n = 0; n < rest.n && (unsigned char)rest.p[n] > ' ' && !strchr("\"'<>?", rest.p[n]); n++)
		at = rest.p[n] == '@' ? n : at;
	return at;
}

static void show(struct ff_buf *out, struct ff_span text)
{
	for (size_t i = 0; i < text.n;) {
		struct ff_span rest = {text.p + i, text.n - i}, run = run_of(rest, is_run_sign);
		bool url = i >= 3 && memcmp(text.p + i - 3, "://", 3) == 0;
		size_t hidden = url ? userinfo(rest) : is_made(run) ? run.n : 0;
		size_t n = hidden ? hidden : run.n ? run.n : 1;
		while (!hidden && !run.n && i + n < text.n && (text.p[i + n] & 0x80))
			n++; // the bytes of one character stay together
		hide(out, hidden);
		ff_clean(out, (struct ff_span){rest.p, hidden ? 0 : n}, true);
		i += n;
	}
}

static void veil_line(struct ff_buf *out, struct ff_span line)
{
	size_t from = veiled_from(line);
	show(out, (struct ff_span){line.p, from});
	hide(out, line.n - from);
}

static bool has(struct ff_span line, const char *word)
{
	return line.p && memmem(line.p, line.n, word, strlen(word));
}

void veil_text(struct ff_buf *out, struct ff_span text)
{
	bool in_key = false;
	while (text.n) {
		const char *newline = memchr(text.p, '\n', text.n);
		struct ff_span line = {text.p, newline ? (size_t)(newline - text.p) : text.n};
		in_key |= has(line, "PRIVATE KEY");
		if (in_key)
			hide(out, line.n);
		else
			veil_line(out, line);
		in_key &= !has(line, "-----END");
		if (newline)
			ff_buf_char(out, '\n');
		text = (struct ff_span){line.p + line.n + (newline != NULL), text.n - line.n - (newline != NULL)};
	}
}

void veil_command(struct ff_buf *out, char *const argv[])
{
	for (size_t i = 0; argv[i]; i++) {
		_cleanup_buf_ struct ff_buf word = {0};
		struct ff_span option = ff_span_of(i ? argv[i - 1] : ""), value = ff_span_of(argv[i]);
		bool hidden = i && ff_span_starts(option, "-") && is_telling(option) && !ff_span_starts(value, "-") &&
			!ff_telling_placeholder(value);
		if (hidden)
			hide(&word, value.n);
		else
			veil_text(&word, value);
		ff_buf_str(out, i ? " " : "");
		ff_shell_quote(out, (struct ff_span){word.p ? word.p : "", word.n});
	}
}
