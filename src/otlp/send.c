// One POST of HTTP. What an answer means is OTLP's table: 2xx is taken; 429, 502, 503, 504 and every failure of the
// connection are tried again; anything else is refused for good.
//
// How the source lies: a collector may hang, redirect, answer without end, with another type, or ask to wait for a
// year.
#include "otlp/send.h"

#include "base/cleanup.h"
#include "host/curl.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { ANSWER_MAX = 64 << 10, CONNECT_MS = 10000, WAIT_MAX_S = 900, GZIP = 16 + MAX_WBITS };

static const struct ff_curl *lib;

struct ff_otlp_sender {
	const struct ff_otlp_target *target;
	enum ff_signal signal;
	CURL *curl;
	struct curl_slist *headers;
	struct ff_curl_answer answer; // what is not read is thrown away: the status is all that matters
	char error[CURL_ERROR_SIZE];
};

static bool add_header(struct ff_otlp_sender *s, const char *line)
{
	struct curl_slist *list = lib->curl_slist_append(s->headers, line);
	s->headers = list ? list : s->headers;
	return list != NULL;
}

static bool set_options(struct ff_otlp_sender *s)
{
	const struct ff_otlp_target *t = s->target;
	bool good =
		add_header(s, t->json ? "Content-Type: application/json" : "Content-Type: application/x-protobuf") &&
		add_header(s, "Expect:") && (!t->gzip || add_header(s, "Content-Encoding: gzip"));
	for (size_t i = 0; i < t->n_headers; i++)
		good = good && add_header(s, t->headers[i]);
	const struct {
		CURLoption option;
		const char *text;
	} texts[] = {{CURLOPT_URL, t->url}, {CURLOPT_CAINFO, t->certificate}, {CURLOPT_SSLKEY, t->client_key},
		{CURLOPT_SSLCERT, t->client_certificate},
		{CURLOPT_USERAGENT, "OTel-OTLP-Exporter-firstfix/" FF_VERSION}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		good = good &&
			(!texts[i].text || lib->curl_easy_setopt(s->curl, texts[i].option, texts[i].text) == CURLE_OK);
	const struct {
		CURLoption option;
		long number;
	} numbers[] = {{CURLOPT_TIMEOUT_MS, (long)t->timeout_ms}, {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
		{CURLOPT_NOSIGNAL, 1}, {CURLOPT_FOLLOWLOCATION, 0}, {CURLOPT_NOPROGRESS, 1}, {CURLOPT_POST, 1}};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		good = good && lib->curl_easy_setopt(s->curl, numbers[i].option, numbers[i].number) == CURLE_OK;
	return good && lib->curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers) == CURLE_OK &&
		lib->curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, ff_curl_take) == CURLE_OK &&
		lib->curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, &s->answer) == CURLE_OK &&
		lib->curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->error) == CURLE_OK;
}

struct ff_error *ff_otlp_sender_open(
	const struct ff_otlp_target *target, enum ff_signal signal, struct ff_otlp_sender **ret)
{
	struct ff_error *err = ff_curl(&lib);
	if (err)
		return err;
	struct ff_otlp_sender *s = calloc(1, sizeof(*s));
	if (!s)
		return &ff_enomem;
	*s = (struct ff_otlp_sender){
		.target = target, .signal = signal, .curl = lib->curl_easy_init(), .answer.max = ANSWER_MAX};
	if (!s->curl || !set_options(s)) {
		ff_otlp_sender_close(s);
		return ff_error_create(FF_EOS, "libcurl takes no options");
	}
	*ret = s;
	return NULL;
}

void ff_otlp_sender_close(struct ff_otlp_sender *s)
{
	if (!s)
		return;
	if (s->curl)
		lib->curl_easy_cleanup(s->curl);
	lib->curl_slist_free_all(s->headers);
	ff_buf_deinit(&s->answer.bytes);
	free(s);
}

static struct ff_error *compress_(const struct ff_buf *plain, struct ff_buf *ret)
{
	z_stream z = {.next_in = (Bytef *)plain->p, .avail_in = (uInt)plain->n};
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return &ff_enomem;
	size_t room = deflateBound(&z, plain->n);
	char *out = malloc(room);
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	int code = out ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	if (code == Z_STREAM_END)
		ff_buf_add(ret, out, room - z.avail_out);
	deflateEnd(&z);
	free(out);
	return code == Z_STREAM_END && !ret->failed ? NULL : &ff_enomem;
}

// A text that waited on a disk may be anything: it goes out only when it is a request of this signal.
static struct ff_error *make_body(const struct ff_otlp_sender *s, const char *text, size_t n, struct ff_buf *ret)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_buf_ struct ff_buf protobuf = {0}, json = {0};
	struct ff_error *err = ff_json_parse("request", text, n, &doc);
	if (!err)
		err = ff_otlp_protobuf(ff_otlp_requests[s->signal], doc, &protobuf);
	if (err)
		return err;
	if (s->target->json)
		ff_buf_add(&json, text, n);
	struct ff_buf *plain = s->target->json ? &json : &protobuf;
	if (s->target->gzip)
		return compress_(plain, ret);
	ff_buf_add(ret, plain->p, plain->n);
	return ret->failed ? &ff_enomem : NULL;
}

static void judge(struct ff_otlp_sender *s, CURLcode code, struct ff_otlp_sent *ret)
{
	static const long again[] = {429, 502, 503, 504};
	long status = 0;
	curl_off_t wait = 0;
	lib->curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!status || (code != CURLE_OK && code != CURLE_WRITE_ERROR)) {
		*ret = (struct ff_otlp_sent){.outcome = FF_OTLP_LATER};
		snprintf(ret->why, sizeof(ret->why), "%s", s->error[0] ? s->error : lib->curl_easy_strerror(code));
		return;
	}
	*ret = (struct ff_otlp_sent){.outcome = status / 100 == 2 ? FF_OTLP_SENT : FF_OTLP_REFUSED};
	if (ret->outcome == FF_OTLP_SENT) {
		const struct ff_buf *said = &s->answer.bytes;
		ret->rejected = ff_otlp_rejected((struct ff_span){said->p, said->n}, s->target->json);
		if (ret->rejected)
			snprintf(ret->why, sizeof(ret->why), "refuses %llu records", (unsigned long long)ret->rejected);
		return;
	}
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
		if (status == again[i])
			ret->outcome = FF_OTLP_LATER;
	lib->curl_easy_getinfo(s->curl, CURLINFO_RETRY_AFTER, &wait);
	ret->wait_s = wait > 0 ? (double)(wait < WAIT_MAX_S ? wait : WAIT_MAX_S) : 0;
	snprintf(ret->why, sizeof(ret->why), "answers %ld%s", status,
		status / 100 == 3 ? " (no redirect is followed)" : "");
}

void ff_otlp_send(struct ff_otlp_sender *s, const char *text, size_t n, struct ff_otlp_sent *ret)
{
	_cleanup_buf_ struct ff_buf body = {0};
	struct ff_error *err = make_body(s, text, n, &body);
	if (err) {
		*ret = (struct ff_otlp_sent){.outcome = err->code == FF_ENOMEM ? FF_OTLP_LATER : FF_OTLP_REFUSED};
		snprintf(ret->why, sizeof(ret->why), "what waited is damaged: %s", err->message);
		ff_error_destroy(err);
		return;
	}
	ff_buf_deinit(&s->answer.bytes);
	s->error[0] = '\0';
	lib->curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, body.p);
	lib->curl_easy_setopt(s->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	judge(s, lib->curl_easy_perform(s->curl), ret);
}
