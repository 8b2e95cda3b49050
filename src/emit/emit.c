// Which writer serves which format.
#include "emit/emit.h"

#include "emit/diagnosis.h"
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
