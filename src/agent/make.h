// The documents of the agent.
#pragma once

#include "agent/documents.h"

enum ff_agent_document {
	FF_DOC_REPORT,
	FF_DOC_CHECK,
	FF_DOC_CHANGES,
	FF_DOC_INCIDENTS,
	FF_DOC_INCIDENT,
	FF_DOC_EVENTS,
	FF_DOC_MEMORY,
	FF_DOC_QUARANTINE,
	FF_DOC_KINDS
};

extern const struct ff_document_kind ff_agent_documents[FF_DOC_KINDS];

ff_maker ff_make_memory;
