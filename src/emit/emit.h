// From a document to what a person or a program reads. Only what is masked (emit/redact.h) gets here.
#pragma once

#include "emit/redact.h"

#include <firstfix/firstfix.h>

/** firstfix.facts/1 in the format; `style` NULL is plain ASCII, 80 columns. The caller frees *ret. */
struct ff_error *ff_emit_facts(
	const struct ff_shareable *facts, enum ff_format format, const struct ff_style *style, char **ret);

/** The same for firstfix.diagnosis/1. */
struct ff_error *ff_emit_diagnosis(
	const struct ff_shareable *diagnosis, enum ff_format format, const struct ff_style *style, char **ret);

/** The same for firstfix.incident/1. */
struct ff_error *ff_emit_incident(
	const struct ff_shareable *incident, enum ff_format format, const struct ff_style *style, char **ret);

/** What ff_store_list() gives: {"incidents": [...]}. */
struct ff_error *ff_emit_incidents(
	const struct ff_shareable *list, enum ff_format format, const struct ff_style *style, char **ret);

/** Any document as JSON: one document, newline at its end, keys in the order of the contract, only ASCII bytes (so that
    no text in it can act on a terminal). */
struct ff_error *ff_emit_json(const struct ff_shareable *document, char **ret);

/** firstfix.diff/1: what changed between two facts documents. */
struct ff_error *ff_emit_diff(
	const struct ff_shareable *diff, enum ff_format format, const struct ff_style *style, char **ret);

/** firstfix.playbook/1: pages on causes. */
struct ff_error *ff_emit_playbook(
	const struct ff_shareable *playbook, enum ff_format format, const struct ff_style *style, char **ret);

/** firstfix.rules/1 (the list of rules) or firstfix.cases/1 (results of their cases); Markdown is text. */
struct ff_error *ff_emit_rules(
	const struct ff_shareable *rules, enum ff_format format, const struct ff_style *style, char **ret);

/** firstfix.libs/1 in the format; Markdown is the text in a fence. */
struct ff_error *ff_emit_libs(
	const struct ff_shareable *libs, enum ff_format format, const struct ff_style *style, char **ret);
