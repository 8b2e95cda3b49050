// Which writer serves which format.
#include "emit/emit.h"

struct ff_error *ff_emit_facts(
	const struct ff_shareable *facts, enum ff_format format, const struct ff_style *style, char **ret)
{
	(void)format;
	(void)style;
	return ff_emit_json(facts, ret);
}
