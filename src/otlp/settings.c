// OTEL_*: names, presets and how a signal's own variable wins over the one for all, as the specification has them.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318		-> http://collector:4318/v1/logs, /v1/traces, /v1/metrics
//	OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://tempo/otlp/v1/traces	-> as it is
//	OTEL_EXPORTER_OTLP_HEADERS=api-key=s3cr3t,x-scope=a%20b
//
// How the source lies: a variable that is set and empty is not set; spaces stand around commas; values of headers and
// attributes are percent-encoded.
#include "otlp/settings.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { NAME_MAX_ = 80, MS_MAX = 24 * 3600 * 1000, TEXT_MAX = 8192, BATCH = 128 };

static const char *const upper_names[FF_SIGNALS] = {"LOGS", "TRACES", "METRICS"};

struct reading {
	ff_otlp_get *get;
	struct ff_otlp_settings *s;
};

static void problem(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void problem(struct reading *r, const char *format, ...)
{
	va_list args;
	char *line = NULL;
	if (r->s->n_problems == FF_OTLP_PROBLEMS_MAX)
		return;
	va_start(args, format);
	if (vasprintf(&line, format, args) >= 0)
		r->s->problems[r->s->n_problems++] = line;
	va_end(args);
}

static const char *get(const struct reading *r, const char *name)
{
	const char *value = r->get(name);
	return value && *value && strlen(value) <= TEXT_MAX ? value : NULL;
}

// OTEL_EXPORTER_OTLP_<SIGNAL>_<WHAT>, else OTEL_EXPORTER_OTLP_<WHAT>. The name that it was found under is left in
// `name`.
static const char *get_of(const struct reading *r, enum ff_signal signal, const char *what, char name[NAME_MAX_])
{
	snprintf(name, NAME_MAX_, "OTEL_EXPORTER_OTLP_%s_%s", upper_names[signal], what);
	const char *value = get(r, name);
	if (value)
		return value;
	snprintf(name, NAME_MAX_, "OTEL_EXPORTER_OTLP_%s", what);
	return get(r, name);
}

static unsigned number(struct reading *r, const char *name, unsigned preset, unsigned least)
{
	const char *value = get(r, name);
	uint64_t n;
	if (!value)
		return preset;
	if (ff_span_u64(ff_span_of(value), &n) && n >= least && n <= MS_MAX)
		return (unsigned)n;
	problem(r, "%s wants a whole number from %u, not '%.40s'", name, least, value);
	return preset;
}

// "a%20b" -> "a b"; bytes that would end a line of a header do not get in.
static bool decoded(struct ff_span text, struct ff_buf *ret)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned c = (unsigned char)text.p[i], byte;
		if (c == '%' && i + 2 < text.n && ff_otlp_hex(text.p + i + 1, &byte)) {
			c = byte;
			i += 2;
		}
		if (c < ' ' || c == 0x7f)
			return false;
		ff_buf_char(ret, (char)c);
	}
	return !ret->failed;
}

// The next "name=value" of a list; false at its end. A piece that is none has an empty name.
static bool next_pair(struct ff_span *rest, struct ff_span *ret_name, struct ff_buf *ret_value)
{
	struct ff_span piece, name;
	if (!ff_span_next(rest, ',', &piece))
		return false;
	*ret_name = (struct ff_span){0};
	if (ff_span_next(&piece, '=', &name) && piece.p && decoded(ff_span_trim(piece), ret_value))
		*ret_name = ff_span_trim(name);
	return true;
}

static bool is_header_name(struct ff_span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!isalnum((unsigned char)name.p[i]) && !strchr("!#$%&'*+-.^_`|~", name.p[i]))
			return false;
	return name.n > 0;
}

static void read_headers(struct reading *r, enum ff_signal signal)
{
	char variable[NAME_MAX_];
	struct ff_otlp_target *t = &r->s->targets[signal];
	struct ff_span rest = ff_span_of(get_of(r, signal, "HEADERS", variable)), name;
	while (rest.n) {
		_cleanup_buf_ struct ff_buf value = {0};
		if (!next_pair(&rest, &name, &value))
			break;
		if (!is_header_name(name) || t->n_headers == FF_OTLP_HEADERS_MAX)
			problem(r, "%s: not a list of name=value; a piece of it is left out", variable);
		else if (asprintf(&t->headers[t->n_headers], "%.*s: %s", (int)name.n, name.p, value.n ? value.p : "") >=
			0)
			t->n_headers++;
	}
}

static bool is_one_of(struct ff_span list, const char *word)
{
	struct ff_span piece;
	while (ff_span_next(&list, ',', &piece))
		if (ff_span_eq(ff_span_trim(piece), word))
			return true;
	return false;
}

// OTEL_TRACES_EXPORTER and its like: otlp (the preset), none, and names of exporters that are the worker's affair.
static bool is_wanted(struct reading *r, enum ff_signal signal)
{
	char name[NAME_MAX_];
	snprintf(name, sizeof(name), "OTEL_%s_EXPORTER", upper_names[signal]);
	const char *value = get(r, name);
	return !value || is_one_of(ff_span_of(value), "otlp");
}

static bool is_url(const char *text)
{
	bool scheme = strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ')
			return false;
	return scheme && *(strchr(text, ':') + 3);
}

static void read_url(struct reading *r, enum ff_signal signal)
{
	char name[NAME_MAX_];
	const char *url = get_of(r, signal, "ENDPOINT", name);
	if (!url || !is_wanted(r, signal))
		return;
	if (!is_url(url)) {
		problem(r, "%s wants http://HOST:PORT or https://HOST:PORT; nothing is sent", name);
		return;
	}
	bool whole = strcmp(name, "OTEL_EXPORTER_OTLP_ENDPOINT") != 0;
	int n = whole ? asprintf(&r->s->targets[signal].url, "%s", url)
		      : asprintf(&r->s->targets[signal].url, "%s%sv1/%s", url, ff_ends(url, "/") ? "" : "/",
				ff_signal_names[signal]);
	if (n < 0)
		r->s->targets[signal].url = NULL;
}

// The place of a word in a table of two, the first being the preset.
static bool choose(struct reading *r, enum ff_signal signal, const char *what, const char *const words[2])
{
	char name[NAME_MAX_];
	const char *value = get_of(r, signal, what, name);
	if (value && strcmp(value, words[0]) != 0 && strcmp(value, words[1]) != 0)
		problem(r, "%s: %s or %s, not '%.40s'; %s it is", name, words[0], words[1], value, words[0]);
	return value && strcmp(value, words[1]) == 0;
}

static void read_target(struct reading *r, enum ff_signal signal)
{
	static const char *const protocols[] = {"http/protobuf", "http/json"}, *const compressions[] = {"none", "gzip"};
	char name[NAME_MAX_];
	struct ff_otlp_target *t = &r->s->targets[signal];
	read_url(r, signal);
	if (!t->url)
		return;
	const struct {
		const char *what;
		char **to;
	} files[] = {{"CERTIFICATE", &t->certificate}, {"CLIENT_KEY", &t->client_key},
		{"CLIENT_CERTIFICATE", &t->client_certificate}};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = get_of(r, signal, files[i].what, name);
		*files[i].to = path ? strdup(path) : NULL;
	}
	read_headers(r, signal);
	t->json = choose(r, signal, "PROTOCOL", protocols);
	t->gzip = choose(r, signal, "COMPRESSION", compressions);
	get_of(r, signal, "TIMEOUT", name);
	t->timeout_ms = number(r, name, 10000, 1);
	r->s->on = true;
}

static void read_sampler(struct reading *r)
{
	static const struct {
		const char *name;
		bool parent_based, by_ratio;
		double sampled;
	} rows[] = {{"parentbased_always_on", true, false, 1}, {"always_on", false, false, 1},
		{"always_off", false, false, 0}, {"traceidratio", false, true, 1},
		{"parentbased_always_off", true, false, 0}, {"parentbased_traceidratio", true, true, 1}};
	const char *name = get(r, "OTEL_TRACES_SAMPLER"), *argument = get(r, "OTEL_TRACES_SAMPLER_ARG");
	size_t i = 0;
	while (name && i < sizeof(rows) / sizeof(rows[0]) && strcmp(rows[i].name, name) != 0)
		i++;
	if (i == sizeof(rows) / sizeof(rows[0])) {
		problem(r, "OTEL_TRACES_SAMPLER: '%.40s' is not known here; %s it is", name, rows[0].name);
		i = 0;
	}
	r->s->parent_based = rows[i].parent_based;
	r->s->sampled = rows[i].sampled;
	if (!rows[i].by_ratio || !argument)
		return;
	char *end;
	double ratio = strtod(argument, &end);
	if (!*end && ratio >= 0 && ratio <= 1)
		r->s->sampled = ratio;
	else
		problem(r, "OTEL_TRACES_SAMPLER_ARG wants a share from 0 to 1, not '%.40s'", argument);
}

static struct ff_error *read_attributes(struct reading *r)
{
	struct ff_span rest = ff_span_of(get(r, "OTEL_RESOURCE_ATTRIBUTES")), name;
	r->s->attributes = json_object();
	if (!r->s->attributes)
		return &ff_enomem;
	while (rest.n) {
		_cleanup_buf_ struct ff_buf value = {0};
		if (!next_pair(&rest, &name, &value))
			break;
		_cleanup_json_ json_t *key = name.n ? ff_json_string(name.p, name.n) : NULL;
		if (!key)
			problem(r, "OTEL_RESOURCE_ATTRIBUTES: not a list of name=value; a piece of it is left out");
		else if (json_object_set_new(r->s->attributes, json_string_value(key),
				 ff_json_string(value.n ? value.p : "", value.n)) < 0)
			return &ff_enomem;
	}
	const char *service = get(r, "OTEL_SERVICE_NAME");
	service = service ? service : json_string_value(json_object_get(r->s->attributes, "service.name"));
	r->s->service_name = service ? strdup(service) : NULL;
	return NULL;
}

struct ff_error *ff_otlp_settings_read(ff_otlp_get *getter, struct ff_otlp_settings *ret)
{
	struct reading r = {getter, ret};
	*ret = (struct ff_otlp_settings){0};
	const char *disabled = get(&r, "OTEL_SDK_DISABLED");
	if (disabled && strcasecmp(disabled, "true") == 0)
		return NULL;
	for (unsigned i = 0; i < FF_SIGNALS; i++)
		read_target(&r, (enum ff_signal)i);
	if (!ret->on)
		return NULL;
	ret->metrics_every_ms = number(&r, "OTEL_METRIC_EXPORT_INTERVAL", 60000, 1);
	unsigned logs = number(&r, "OTEL_BLRP_SCHEDULE_DELAY", 1000, 0),
		 spans = number(&r, "OTEL_BSP_SCHEDULE_DELAY", 5000, 0);
	ret->delay_ms = logs < spans ? logs : spans;
	unsigned log_batch = number(&r, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", BATCH, 1),
		 span_batch = number(&r, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH, 1);
	ret->batch_max = log_batch < span_batch ? log_batch : span_batch;
	ret->value_max = number(&r, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, 0);
	read_sampler(&r);
	return read_attributes(&r);
}

void ff_otlp_settings_deinit(struct ff_otlp_settings *s)
{
	for (unsigned i = 0; i < FF_SIGNALS; i++) {
		struct ff_otlp_target *t = &s->targets[i];
		for (size_t k = 0; k < t->n_headers; k++)
			free(t->headers[k]);
		free(t->url);
		free(t->certificate);
		free(t->client_key);
		free(t->client_certificate);
	}
	for (size_t i = 0; i < s->n_problems; i++)
		free(s->problems[i]);
	free(s->service_name);
	json_decref(s->attributes);
	*s = (struct ff_otlp_settings){0};
}
