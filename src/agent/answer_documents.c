// /v1/...: the documents of the contract, and the description of the interface.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/documents.h"
#include "agent/make.h"
#include "agent/stream.h"
#include "base/clock.h"
#include "store/quarantine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LONGEST_ID = 79, NEWEST_DIGITS = 4 };
static const uint64_t last_s = UINT64_C(18000000000); // nanoseconds of later moments do not fit

void ff_answer_health(struct ff_request *r, struct ff_answer *out)
{
	_cleanup_json_ json_t *doc = ff_told_of_health(r->agent);
	ff_answer_json(out, doc);
}

void ff_answer_report(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_REPORT, "");
}

void ff_answer_check(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_CHECK, "");
}

void ff_answer_changes(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_CHANGES, "");
}

void ff_answer_incidents(struct ff_request *r, struct ff_answer *out)
{
	const char *newest = ff_request_query(r, "newest");
	size_t n = newest ? strspn(newest, "0123456789") : 0;
	if (newest && (!n || n > NEWEST_DIGITS || newest[n] || newest[0] == '0'))
		ff_answer_error(out, MHD_HTTP_BAD_REQUEST, "newest wants how many, 1 to 9999");
	else
		ff_answer_document(r, out, FF_DOC_INCIDENTS, newest ? newest : "");
}

void ff_answer_quarantine(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_QUARANTINE, "");
}

// A folder is looked through and a file goes: no more than a moment, so it is done here.
void ff_answer_release(struct ff_request *r, struct ff_answer *out)
{
	unsigned n = 0;
	_cleanup_error_ struct ff_error *err = ff_quarantine_release(r->agent->dir, r->rest, &n);
	if (err && err->code != FF_EUSAGE) {
		ff_answer_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", err->message);
	} else if (err || !n) {
		ff_answer_error(out, MHD_HTTP_NOT_FOUND, "no input of this hash is held");
	} else {
		_cleanup_json_ json_t *doc = json_pack("{s:i}", "released", (int)n);
		ff_answer_json(out, doc);
	}
}

void ff_answer_incident(struct ff_request *r, struct ff_answer *out)
{
	if (r->rest[strspn(r->rest, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")])
		ff_answer_error(out, MHD_HTTP_NOT_FOUND, "no incident has this id");
	else if (strlen(r->rest) > LONGEST_ID)
		ff_answer_error(out, MHD_HTTP_BAD_REQUEST, "longer than any id that is here");
	else
		ff_answer_document(r, out, FF_DOC_INCIDENT, r->rest);
}

// "90s", "10m", "2h", "1d" ago, seconds of the epoch, or RFC 3339 in UTC; rounded to a second, so that equal questions
// are one.
bool ff_answer_since(const struct ff_request *r, uint64_t otherwise_ns, uint64_t *ret)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const uint64_t second = UINT64_C(1000000000);
	const char *text = ff_request_query(r, "since");
	uint64_t now = ff_clock_epoch_ns() / second, number = 0;
	struct tm tm = {0};
	size_t n = text ? strspn(text, "0123456789") : 0;
	if (!text) {
		*ret = otherwise_ns;
		return true;
	}
	if (n && n < 12)
		ff_span_u64((struct ff_span){text, n}, &number);
	if (n && n < 12 && !text[n]) {
		*ret = (number < last_s ? number : last_s) * second;
		return true;
	}
	for (size_t i = 0; n && n < 12 && i < sizeof(units) / sizeof(units[0]); i++)
		if (text[n] == units[i].letter && !text[n + 1]) {
			uint64_t ago = number * units[i].seconds;
			*ret = (now > ago ? now - ago : 0) * second;
			return true;
		}
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t at = rest && (!*rest || strcmp(rest, "Z") == 0) ? timegm(&tm) : -1;
	*ret = at < 0 ? 0 : ((uint64_t)at < last_s ? (uint64_t)at : last_s) * second;
	return at >= 0;
}

// A document of what came since a moment.
static void answer_since(struct ff_request *r, struct ff_answer *out, unsigned kind)
{
	char since[32] = "";
	uint64_t at = 0;
	if (!ff_answer_since(r, 0, &at)) {
		ff_answer_error(out, MHD_HTTP_BAD_REQUEST,
			"since wants 90s, 10m, 2h, 1d, seconds of the epoch or 2026-11-23T03:14:03Z");
		return;
	}
	if (ff_request_query(r, "since"))
		snprintf(since, sizeof(since), "%llu", (unsigned long long)at);
	ff_answer_document(r, out, kind, since);
}

void ff_answer_events(struct ff_request *r, struct ff_answer *out)
{
	if (ff_request_accepts(r, "text/event-stream"))
		ff_stream_begin(r, out);
	else
		answer_since(r, out, FF_DOC_EVENTS);
}

void ff_answer_memory(struct ff_request *r, struct ff_answer *out)
{
	answer_since(r, out, FF_DOC_MEMORY);
}

void ff_answer_openapi(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_description(r, out);
}
