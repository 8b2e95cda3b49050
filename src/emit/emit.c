// Which writer serves which document and format. A document says by its schema what it is:
//
//	{"schema": "firstfix.diagnosis/1", "verdict": "failed", ...}
#include "emit/emit.h"

#include "emit/diagnosis.h"
#include "emit/diff.h"
#include "emit/fit.h"
#include "emit/fleet.h"
#include "emit/incident.h"
#include "emit/libs.h"
#include "emit/matrix.h"
#include "emit/overview.h"
#include "emit/playbook.h"
#include "emit/report.h"
#include "emit/sarif.h"

typedef struct ff_error *writer_fn(const json_t *doc, const struct ff_style *style, char **ret);

static const struct {
	const char *schema;
	writer_fn *text, *markdown;
} writers[] = {
	{"firstfix.facts/1", ff_report_text, ff_report_markdown},
	{"firstfix.diagnosis/1", ff_diagnosis_text, ff_diagnosis_markdown},
	{"firstfix.incident/1", ff_incident_text, ff_incident_markdown},
	{"firstfix.incidents/1", ff_incidents_text, ff_incidents_markdown},
	{"firstfix.diff/1", ff_diff_text, ff_diff_markdown},
	{"firstfix.fit/1", ff_fit_text, ff_fit_markdown},
	{"firstfix.overview/1", ff_overview_text, ff_overview_text},
	{"firstfix.fleet-top/1", ff_fleet_top_text, ff_fleet_top_markdown},
	{"firstfix.fleet-failure/1", ff_fleet_failure_text, ff_fleet_failure_markdown},
	{"firstfix.fleet-worker/1", ff_fleet_worker_text, ff_fleet_worker_markdown},
	{"firstfix.fleet-explain/1", ff_fleet_explain_text, ff_fleet_explain_markdown},
	{"firstfix.libs/1", ff_libs_text, ff_libs_markdown},
	{"firstfix.matrix/1", ff_matrix_text, ff_matrix_markdown},
	{"firstfix.playbook/1", ff_playbook_text, ff_playbook_markdown},
	{"firstfix.rules/1", ff_rules_text, ff_rules_text},
	{"firstfix.cases/1", ff_rules_text, ff_rules_text},
};

struct ff_error *ff_emit(
	const struct ff_shareable *document, enum ff_format format, const struct ff_style *style, char **ret)
{
	static const struct ff_style plain;
	const json_t *doc = ff_shareable_document(document);
	const char *schema = ff_json_text(doc, "schema");
	if (format == FF_JSON)
		return ff_emit_json(document, ret);
	if (format == FF_SARIF)
		return ff_emit_sarif(doc, ret);
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		if (schema && strcmp(writers[i].schema, schema) == 0)
			return (format == FF_MARKDOWN ? writers[i].markdown : writers[i].text)(
				doc, style ? style : &plain, ret);
	}
	return ff_error_create(
		FF_EFORMAT, "no text is written of a document of the schema '%.60s'", schema ? schema : "(none)");
}

struct ff_error *ff_emit_masked(const json_t *document, enum ff_format format, const struct ff_style *style, char **ret)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	struct ff_error *err = document ? ff_share(document, &masked) : &ff_enomem;
	return err ? err : ff_emit(masked, format, style, ret);
}
