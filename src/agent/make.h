// Making documents, on the documents' thread: may take seconds, never for ever.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

struct ff_agent;

/** Append one JSON document, masked. FF_EABSENT is 404, FF_EUSAGE 400. */
typedef struct ff_error *ff_maker(struct ff_agent *agent, const char *of, struct ff_buf *ret);

ff_maker ff_make_report, ff_make_check, ff_make_changes, ff_make_incidents, ff_make_incident, ff_make_events,
	ff_make_memory, ff_make_quarantine;
