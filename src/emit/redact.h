// The one way out for a document: masking. `struct ff_shareable` is made here and nowhere else, and everything that
// shows, stores or sends a document takes nothing else.
//
//	{"env": {"HF_TOKEN": "hf_..."}, "log": "key sk-..."}
//	-> {"env": {"HF_TOKEN": {"masked": true, "length": 37}}, "log": "key [masked:openai:51]"}
#pragma once

#include "base/json.h"
#include "base/str.h"

/** A document that may leave: no secret that the tables know stands in it. */
struct ff_shareable;

/** Copy a facts, diagnosis, event or incident document with its secrets masked. `document` stays the caller's; later
    changes to it do not reach the copy. */
struct ff_error *ff_share(const json_t *document, struct ff_shareable **ret);

/** The masked document, borrowed. */
const json_t *ff_shareable_document(const struct ff_shareable *s);

/** What was masked and why, borrowed: [{"place": "env.HF_TOKEN", "kind": "named", "length": 37}]. Never a value. */
const json_t *ff_shareable_masked(const struct ff_shareable *s);

void ff_shareable_destroy(struct ff_shareable *s);

static inline void ff_cleanup_shareable(struct ff_shareable **s)
{
	ff_shareable_destroy(*s);
}

#define _cleanup_shareable_ __attribute__((__cleanup__(ff_cleanup_shareable)))

/** Free text (a log's tail, evidence): append it masked to `out`. `masked` may be NULL; else what was masked is
    appended to this array as {"place": place, "kind", "length"}. */
struct ff_error *ff_share_text(struct ff_span text, const char *place, json_t *masked, struct ff_buf *out);
