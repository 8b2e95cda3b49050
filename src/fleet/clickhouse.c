// ClickHouse over HTTP: one POST of multipart/form-data for each question, so that neither a query nor its parameters
// have the bounds of a URL.
//
//	--b\r\nContent-Disposition: form-data; name="param_fleet"\r\n\r\ndefault\r\n--b--
//	-> {"fingerprint":"...","workers":412}\n{"fingerprint":...
//
// How the source lies: an error may come as text behind the first rows of an answer that began with 200 (so it is asked
// to wait until it has all of them); a server may answer without end.
#include "fleet/clickhouse.h"

#include "base/cleanup.h"
#include "host/curl.h"

#include <sys/random.h>

enum { ANSWER_MAX = 1 << 30, CONNECT_MS = 10000, ANSWER_S = 120, SAID_MAX = 300, OK = 200 };

struct ff_clickhouse {
	const struct ff_curl *lib;
	CURL *curl;
	char *url;
	struct ff_curl_answer answer;
	char error[CURL_ERROR_SIZE];
};

static bool set_options(struct ff_clickhouse *ch)
{
	const struct {
		CURLoption option;
		const void *value;
	} values[] = {{CURLOPT_URL, ch->url}, {CURLOPT_WRITEDATA, &ch->answer}, {CURLOPT_ERRORBUFFER, ch->error}};
	const struct {
		CURLoption option;
		long number;
	} numbers[] = {{CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS}, {CURLOPT_TIMEOUT, ANSWER_S}, {CURLOPT_NOSIGNAL, 1}};
	bool good = ch->lib->curl_easy_setopt(ch->curl, CURLOPT_WRITEFUNCTION, ff_curl_take) == CURLE_OK;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		good = good && ch->lib->curl_easy_setopt(ch->curl, values[i].option, values[i].value) == CURLE_OK;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		good = good && ch->lib->curl_easy_setopt(ch->curl, numbers[i].option, numbers[i].number) == CURLE_OK;
	return good;
}

struct ff_error *ff_clickhouse_open(const char *url, struct ff_clickhouse **ret)
{
	static const char settings[] = "default_format=JSONEachRow&output_format_json_quote_64bit_integers=0"
				       "&wait_end_of_query=1";
	if (!ff_starts(url, "http://") && !ff_starts(url, "https://"))
		return ff_error_create(FF_EUSAGE, "%s: ClickHouse is asked at http://HOST:PORT/", url);
	struct ff_clickhouse *ch = calloc(1, sizeof(*ch));
	struct ff_error *err = ch ? ff_curl(&ch->lib) : &ff_enomem;
	if (err) {
		free(ch);
		return err;
	}
	ch->curl = ch->lib->curl_easy_init();
	if (!ch->curl || asprintf(&ch->url, "%s%c%s", url, strchr(url, '?') ? '&' : '?', settings) < 0) {
		ff_clickhouse_close(ch);
		return &ff_enomem;
	}
	ch->answer.max = ANSWER_MAX;
	if (!set_options(ch)) {
		ff_clickhouse_close(ch);
		return ff_error_create(FF_EOS, "libcurl takes no options");
	}
	*ret = ch;
	return NULL;
}

void ff_clickhouse_close(struct ff_clickhouse *ch)
{
	if (!ch)
		return;
	if (ch->curl)
		ch->lib->curl_easy_cleanup(ch->curl);
	ff_buf_deinit(&ch->answer.bytes);
	free(ch->url);
	free(ch);
}

static void add_part(
	struct ff_buf *body, const char *boundary, const char *prefix, const char *name, struct ff_span value)
{
	ff_buf_printf(body, "--%s\r\nContent-Disposition: form-data; name=\"%s%s\"\r\n\r\n", boundary, prefix, name);
	ff_buf_span(body, value);
	ff_buf_str(body, "\r\n");
}

// A parameter as ClickHouse reads it: tab-separated escapes at the top, quoted ones within an array.
static void put_escaped(struct ff_buf *out, const char *text, bool quoted)
{
	static const char raw[] = "\\\n\t\r'", written[] = "\\ntr'";
	for (; *text; text++) {
		const char *at = strchr(raw, *text);
		if (!at || (*at == '\'' && !quoted))
			ff_buf_char(out, *text);
		else
			ff_buf_printf(out, "\\%c", written[at - raw]);
	}
}

// A number of 64 bits in a list is a list of its digits; everything else in one is a text.
static void put_value(struct ff_buf *out, const json_t *value)
{
	size_t i;
	json_t *entry;
	if (json_is_integer(value)) {
		ff_buf_printf(out, "%lld", (long long)json_integer_value(value));
	} else if (json_is_string(value)) {
		put_escaped(out, json_string_value(value), false);
	} else {
		ff_buf_char(out, '[');
		json_array_foreach (value, i, entry) {
			const char *digits = json_string_value(json_array_get(entry, 0));
			ff_buf_str(out, i ? "," : "");
			if (digits) {
				ff_buf_str(out, digits);
				continue;
			}
			ff_buf_char(out, '\'');
			put_escaped(out, json_is_string(entry) ? json_string_value(entry) : "", true);
			ff_buf_char(out, '\'');
		}
		ff_buf_char(out, ']');
	}
}

static struct ff_error *make_body(struct ff_span sql, const json_t *parameters, char boundary[33], struct ff_buf *ret)
{
	unsigned char random[16];
	const char *name;
	json_t *value;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return ff_error_os(errno, "getrandom");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(boundary + 2 * i, 3, "%02x", random[i]);
	add_part(ret, boundary, "", "query", sql);
	json_object_foreach ((json_t *)parameters, name, value) {
		_cleanup_buf_ struct ff_buf text = {0};
		put_value(&text, value);
		ret->failed |= text.failed;
		add_part(ret, boundary, "param_", name, (struct ff_span){text.p, text.n});
	}
	ff_buf_printf(ret, "--%s--\r\n", boundary);
	return ret->failed ? &ff_enomem : NULL;
}

static struct ff_error *rows_of(struct ff_span text, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct ff_span line;
	while (list && ff_span_next(&text, '\n', &line)) {
		line = ff_span_trim(line);
		json_t *row = line.n ? json_loadb(line.p, line.n, 0, NULL) : NULL;
		if (line.n && !json_is_object(row)) {
			json_decref(row);
			return ff_error_create(
				FF_EFORMAT, "ClickHouse: %.*s", (int)(line.n < SAID_MAX ? line.n : SAID_MAX), line.p);
		}
		if (row && json_array_append_new(list, row) < 0)
			return &ff_enomem;
	}
	if (list)
		*ret = ff_take(&list);
	return list || *ret ? NULL : &ff_enomem;
}

struct ff_error *ff_clickhouse_ask_bytes(
	struct ff_clickhouse *ch, struct ff_span sql, const json_t *parameters, struct ff_span *ret)
{
	_cleanup_buf_ struct ff_buf body = {0};
	char boundary[33], type[128];
	long status = 0;
	struct ff_error *err = make_body(sql, parameters, boundary, &body);
	if (err)
		return err;
	snprintf(type, sizeof(type), "Content-Type: multipart/form-data; boundary=%s", boundary);
	struct curl_slist *headers = ch->lib->curl_slist_append(NULL, type);
	ff_buf_deinit(&ch->answer.bytes);
	ch->lib->curl_easy_setopt(ch->curl, CURLOPT_HTTPHEADER, headers);
	ch->lib->curl_easy_setopt(ch->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	ch->lib->curl_easy_setopt(ch->curl, CURLOPT_POSTFIELDS, body.p);
	CURLcode code = ch->lib->curl_easy_perform(ch->curl);
	ch->lib->curl_easy_getinfo(ch->curl, CURLINFO_RESPONSE_CODE, &status);
	ch->lib->curl_slist_free_all(headers);
	struct ff_span answer = {ch->answer.bytes.p, ch->answer.bytes.n};
	if (ch->answer.bytes.failed)
		return &ff_enomem;
	if (code == CURLE_WRITE_ERROR)
		return ff_error_create(FF_ELIMIT, "ClickHouse: an answer of more than 1 GiB");
	if (code != CURLE_OK)
		return ff_error_create(
			FF_EOS, "ClickHouse: %s", ch->error[0] ? ch->error : ch->lib->curl_easy_strerror(code));
	if (status != OK)
		return ff_error_create(FF_EOS, "ClickHouse: HTTP %ld: %.*s", status,
			(int)(answer.n < SAID_MAX ? answer.n : SAID_MAX), answer.n ? answer.p : "");
	*ret = answer;
	return NULL;
}

struct ff_error *ff_clickhouse_ask(struct ff_clickhouse *ch, struct ff_span sql, const json_t *parameters, json_t **ret)
{
	struct ff_span answer;
	struct ff_error *err = ff_clickhouse_ask_bytes(ch, sql, parameters, &answer);
	return err ? err : rows_of(answer, ret);
}
