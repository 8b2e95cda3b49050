// The end of the report: what no section shows (verbose), and what could not be read, with the reasons.
//
//	   system.security.seccomp: filter
//	   gpus.0.ecc: nvmlDeviceGetEccMode: Not Supported (missing)
#include "emit/report.h"

// Shown above, or of no use to a person.
static const char *const covered[] = {"schema", "taken_at", "took_ms", "trigger", "env", "errors", "probe_ms",
	"complete", "firstfix", "env_notes", NULL};

static bool is_covered(const char *key)
{
	for (size_t i = 0; covered[i]; i++) {
		if (strcmp(covered[i], key) == 0)
			return true;
	}
	return false;
}

enum { MAX_REST_DEPTH = 8 };

// "system.memory.total: 33672527872", one line a leaf; lists of plain values stay on one line.
static void show_leaves(struct ff_report *r, const char *path, const json_t *value, unsigned depth)
{
	const char *key;
	json_t *member;
	_cleanup_free_ char *below = NULL;
	if (!json_is_object(value) || json_object_get(value, "masked") || depth == MAX_REST_DEPTH) {
		_cleanup_buf_ struct ff_buf text = {0};
		if (ff_value_text(value, &text))
			ff_page_line(r->page, FF_MARK_NONE, path, (struct ff_span){text.p, text.n});
		r->page->out.failed |= text.failed;
		return;
	}
	json_object_foreach ((json_t *)value, key, member) {
		if (!depth && is_covered(key))
			continue;
		free(below);
		if (asprintf(&below, "%s%s%s", path, path[0] ? "." : "", key) < 0) {
			below = NULL;
			r->page->out.failed = true;
			return;
		}
		show_leaves(r, below, member, depth + 1);
	}
}

void ff_report_rest(struct ff_report *r)
{
	if (r->page->style->verbose)
		show_leaves(r, "", r->doc, 0);
}

void ff_report_misses(struct ff_report *r)
{
	const json_t *errors = json_object_get(r->doc, "errors");
	enum { FEW = 5 };
	size_t n = json_array_size(errors);
	for (size_t i = 0; i < n && (i < FEW || r->page->style->verbose); i++) {
		const json_t *miss = json_array_get(errors, i);
		const char *fact = ff_json_text(miss, "fact"), *probe = ff_json_text(miss, "probe");
		const char *kind = ff_json_text(miss, "kind"), *text = ff_json_text(miss, "text");
		bool grave = kind && (strcmp(kind, "timeout") == 0 || strcmp(kind, "crash") == 0);
		ff_page_say(r->page, grave ? FF_MARK_WARN : FF_MARK_NONE,
			fact		? fact
				: probe ? probe
					: "?",
			"%s (%s)", text ? text : "", kind ? kind : "error");
	}
	if (n > FEW && !r->page->style->verbose)
		ff_page_say(r->page, FF_MARK_NONE, "", "%zu more: --verbose lists them", n - FEW);
}
