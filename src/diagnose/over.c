// A server that failed one request and answered the same later goes on: what it failed of may be over. Where the cause
// can pass (rules/causes.tsv), it is told as a warning; so is what kept a plugin from being loaded, where the program
// came up without it.
//
//	torch.OutOfMemoryError: CUDA out of memory ...
//	"POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error
//	"POST /v1/chat/completions HTTP/1.1" 200 OK                         the worker serves
//
// What stays (a fault of the context, a package that is missing), and what depends on the request's content, is over by
// no answer to another one.
#include "diagnose/finding.h"

// The event kept a plugin from being loaded, and the program came up without it.
static bool left_out(const struct ff_event *e)
{
	return e->apart && e->progress;
}

// The event failed one request, and the same request was answered later.
static bool answered_since(const struct ff_event *e)
{
	return e->asked && e->progress && e->kind != FF_EVENT_KERNEL;
}

// So it was each time that the rule speaks of.
static bool each_time(struct ff_rules *rules, const struct ff_scan *scan, const struct ff_finding *f,
	bool (*over)(const struct ff_event *))
{
	const struct ff_rule *rule = ff_rules_at(rules, f->rule);
	const struct ff_event *e = ff_events_at(ff_scan_events(scan), f->event);
	if (!e || !over(e))
		return false;
	for (size_t s = rule->first_signature; s < rule->first_signature + rule->signature_count; s++) {
		size_t n;
		const struct ff_hit *hits = ff_scan_hits(scan, s, &n, NULL);
		for (size_t i = 0; i < n && !ff_rules_signature_at(rules, s)->context; i++) {
			e = ff_events_at(ff_scan_events(scan), hits[i].event);
			if (!e || !over(e))
				return false;
		}
	}
	return true;
}

void ff_finding_over(struct ff_rules *rules, const struct ff_scan *scan, struct ff_finding *f)
{
	const struct ff_event *e = ff_events_at(ff_scan_events(scan), f->event);
	const char *why = ff_json_text(f->answer, "why");
	struct ff_cause cause;
	_cleanup_buf_ struct ff_buf text = {0};
	bool passes = ff_cause_find(ff_rules_at(rules, f->rule)->cause, &cause) && cause.passes.n;
	ff_buf_printf(&text, "%s%s", why ? why : "", why ? " " : "");
	if (each_time(rules, scan, f, left_out))
		ff_buf_printf(&text, "A plugin was left out for that; the program came up without it (line %llu).",
			(unsigned long long)e->progress);
	else if (passes && each_time(rules, scan, f, answered_since))
		ff_buf_printf(&text,
			"The same request was answered in line %llu: this failed requests, not the worker.",
			(unsigned long long)e->progress);
	else
		return;
	if (!text.failed)
		json_object_set_new(f->answer, "why", ff_json_string(text.p, text.n));
	json_object_set_new(f->answer, "severity", json_string("warning"));
}
