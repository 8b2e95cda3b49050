// Finds a second cause that the same failure may have and that is nearly as sure as the first, and what of the machine,
// if it were known, would tell the two apart.
//
//	{"causes": ["host.no-gpu", "container.no-gpu"], "titles": [...], "would_decide": ["whether it runs in a container"]}
//
// How it lies: two findings in one log are mostly two failures, or one that follows from the other; only those of one
// event, or of one chain of exceptions, are rivals.
#include "diagnose/finding.h"

#include <math.h>

static const double within_reach = 0.2; // confidences that cannot be told apart

// The exception that the chain of this one ends in.
static size_t chain_of(const struct ff_events *events, size_t index)
{
	size_t fatal = ff_events_fatal(events);
	for (size_t i = fatal, steps = 0; i != FF_EVENT_NO_INNER && steps < 64; steps++) {
		if (i == index)
			return fatal;
		const struct ff_event *e = ff_events_at(events, i);
		i = e ? e->inner : FF_EVENT_NO_INNER;
	}
	return index;
}

static bool rivals(const struct ff_rules *rules, const struct ff_events *events, const struct ff_finding *a,
	const struct ff_finding *b)
{
	return !b->dropped && ff_finding_is_error(rules, b) && b->event != FF_EVENT_NO_INNER &&
		chain_of(events, a->event) == chain_of(events, b->event) &&
		fabs(a->confidence - b->confidence) <= within_reach;
}

static bool holds(const json_t *list, const json_t *value)
{
	size_t i;
	const json_t *each;
	json_array_foreach (list, i, each)
		if (json_equal(each, value))
			return true;
	return false;
}

// What one of them asked for and is not known: first what only one of them turns on.
static json_t *would_decide(const json_t *first, const json_t *second)
{
	json_t *all = json_array();
	for (int both = 0; both < 2; both++) {
		const json_t *lists[] = {first, second};
		for (int k = 0; k < 2; k++) {
			size_t i;
			json_t *path;
			json_array_foreach (lists[k], i, path)
				if (holds(lists[!k], path) == (both == 1) && !holds(all, path))
					json_array_append(all, path);
		}
	}
	return all;
}

// Titles for who shows them: the other cause need not be among the findings.
static json_t *named(const char *mine, const char *other, json_t *decides)
{
	struct ff_cause a = {0}, b = {0};
	ff_cause_find(mine, &a);
	ff_cause_find(other, &b);
	return json_pack("{s:[s, s], s:[s%, s%], s:o}", "causes", mine, other, "titles", a.title.p ? a.title.p : mine,
		a.title.p ? a.title.n : strlen(mine), b.title.p ? b.title.p : other,
		b.title.p ? b.title.n : strlen(other), "would_decide", decides);
}

// The other cause that a rule says its words can mean, while it is not sure itself.
static json_t *rival_by_rule(const struct ff_rules *rules, const struct ff_finding *first)
{
	static const double sure = 0.8;
	const char *other = ff_json_text(first->answer, "rival.cause");
	const char *decides = ff_json_text(first->answer, "rival.decides");
	const char *mine = ff_rules_at(rules, first->rule)->cause;
	if (!other || !decides || first->confidence >= sure || strcmp(other, mine) == 0)
		return NULL;
	return named(mine, other, json_pack("[s]", decides));
}

json_t *ff_findings_rivals(const struct ff_rules *rules, const struct ff_scan *scan, const struct ff_findings *findings)
{
	const struct ff_finding *first = findings->n ? &findings->list[0] : NULL;
	if (!scan || !first || first->dropped || first->event == FF_EVENT_NO_INNER)
		return NULL;
	for (size_t i = 1; i < findings->n; i++) {
		const struct ff_finding *second = &findings->list[i];
		if (!rivals(rules, ff_scan_events(scan), first, second))
			continue;
		json_t *decides =
			would_decide(json_object_get(first->answer, "needs"), json_object_get(second->answer, "needs"));
		if (json_array_size(decides))
			return named(ff_rules_at(rules, first->rule)->cause, ff_rules_at(rules, second->rule)->cause,
				decides);
		json_decref(decides);
	}
	return rival_by_rule(rules, first);
}
