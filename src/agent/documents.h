// Documents that take longer than a moment: programs of ours (report, check), the database, the lanes read back. A
// thread of its own makes them, one after the other; who asks waits suspended, and who asks soon after gets the same.
#pragma once

#include "agent/http.h"

/** Append one JSON document, masked; may take seconds, never for ever. FF_EABSENT is 404, FF_EUSAGE 400. */
typedef struct ff_error *ff_maker(void *owner, const char *of, struct ff_buf *ret);

struct ff_document_kind {
	ff_maker *make;
	unsigned keep_ms; /**< how long one that was made is good enough */
};

/** What says which of its kind a document is has room for so much. */
enum { FF_DOCUMENT_OF = 800 };

/** Start the thread. `kinds` stays where it is; `owner` is given to makers. */
struct ff_error *ff_documents_start(const struct ff_document_kind *kinds, void *owner);

/** Answer with a document of kinds[kind]; `of` says which ("" where there is one): an id, a moment. */
void ff_answer_document(struct ff_request *request, struct ff_answer *answer, unsigned kind, const char *of);
