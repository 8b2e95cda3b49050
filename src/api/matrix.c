// Where will it run? The checks of one image, folder or file of packages, asked for each of the usual GPUs and drivers.
//
//	{"schema": "firstfix.matrix/1", "of": "image worker.tar", "drivers": [{"version": "550.127.05", "cuda": "12.4"}],
//	 "gpus": [{"name": "H100", "compute_capability": "9.0"}],
//	 "cells": [{"gpu": "H100", "driver": "550.127.05", "runs": true}]}      row by row; runs null: that driver knows no such GPU
//
// What does not hang on GPU and driver is collected once.
#include "api/api.h"

#include "base/str.h"
#include "diagnose/diagnose.h"
#include "emit/emit.h"
#include "host/image.h"
#include "know/driver.h"
#include "know/gpu_arch.h"
#include "probe/probe.h"

#include <stdio.h>

enum { LIST_MAX = 32, WORD = 64 };

// What clouds rent and people own; of the drivers one for each branch that is still met, at a late release.
static const char usual_gpus[] = "v100,t4,a10,rtx3090,a100,l4,l40s,rtx4090,h100,h200,b200,rtx5090",
		  usual_drivers[] = "470.256.02,525.147.05,535.183.01,550.127.05,570.133.20,580.95.05";

struct list {
	char words[LIST_MAX][WORD];
	size_t n;
};

static struct ff_error *split(const char *text, struct list *ret)
{
	struct ff_span rest = ff_span_of(text), word;
	*ret = (struct list){.n = 0};
	while (ff_span_next(&rest, ',', &word)) {
		word = ff_span_trim(word);
		if (!word.n || word.n >= WORD || ret->n == LIST_MAX)
			return ff_error_create(FF_EUSAGE, "'%.80s': a list with commas, of at most %d", text, LIST_MAX);
		memcpy(ret->words[ret->n], word.p, word.n);
		ret->words[ret->n++][word.n] = 0;
	}
	return NULL;
}

// What is asked, and what is the same in every cell.
struct matrix {
	const struct ff_collect_options *options;
	const char *engine, *rules;
	struct ff_image *image;
	json_t *base; // facts without a GPU, NULL for a file of packages
	json_t *cells;
	size_t running;
};

static struct ff_error *make_host(const struct matrix *m, const json_t *planned, struct ff_host **ret)
{
	_cleanup_json_ json_t *live = planned ? json_copy((json_t *)planned) : json_object();
	if (!live || (m->image && json_object_update_missing(live, ff_image_live(m->image)) < 0))
		return &ff_enomem;
	const char *folder = m->image ? ff_image_folder(m->image) : m->options->root;
	return ff_host_create(
		&(struct ff_host_options){.root = folder, .planned = live, .image = folder ? NULL : m->image}, ret);
}

static struct ff_error *facts_of(const struct matrix *m, const json_t *planned, json_t **ret)
{
	_cleanup_host_ struct ff_host *host = NULL;
	if (m->options->requirements)
		return ff_requirements_facts(m->options->requirements, planned, ret);
	struct ff_error *err = make_host(m, planned, &host);
	return err ? err : ff_collect_rest(host, m->options, m->base, ret);
}

// The first error of a cell; NULL where it runs.
static json_t *worst(const json_t *diagnosis)
{
	size_t i;
	json_t *d;
	json_array_foreach (json_object_get(diagnosis, "diagnoses"), i, d) {
		const char *severity = ff_json_text(d, "severity");
		if (severity && strcmp(severity, "error") == 0)
			return d;
	}
	return NULL;
}

// A driver from before the toolkit that first compiled for this GPU has never heard of it.
static bool is_known_to(const char *cc, const char *driver)
{
	struct ff_arch_info info;
	struct ff_driver_needs needs = {0};
	char cuda[16];
	if (!ff_know_arch_info(cc, &info) || info.first_cuda.n >= sizeof(cuda))
		return true;
	snprintf(cuda, sizeof(cuda), "%.*s", (int)info.first_cuda.n, info.first_cuda.p);
	ff_know_driver_runs(driver, cuda, &needs);
	return !needs.own.n || ff_know_version_compare(ff_span_of(driver), needs.own) >= 0;
}

static struct ff_error *judge(struct matrix *m, const json_t *planned, json_t *cell)
{
	_cleanup_json_ json_t *facts = NULL, *diagnosis = NULL;
	struct ff_error *err = facts_of(m, planned, &facts);
	if (!err)
		err = ff_diagnose(&(struct ff_diagnose_options){.facts = facts,
					  .log_fd = -1,
					  .rules_dir = m->rules,
					  .checks = true,
					  .engine = m->engine},
			&diagnosis);
	if (err)
		return err;
	const json_t *d = worst(diagnosis);
	m->running += !d;
	json_object_set_new(cell, "runs", json_boolean(!d));
	if (d) {
		json_object_set(cell, "cause", json_object_get(d, "cause"));
		json_object_set(cell, "why", json_object_get(d, "why"));
		json_object_set(cell, "fix", ff_json_at(d, "fixes.0.say"));
	}
	return NULL;
}

static struct ff_error *add_cell(struct matrix *m, const char *gpu, const char *driver)
{
	struct ff_collect_options options = *m->options;
	_cleanup_json_ json_t *planned = NULL;
	options.gpu = gpu;
	options.driver = driver;
	struct ff_error *err = ff_planned_machine(&options, &planned);
	if (err)
		return err;
	const char *name = ff_json_text(planned, "nvml.gpus.0.name"),
		   *cc = ff_json_text(planned, "nvml.gpus.0.compute_capability");
	json_t *cell = json_pack("{s:s*, s:s, s:n}", "gpu", name, "driver", driver, "runs");
	if (!cell || json_array_append_new(m->cells, cell) < 0)
		return &ff_enomem;
	return cc && !is_known_to(cc, driver) ? NULL : judge(m, planned, cell);
}

static struct ff_error *heads(const struct matrix *m, const struct list *gpus, const struct list *drivers, json_t *doc)
{
	json_t *rows = json_array(), *columns = json_array();
	for (size_t i = 0; i < drivers->n; i++) {
		struct ff_span cuda = ff_know_driver_cuda(drivers->words[i]);
		json_array_append_new(columns,
			json_pack("{s:s, s:o}", "version", drivers->words[i], "cuda",
				ff_json_string(cuda.n ? cuda.p : "", cuda.n)));
	}
	for (size_t i = 0; i < gpus->n; i++) {
		struct ff_collect_options options = *m->options;
		_cleanup_json_ json_t *planned = NULL;
		options.gpu = gpus->words[i];
		options.driver = NULL;
		struct ff_error *err = ff_planned_machine(&options, &planned);
		if (err) {
			json_decref(rows);
			json_decref(columns);
			return err;
		}
		json_array_append_new(rows,
			json_pack("{s:O, s:O}", "name", ff_json_at(planned, "nvml.gpus.0.name"), "compute_capability",
				ff_json_at(planned, "nvml.gpus.0.compute_capability")));
	}
	json_object_set_new(doc, "drivers", columns);
	json_object_set_new(doc, "gpus", rows);
	return NULL;
}

static struct ff_error *collect_base(struct matrix *m)
{
	_cleanup_host_ struct ff_host *host = NULL;
	struct ff_error *err = m->options->image ? ff_image_open(m->options->image, &m->image) : NULL;
	if (!err && m->image)
		err = ff_image_secrets(m->image);
	if (!err)
		err = make_host(m, NULL, &host);
	return err ? err : ff_collect_files(host, m->options, &m->base);
}

static struct ff_error *fill(struct matrix *m, json_t *doc)
{
	struct list gpus, drivers;
	struct ff_error *err = split(m->options->gpu ? m->options->gpu : usual_gpus, &gpus);
	if (!err)
		err = split(m->options->driver ? m->options->driver : usual_drivers, &drivers);
	if (!err)
		err = heads(m, &gpus, &drivers, doc);
	if (!err && !m->options->requirements)
		err = collect_base(m);
	for (size_t i = 0; !err && i < gpus.n; i++) {
		for (size_t k = 0; !err && k < drivers.n; k++)
			err = add_cell(m, gpus.words[i], drivers.words[k]);
	}
	return err;
}

struct ff_error *ff_matrix(const struct ff_matrix_options *options, enum ff_format format, const struct ff_style *style,
	bool *ret_runs, char **ret)
{
	const struct ff_collect_options *c = &options->collect;
	const char *of = c->image ? c->image : c->requirements ? c->requirements : c->root;
	if (!of)
		return ff_error_create(FF_EUSAGE, "a matrix is of an image, a folder or a file of packages");
	struct matrix m = {.options = c, .engine = options->engine, .rules = options->rules_dir, .cells = json_array()};
	_cleanup_json_ json_t *doc =
		json_pack("{s:s, s:s, s:O}", "schema", "firstfix.matrix/1", "of", of, "cells", m.cells);
	struct ff_error *err = doc ? fill(&m, doc) : &ff_enomem;
	if (!err)
		err = ff_emit_masked(doc, format, style, ret);
	if (!err)
		*ret_runs = m.running > 0;
	json_decref(m.cells);
	json_decref(m.base);
	ff_image_destroy(m.image);
	return err;
}
