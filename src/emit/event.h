// One recorded event (firstfix.event/1) as one line.
#pragma once

#include "emit/redact.h"

#include <firstfix/firstfix.h>

/** FF_JSON: one object, only ASCII bytes. Else for a person: "03:14:03.123  7  exception  exception.type=ValueError
    ...", one line whatever the fields hold, in UTC. No newline at the end. The caller frees *ret. */
struct ff_error *ff_emit_event(
	const struct ff_shareable *event, enum ff_format format, const struct ff_style *style, char **ret);
