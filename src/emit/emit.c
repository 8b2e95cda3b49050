// Which writer serves which format.
#include "emit/emit.h"

#include "emit/diagnosis.h"
#include "emit/diff.h"
#include "emit/incident.h"
#include "emit/playbook.h"
#include "emit/report.h"

typedef struct ff_error *writer_fn(const json_t *doc, const struct ff_style *style, char **ret);

static struct ff_error *emit(const struct ff_shareable *s, enum ff_format format, const struct ff_style *style,
	writer_fn *text, writer_fn *markdown, char **ret)
{
	static const struct ff_style plain;
	if (format == FF_JSON)
		return ff_emit_json(s, ret);
	writer_fn *write = format == FF_MARKDOWN ? markdown : text;
	return write(ff_shareable_document(s), style ? style : &plain, ret);
}

struct ff_error *ff_emit_facts(
	const struct ff_shareable *facts, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(facts, format, style, ff_report_text, ff_report_markdown, ret);
}

struct ff_error *ff_emit_diagnosis(
	const struct ff_shareable *diagnosis, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(diagnosis, format, style, ff_diagnosis_text, ff_diagnosis_markdown, ret);
}

struct ff_error *ff_emit_incident(
	const struct ff_shareable *incident, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(incident, format, style, ff_incident_text, ff_incident_markdown, ret);
}

struct ff_error *ff_emit_diff(
	const struct ff_shareable *diff, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(diff, format, style, ff_diff_text, ff_diff_markdown, ret);
}

struct ff_error *ff_emit_playbook(
	const struct ff_shareable *playbook, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(playbook, format, style, ff_playbook_text, ff_playbook_markdown, ret);
}

struct ff_error *ff_emit_rules(
	const struct ff_shareable *rules, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(rules, format, style, ff_rules_text, ff_rules_text, ret);
}

static struct ff_error *list_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	return ff_incidents_text(json_object_get(doc, "incidents"), style, ret);
}

// A table with a head of its own, whose rows begin with an id: nothing in them ends the fence.
static struct ff_error *list_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct ff_buf fenced = {0};
	struct ff_error *err = list_text(doc, style, &text);
	if (err)
		return err;
	ff_buf_printf(&fenced, "```text\n%s```\n", text);
	return ff_buf_finish(&fenced, ret);
}

struct ff_error *ff_emit_incidents(
	const struct ff_shareable *list, enum ff_format format, const struct ff_style *style, char **ret)
{
	return emit(list, format, style, list_text, list_markdown, ret);
}
