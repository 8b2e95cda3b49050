// What a probe is: one function in one file that puts facts into the document, and one line in probes.def.
//
// A probe reads only through ctx->host and writes only through the fact functions below. It does not fail: what cannot
// be read becomes a miss with its reason, and the probe goes on. See doc/HOWTO-ADD-A-PROBE.md.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "host/host.h"

#include <firstfix/firstfix.h>

/** Which process a probe runs in, and after what. Probes of one helper run one after the other in the order of
    probes.def and see the facts of those before them; helpers run side by side. The join runs last, on all facts, and
    does no I/O. */
enum ff_helper_id {
	FF_HELPER_FILES,  /**< files of the local disk and /proc */
	FF_HELPER_VENDOR, /**< vendor libraries: may hang, crash, or leave things behind */
	FF_HELPER_CUDA,	  /**< the CUDA driver, whose start takes as long as NVML's: beside it, not behind */
	FF_HELPER_MOUNTS, /**< network mounts may hang in statfs() */
	FF_HELPER_JOIN,	  /**< pure functions of the facts */
	FF_HELPER_COUNT,
};

/** Where a helper is, in memory that its parent reads after a hang or a crash: announcing a step costs no system
    call. */
struct ff_place {
	char probe[64], step[64];
};

struct ff_probe_ctx {
	struct ff_host *host;
	json_t *delta;		  /**< what this probe has put so far; written by the functions below */
	json_t *facts;		  /**< the document so far (of this helper; of all in the join) */
	const char *probe;	  /**< this probe's name, for misses */
	const char *python;	  /**< --python PATH, or NULL */
	bool out_of_memory;	  /**< sticky, set by the functions below */
	struct ff_helper_out *to; /**< in a helper: where facts go; NULL in the join */
	struct ff_place *place;	  /**< in a helper: what ff_step() writes; NULL in the join */
};

/** Put a value at a dotted path; `value` is stolen, NULL counts as out of memory. */
void ff_fact(struct ff_probe_ctx *ctx, const char *path, json_t *value);
void ff_fact_text(struct ff_probe_ctx *ctx, const char *path, const char *text); /**< NULL text is nothing to say */
void ff_fact_int(struct ff_probe_ctx *ctx, const char *path, int64_t value);
void ff_fact_bool(struct ff_probe_ctx *ctx, const char *path, bool value);

/** Append to the array at a dotted path ("complete", "gpus"), making it when it is not there. */
void ff_fact_append(struct ff_probe_ctx *ctx, const char *path, json_t *value);

/** Say why something is not known: appended to `errors`. Takes the error. A plain absence that means nothing
    ("no swap file") is no miss: destroy the error instead. */
void ff_miss(struct ff_probe_ctx *ctx, const char *path, struct ff_error *err);

/** Say what is about to be asked ("nvmlInit"), so that a hang has a name: "timeout in nvmlInit". */
void ff_step(struct ff_probe_ctx *ctx, const char *step);

/** Send what this probe has put so far, so that a hang or a crash in what follows cannot take it along. */
void ff_flush(struct ff_probe_ctx *ctx);

struct ff_probe {
	const char *name;
	const char *help;  /**< one line for `firstfix report --list` */
	const char *needs; /**< space-separated names of probes that must have run */
	enum ff_helper_id helper;
	void (*run)(struct ff_probe_ctx *ctx);
};

#define PROBE(name, helper, needs, help) void ff_probe_##name(struct ff_probe_ctx *ctx);
#include "probe/probes.def"
#undef PROBE

/** All probes in the order of probes.def. */
extern const struct ff_probe ff_probes[];
extern const size_t ff_probe_count;

/** ff_collect_facts() in two halves, for a captured machine that is asked again and again with other GPUs: what its
    files say, and on a copy of that what hangs on the GPU. */
struct ff_error *ff_collect_files(struct ff_host *host, const struct ff_collect_options *options, json_t **ret);
struct ff_error *ff_collect_rest(
	struct ff_host *host, const struct ff_collect_options *options, const json_t *files, json_t **ret);

/** Run the probes and return a firstfix.facts/1 document (not yet masked: emit does that). */
struct ff_error *ff_collect_facts(struct ff_host *host, const struct ff_collect_options *options, json_t **ret);
