// The report's own parts: sections as tables of lines, and what formats values. Only emit/report*.c include this.
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "emit/page.h"

/** What a value function gets and gives. */
struct ff_cell {
	const json_t *doc;   /**< the whole document */
	const json_t *scope; /**< what paths of this section are relative to: the document, or one GPU */
	const json_t *value; /**< at the line's path; NULL when it is not there */
	struct ff_buf *out;  /**< append the text here */
	enum ff_mark mark;   /**< the line's; change it to judge */
	bool verbose;
};

/** True when the line is to be shown. */
typedef bool ff_cell_fn(struct ff_cell *cell);

/** One line of a section. */
struct ff_report_line {
	enum ff_mark mark;
	const char *label;
	const char *path;  /**< relative to the scope; NULL when `write` needs none */
	ff_cell_fn *write; /**< NULL: the value as it is */
	/** Not NULL: an absent value is worth a line when this path of the document is there ("" always) */
	const char *expected;
	bool aside; /**< a brief report leaves it out */
};

struct ff_report {
	const json_t *doc;
	struct ff_page *page;
};

/** Show one line, or nothing. */
void ff_report_show(struct ff_report *r, const json_t *scope, const struct ff_report_line *line);
void ff_report_lines(struct ff_report *r, const json_t *scope, const struct ff_report_line *lines, size_t n);
/** Why a fact is not there, as `errors` tells; NULL when nothing does. Borrowed. */
const char *ff_report_reason(const json_t *doc, const char *path);

/** The version of a package: from its own branch, else from the list of distributions. NULL: not known. */
const char *ff_report_version(const json_t *doc, const char *package);

/** Append "not known (why)" for a fact that is not there; `or_path` (or NULL) is where else the reason may stand. False
    when nobody asked for the fact. */
bool ff_report_unknown(const json_t *doc, const char *path, const char *or_path, struct ff_buf *out);

/** A value as a person reads it: lists joined, masked secrets named, truth as True and False. False for null and empty
    lists. */
bool ff_value_text(const json_t *value, struct ff_buf *out);

/** The value of a fact as evidence: with units, of objects the fields that tell; false when there is nothing to say. */
bool ff_evidence_text(const char *path, const json_t *value, struct ff_buf *out);
/** 33672527872 -> "31.4 GB", as torch and the report that this one follows count (1024^3). */
void ff_value_size(int64_t bytes, struct ff_buf *out);

/** The same by its own name, "31.4 GiB", beside what engines print. */
void ff_value_size_gib(int64_t bytes, struct ff_buf *out);

bool ff_write_size(struct ff_cell *cell);
bool ff_write_cudnn(struct ff_cell *cell); /**< "9.1.0" -> "90100" */
bool ff_write_cuda_available(struct ff_cell *cell);
bool ff_write_capability(struct ff_cell *cell);

void ff_report_torch(struct ff_report *r);
void ff_report_gpus(struct ff_report *r);
void ff_report_quantization(struct ff_report *r);
void ff_report_packages(struct ff_report *r);
void ff_report_driver(struct ff_report *r);
void ff_report_libraries(struct ff_report *r);
void ff_report_system(struct ff_report *r);
void ff_report_env(struct ff_report *r);
void ff_report_rest(struct ff_report *r); /**< verbose: every fact that no line above shows */
void ff_report_misses(struct ff_report *r);

struct ff_error *ff_report_text(const json_t *doc, const struct ff_style *style, char **ret);
struct ff_error *ff_report_markdown(const json_t *doc, const struct ff_style *style, char **ret);
