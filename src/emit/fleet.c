// The documents of a fleet as pages.
//
//	driver.version < 550.90
//	   Of those that fail     38 of 40
//	   Of the others          3 of 2100: these may be next: gpu-17, gpu-90, gpu-91
//	   Try on one first       start gpu-3 with driver.version = 550.127.05
#include "emit/fleet.h"

#include "emit/page.h"

#include <math.h>

enum { DAYS = 14, DATE = sizeof("2026-11-28") - 1, FEW = 5, TOP = 30 };

static const char *text(const json_t *doc, const char *path)
{
	const char *said = ff_json_text(doc, path);
	return said ? said : "-";
}

static long long number(const json_t *doc, const char *path)
{
	int64_t n = 0;
	ff_json_int(doc, path, &n);
	return n;
}

static const char *cause_of(const json_t *doc)
{
	const char *cause = ff_json_text(doc, "cause");
	return cause ? cause : text(doc, "title");
}

static const char *plural(long long n)
{
	return n == 1 ? "" : "s";
}

static void say_failure(struct ff_page *page, const json_t *row)
{
	long long recent = number(row, "recent"), before = number(row, "before");
	double lost = json_number_value(json_object_get(row, "lost_worker_hours"));
	ff_page_say(page, FF_MARK_NONE, "Workers", "%lld, %lld time%s", number(row, "workers"),
		number(row, "incidents"), plural(number(row, "incidents")));
	ff_page_say(page, FF_MARK_NONE, "Seen", "%s to %s", text(row, "first"), text(row, "last"));
	ff_page_say(page, recent > before ? FF_MARK_WARN : FF_MARK_NONE, "Trend",
		"%lld in the last 24 hours, %lld in the 24 before", recent, before);
	ff_page_say(page, FF_MARK_NONE, "Lost", "%.*f worker-hours", lost < 10 ? 1 : 0, lost);
}

static struct ff_error *write_top(const json_t *doc, struct ff_page *page, char **ret)
{
	const json_t *failures = json_object_get(doc, "failures");
	size_t i, n = json_array_size(failures);
	json_t *row;
	_cleanup_buf_ struct ff_buf beside = {0};
	ff_buf_printf(&beside, "%s: %lld worker%s", text(doc, "fleet"), number(doc, "workers"),
		number(doc, "workers") == 1 ? "" : "s");
	ff_page_title(
		page, n ? "FAILURES OF THE FLEET" : "No worker of the fleet has failed", beside.failed ? "" : beside.p);
	json_array_foreach (failures, i, row) {
		if (i == TOP && !page->style->verbose) {
			ff_page_end_section(page);
			ff_page_say(page, FF_MARK_NONE, "", "and %zu more: --verbose lists them", n - TOP);
			break;
		}
		ff_page_section(page, cause_of(row));
		say_failure(page, row);
		ff_page_say(
			page, FF_MARK_NONE, "What they share", "firstfix fleet explain %s", text(row, "fingerprint"));
	}
	return ff_page_finish(page, ret);
}

// Hours to days, the newest ones.
static void say_days(struct ff_page *page, const json_t *hours)
{
	struct {
		char date[DATE + 1];
		long long n;
	} days[DAYS];
	size_t n = 0, i;
	json_t *row;
	for (i = json_array_size(hours); i-- > 0;) {
		row = json_array_get(hours, i);
		const char *hour = text(row, "hour");
		if (n && strncmp(days[n - 1].date, hour, DATE) == 0) {
			days[n - 1].n += number(row, "n");
		} else if (n == DAYS) {
			break;
		} else {
			snprintf(days[n].date, sizeof(days[n].date), "%s", hour);
			days[n++].n = number(row, "n");
		}
	}
	ff_page_section(page, "When");
	while (n-- > 0)
		ff_page_say(page, FF_MARK_NONE, days[n].date, "%lld", days[n].n);
}

static void say_exemplar(struct ff_page *page, const json_t *exemplar, const char *worker)
{
	const json_t *evidence = json_object_get(exemplar, "evidence"), *line;
	size_t i;
	ff_page_section(page, "One of them");
	if (*worker != '-')
		ff_page_say(page, FF_MARK_NONE, "Worker", "%s", worker);
	if (ff_json_text(exemplar, "exception"))
		ff_page_say(page, FF_MARK_FAIL, text(exemplar, "exception"), "%s", text(exemplar, "message"));
	if (ff_json_text(exemplar, "why"))
		ff_page_say(page, FF_MARK_NONE, "Why", "%s", text(exemplar, "why"));
	json_array_foreach (evidence, i, line)
		ff_page_say(page, FF_MARK_LIST, "", "%s", json_string_value(line) ? json_string_value(line) : "-");
	if (json_is_string(evidence))
		ff_page_say(page, FF_MARK_LIST, "", "%s", json_string_value(evidence));
	if (ff_json_text(exemplar, "fix"))
		ff_page_say(page, FF_MARK_SETTING, "Fix", "%s", text(exemplar, "fix"));
	if (ff_json_text(exemplar, "command"))
		ff_page_box(page, ff_span_of(text(exemplar, "command")));
}

static struct ff_error *write_failure(const json_t *doc, struct ff_page *page, char **ret)
{
	size_t i;
	json_t *row;
	ff_page_title(page, cause_of(doc), text(doc, "fingerprint"));
	if (ff_json_text(doc, "cause") && ff_json_text(doc, "title"))
		ff_page_paragraph(page, ff_span_of(text(doc, "title")));
	say_failure(page, doc);
	say_days(page, json_object_get(doc, "timeline"));
	ff_page_section(page, "Where");
	json_array_foreach (json_object_get(doc, "hosts"), i, row)
		ff_page_say(page, FF_MARK_MACHINE, text(row, "host"), "%lld of %lld workers", number(row, "failing"),
			number(row, "workers"));
	ff_page_section(page, "Images");
	json_array_foreach (json_object_get(doc, "images"), i, row)
		ff_page_say(page, FF_MARK_NONE, text(row, "value"), "%lld that fail, %lld others",
			number(row, "failing"), number(row, "others"));
	say_exemplar(page, json_object_get(doc, "exemplar"), text(doc, "worker"));
	ff_page_end_section(page);
	ff_page_gap(page);
	ff_page_say(page, FF_MARK_NONE, "What they share", "firstfix fleet explain %s", text(doc, "fingerprint"));
	return ff_page_finish(page, ret);
}

// "gpu-17 (node-3), gpu-90 (node-4) ..."
static void put_names(struct ff_buf *out, const json_t *list)
{
	size_t i;
	json_t *row;
	json_array_foreach (list, i, row) {
		const char *host = ff_json_text(row, "host");
		if (i == FEW) {
			ff_buf_str(out, " ...");
			return;
		}
		ff_buf_printf(out, "%s%s", i ? ", " : "", text(row, "worker"));
		if (host && strcmp(host, text(row, "worker")) != 0)
			ff_buf_printf(out, " (%s)", host);
	}
}

static void say_rivals(struct ff_page *page, const json_t *entry)
{
	size_t i;
	json_t *rival;
	json_array_foreach (json_object_get(entry, "same_as"), i, rival) {
		_cleanup_buf_ struct ff_buf names = {0};
		put_names(&names, json_object_get(rival, "deciding"));
		ff_page_say(page, FF_MARK_WARN, "Or", "%s: %s%s%s", text(rival, "fact"), text(rival, "say"),
			names.n ? ": " : "", names.n ? names.p : "");
	}
	if (number(entry, "same_as_more"))
		ff_page_say(page, FF_MARK_WARN, "Or", "%lld more facts that come together with it",
			number(entry, "same_as_more"));
}

static void say_rollout(struct ff_page *page, const json_t *entry)
{
	size_t i;
	json_t *row;
	json_array_foreach (json_object_get(entry, "rollout"), i, row) {
		ff_page_say(page, FF_MARK_NONE, "Came", "%s, half of %lld workers by %s; the first failure %s",
			text(row, "first"), number(row, "workers"), text(row, "half"), text(row, "onset"));
		if (number(row, "failed_before"))
			ff_page_say(page, FF_MARK_WARN, "But", "%lld had failed before they had it",
				number(row, "failed_before"));
	}
}

static void say_entry(struct ff_page *page, const json_t *entry)
{
	_cleanup_buf_ struct ff_buf next = {0};
	long long others = number(entry, "others.with");
	double ratio = exp(json_number_value(json_object_get(entry, "log_odds")));
	put_names(&next, ff_json_at(entry, "next.some"));
	ff_page_section(page, text(entry, "fact"));
	ff_page_say(page, FF_MARK_FAIL, "Of those that fail", "%lld of %lld", number(entry, "failing.with"),
		number(entry, "failing.of"));
	ff_page_say(page, others ? FF_MARK_WARN : FF_MARK_OK, "Of the others", "%lld of %lld%s%s", others,
		number(entry, "others.of"), next.n ? "; these may be next: " : "", next.n ? next.p : "");
	ff_page_say(page, FF_MARK_NUMBER, "Odds of failing",
		"%s%.*f times as high (chance of that by luck: 1 in 10^%.0f)", ratio > 1000 ? "over " : "",
		ratio < 10 ? 1 : 0, fmin(ratio, 1000), -json_number_value(json_object_get(entry, "log10_corrected")));
	say_rivals(page, entry);
	say_rollout(page, entry);
	ff_page_say(page, FF_MARK_SETTING, "Try on one first", "%s", text(entry, "try.say"));
}

// "env.REQUEST_ID (5000 values), run.id (4096) and 12 more"
static void say_left_out(struct ff_page *page, const json_t *doc)
{
	enum { NAMED = 5 };
	const json_t *list = json_object_get(doc, "left_out");
	_cleanup_buf_ struct ff_buf keys = {0};
	size_t n = json_array_size(list), named = n < NAMED ? n : NAMED;
	long long more = (long long)(n - named) + number(doc, "left_out_more");
	for (size_t i = 0; i < named; i++)
		ff_buf_printf(&keys, "%s%s (%lld%s)", i ? ", " : "", text(json_array_get(list, i), "key"),
			number(json_array_get(list, i), "values"), i ? "" : " values");
	if (more)
		ff_buf_printf(&keys, " and %lld more", more);
	page->out.failed |= keys.failed;
	if (n && !keys.failed)
		ff_page_say(page, FF_MARK_WARN, "",
			"Not compared, or not all of their values, for there are too many: %s.", keys.p);
}

static struct ff_error *write_explain(const json_t *doc, struct ff_page *page, char **ret)
{
	const json_t *entries = json_object_get(doc, "separating");
	size_t i;
	json_t *row;
	ff_page_title(page, cause_of(doc), text(doc, "fingerprint"));
	ff_page_say(page, FF_MARK_NONE, "",
		"%lld workers fail so, %lld do not; %lld facts and %lld pairs were compared.",
		number(doc, "workers.failing"), number(doc, "workers.others"), number(doc, "tested.facts"),
		number(doc, "tested.pairs"));
	if (number(doc, "workers.failing_without_facts"))
		ff_page_say(page, FF_MARK_WARN, "", "Of %lld more that fail no facts are known.",
			number(doc, "workers.failing_without_facts"));
	say_left_out(page, doc);
	json_array_foreach (json_object_get(doc, "not_answered"), i, row)
		ff_page_say(page, FF_MARK_WARN, "", "Not answered, %s: %s", text(row, "question"), text(row, "why"));
	if (json_array_size(entries) == 0) {
		ff_page_gap(page);
		ff_page_say(page, FF_MARK_NONE, "", "No fact tells them from the others by more than chance would.");
	}
	json_array_foreach (entries, i, row)
		say_entry(page, row);
	return ff_page_finish(page, ret);
}

static struct ff_error *write_worker(const json_t *doc, struct ff_page *page, char **ret)
{
	const json_t *failures = json_object_get(doc, "failures"), *differs = json_object_get(doc, "differs");
	size_t i;
	json_t *row;
	ff_page_title(page, text(doc, "worker"), ff_json_text(doc, "host") ? text(doc, "host") : "");
	ff_page_say(page, FF_MARK_NONE, "Seen", "%s to %s", text(doc, "first"), text(doc, "last"));
	json_array_foreach (failures, i, row) {
		ff_page_section(page, cause_of(row));
		ff_page_say(page, FF_MARK_FAIL, "Failed", "%lld time%s, %s to %s", number(row, "incidents"),
			plural(number(row, "incidents")), text(row, "first"), text(row, "last"));
		if (ff_json_text(row, "exemplar.fix"))
			ff_page_say(page, FF_MARK_SETTING, "Fix", "%s", text(row, "exemplar.fix"));
		ff_page_say(
			page, FF_MARK_NONE, "What they share", "firstfix fleet explain %s", text(row, "fingerprint"));
	}
	ff_page_section(page, "Not as the others");
	json_array_foreach (differs, i, row)
		ff_page_say(page, FF_MARK_WARN, text(row, "key"), "%s; %lld of %lld have %s",
			ff_json_text(row, "value") ? text(row, "value") : "not set", number(row, "usual_of"),
			number(row, "of"), ff_json_text(row, "usual") ? text(row, "usual") : "none");
	if (json_array_size(differs) == 0)
		ff_page_say(page, FF_MARK_NONE, "",
			number(doc, "facts") ? "Each of its facts is usual." : "Its facts are not known.");
	return ff_page_finish(page, ret);
}

#define PAGES(name, writer)                                                                           \
	struct ff_error *name##_text(const json_t *doc, const struct ff_style *style, char **ret)     \
	{                                                                                             \
		struct ff_page page = {.look = &ff_look_text, .style = style};                        \
		return writer(doc, &page, ret);                                                       \
	}                                                                                             \
	struct ff_error *name##_markdown(const json_t *doc, const struct ff_style *style, char **ret) \
	{                                                                                             \
		struct ff_page page = {.look = &ff_look_markdown, .style = style};                    \
		return writer(doc, &page, ret);                                                       \
	}

PAGES(ff_fleet_top, write_top)
PAGES(ff_fleet_failure, write_failure)
PAGES(ff_fleet_explain, write_explain)
PAGES(ff_fleet_worker, write_worker)
