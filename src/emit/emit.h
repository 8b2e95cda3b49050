// From a document to what a person or a program reads. Only what is masked (emit/redact.h) gets there.
#pragma once

#include "emit/redact.h"

#include <firstfix/firstfix.h>

/** A document in the format, by the writer of its schema: firstfix.facts/1, diagnosis/1, incident/1, incidents/1 (what
    ff_store_list() gives), diff/1, fit/1, matrix/1, fleet-top/1, fleet-failure/1, fleet-explain/1, libs/1, playbook/1,
    rules/1, cases/1; of another one FF_EFORMAT, but as JSON any. `style` NULL is plain ASCII, 80 columns. The caller
    frees *ret. */
struct ff_error *ff_emit(
	const struct ff_shareable *document, enum ff_format format, const struct ff_style *style, char **ret);

/** The same of a document that is masked first; NULL is out of memory. */
struct ff_error *ff_emit_masked(
	const json_t *document, enum ff_format format, const struct ff_style *style, char **ret);

/** Any document as JSON: one document, newline at its end, keys in the order of the contract, only ASCII bytes (so that
    no text in it can act on a terminal). */
struct ff_error *ff_emit_json(const struct ff_shareable *document, char **ret);
