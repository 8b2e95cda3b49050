// Documents that take longer than a moment: programs of ours (report, check), the database, the lanes read back. A
// thread of its own makes them, one after the other; who asks waits suspended, and who asks soon after gets the same.
#pragma once

#include "agent/http.h"

enum ff_document_kind {
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

/** Start the thread. */
struct ff_error *ff_documents_start(struct ff_agent *agent);

/** Answer with a document; `of` says which of its kind ("" where there is one): an id, a moment. */
void ff_answer_document(
	struct ff_request *request, struct ff_answer *answer, enum ff_document_kind kind, const char *of);
