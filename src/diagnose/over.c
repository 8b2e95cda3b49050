// A server that failed one request and answered the same later goes on: what it failed of may be over. Where the cause
// can pass (rules/causes.tsv), it is told as a warning.
//
//	torch.OutOfMemoryError: CUDA out of memory ...
//	"POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error
//	"POST /v1/chat/completions HTTP/1.1" 200 OK                         the worker serves
//
// What stays (a fault of the context, a package that is missing), and what depends on the request's content, is over by
// no answer to another one.
#include "diagnose/finding.h"

// The event failed one request, and the same request was answered later.
static bool answered_since(const struct ff_scan *scan, size_t event)
{
	const struct ff_event *e = ff_events_at(ff_scan_events(scan), event);
	return e && e->asked && e->progress && e->kind != FF_EVENT_KERNEL;
}

// That was so each time.
static bool is_over(struct ff_rules *rules, const struct ff_scan *scan, const struct ff_finding *f)
{
	const struct ff_rule *rule = ff_rules_at(rules, f->rule);
	struct ff_cause cause;
	if (!answered_since(scan, f->event) || !ff_cause_find(rule->cause, &cause) || !cause.passes.n)
		return false;
	for (size_t s = rule->first_signature; s < rule->first_signature + rule->signature_count; s++) {
		size_t n;
		const struct ff_hit *hits = ff_scan_hits(scan, s, &n, NULL);
		for (size_t i = 0; i < n && !ff_rules_signature_at(rules, s)->context; i++) {
			if (!answered_since(scan, hits[i].event))
				return false;
		}
	}
	return true;
}

void ff_finding_over(struct ff_rules *rules, const struct ff_scan *scan, struct ff_finding *f)
{
	const char *why = ff_json_text(f->answer, "why");
	_cleanup_buf_ struct ff_buf text = {0};
	if (!is_over(rules, scan, f))
		return;
	ff_buf_printf(&text,
		"%s%sThe same request was answered in line %llu: this failed requests, and not the worker.",
		why ? why : "", why ? " " : "",
		(unsigned long long)ff_events_at(ff_scan_events(scan), f->event)->progress);
	if (!text.failed)
		json_object_set_new(f->answer, "why", ff_json_string(text.p, text.n));
	json_object_set_new(f->answer, "severity", json_string("warning"));
}
