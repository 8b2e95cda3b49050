// Which finding is the root cause. Rules state what they explain and what they are more specific than; the log's
// structure says the rest: the deepest exception of the chain that ended it beats an error line, an error line beats a
// warning, and a warning after which the worker went on well was none.
#include "diagnose/finding.h"

enum { TIER_HARMLESS, TIER_LINE, TIER_ERROR_LINE, TIER_EVENT, TIER_FATAL, TIER_ROOT };

static bool in_chain(const struct ff_events *events, size_t fatal, size_t index)
{
	for (int steps = 0; fatal != FF_EVENT_NO_INNER && steps < 64; steps++) {
		if (fatal == index)
			return true;
		const struct ff_event *e = ff_events_at(events, fatal);
		fatal = e ? e->inner : FF_EVENT_NO_INNER;
	}
	return false;
}

static int tier_without_progress(const struct ff_event *e)
{
	bool solid = e->kind == FF_EVENT_EXCEPTION || e->kind == FF_EVENT_LOADER || e->kind == FF_EVENT_KERNEL ||
		e->kind == FF_EVENT_NCCL || e->kind == FF_EVENT_DEATH;
	if (solid && e->level >= FF_LEVEL_ERROR)
		return TIER_EVENT;
	return e->level >= FF_LEVEL_ERROR ? TIER_ERROR_LINE : TIER_LINE;
}

int ff_event_tier(const struct ff_events *events, size_t index)
{
	const struct ff_event *e = ff_events_at(events, index);
	if (!e)
		return TIER_LINE;
	// Only exceptions form chains, and looking for the fatal one means to look through all events.
	size_t fatal = e->kind == FF_EVENT_EXCEPTION ? ff_events_fatal(events) : FF_EVENT_NO_INNER;
	if (!e->history && in_chain(events, fatal, index))
		return index == ff_events_deepest(events, fatal) ? TIER_ROOT : TIER_FATAL;
	int tier = tier_without_progress(e);
	if (e->history)
		return TIER_HARMLESS;
	if (!e->progress || e->kind == FF_EVENT_KERNEL)
		return tier;
	// The worker went on well. An exception of one request still failed that request.
	return e->kind == FF_EVENT_EXCEPTION && e->level >= FF_LEVEL_ERROR ? TIER_ERROR_LINE : TIER_HARMLESS;
}

static double score(const struct ff_rules *rules, const struct ff_finding *f)
{
	static const double role_weight[] = {[FF_ROLE_CAUSE] = 0, [FF_ROLE_SYMPTOM] = -0.5, [FF_ROLE_WRAPPER] = -1};
	return f->confidence + 0.12 * f->tier + role_weight[ff_rules_at(rules, f->rule)->role];
}

// True when a stands before b as the root cause.
static bool before(const struct ff_rules *rules, const struct ff_finding *a, const struct ff_finding *b)
{
	if (a->dropped != b->dropped)
		return b->dropped;
	double sa = score(rules, a), sb = score(rules, b);
	if (sa != sb)
		return sa > sb;
	return a->line != b->line ? a->line < b->line : a->rule < b->rule;
}

static bool covers(const struct ff_rules *rules, size_t rule, const char *cause)
{
	return ff_rules_lists(rules, rule, "explains", cause) || ff_rules_lists(rules, rule, "specific_over", cause);
}

// What facts alone show stands, whatever the log's words would explain: only what facts show too explains it. And it
// explains no line that names another thing.
static bool outranks(const struct ff_finding *mine, const struct ff_finding *other)
{
	bool beside = mine->event == FF_EVENT_NO_INNER && other->event != FF_EVENT_NO_INNER;
	return (mine->confirmed || !other->confirmed) &&
		!(beside && ff_finding_concerns_other(other->answer, mine->answer));
}

static void drop_explained(const struct ff_rules *rules, struct ff_findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct ff_rule *mine = ff_rules_at(rules, f->list[i].rule);
		if (f->list[i].dropped)
			continue;
		for (size_t k = 0; k < f->n; k++) {
			const struct ff_rule *other = ff_rules_at(rules, f->list[k].rule);
			if (k == i || f->list[k].dropped || strcmp(mine->cause, other->cause) == 0 ||
				!outranks(&f->list[i], &f->list[k]))
				continue;
			if (covers(rules, f->list[i].rule, other->cause) ||
				(f->list[i].confirmed && covers(rules, f->list[i].by, other->cause)))
				f->list[k].dropped = true;
		}
	}
}

static void sort(const struct ff_rules *rules, struct ff_findings *f)
{
	for (size_t i = 1; i < f->n; i++) { // few findings: insertion keeps equal ones in the order of the rules
		struct ff_finding moving = f->list[i];
		size_t k = i;
		for (; k > 0 && before(rules, &moving, &f->list[k - 1]); k--)
			f->list[k] = f->list[k - 1];
		f->list[k] = moving;
	}
}

void ff_findings_rank(const struct ff_rules *rules, struct ff_findings *f)
{
	bool cause = false;
	for (size_t i = 0; i < f->n; i++) {
		f->list[i].dropped = f->list[i].event != FF_EVENT_NO_INNER && f->list[i].tier == TIER_HARMLESS;
		cause |= !f->list[i].dropped && ff_rules_at(rules, f->list[i].rule)->role == FF_ROLE_CAUSE;
	}
	drop_explained(rules, f);
	sort(rules, f);
	for (size_t i = 0; i < f->n; i++) {
		const struct ff_rule *mine = ff_rules_at(rules, f->list[i].rule);
		if (cause && mine->role != FF_ROLE_CAUSE)
			f->list[i].dropped = true;
		for (size_t k = 0; k < i; k++) { // one finding a cause: the best
			if (strcmp(ff_rules_at(rules, f->list[k].rule)->cause, mine->cause) == 0)
				f->list[i].dropped = true;
		}
	}
	sort(rules, f);
}
