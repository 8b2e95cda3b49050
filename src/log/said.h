// What a log says of the machine it was written on: the keys of firstfix.facts/1 where those exist, so that a log
// without facts is not read with another machine's.
//
//	{"engine": {"name": "vllm", "version": "0.8.5", "settings": {"max_model_len": "8192", "gpu_memory_utilization": "0.9"}},
//	 "python": {"prefix": "/opt/venv", "version": "3.10", "executable": "/opt/venv/bin/python3"},
//	 "platform": "linux|windows|wsl|macos", "runtime": ["docker", "kubernetes", "slurm", "notebook", "colab", ...],
//	 "packages": {"torch": "2.3.1+cu121"}, "host": "node-1"}
//
// and what log/interpreter.h and log/carrier.h read.
//
// Settings are those in effect, by the name of their flag with underscores and by their general name, from an engine's
// own list of them (vLLM's `non-default args`, SGLang's ServerArgs, TGI's Args) or an echoed command line. All of it is
// what the log claims: names and values are bounded, and whoever writes a command from them must check and quote them.
// What a log does not say is absent.
#pragma once

#include "base/json.h"
#include "log/event.h"

struct ff_said;

struct ff_error *ff_said_create(struct ff_said **ret);
void ff_said_destroy(struct ff_said *said);

static inline void ff_cleanup_said(struct ff_said **said)
{
	ff_said_destroy(*said);
}

#define _cleanup_said_ __attribute__((__cleanup__(ff_cleanup_said)))

/** Take whole lines as they came. The head of a log is looked at, where engines say what they were started with;
    behind it only what a later start says of its settings: ff_said_settings() is called for lines with such a list. */
void ff_said_read(struct ff_said *said, struct ff_span lines);

/** What a line must match to hold an engine's list of its settings. */
extern const char ff_said_settings_pattern[];

/** The lines arrived in a file of docker's own. */
void ff_said_docker(struct ff_said *said);

/** Take a line with such a list, at [from, to) of the lines last taken; the list may go on behind it. */
void ff_said_settings(struct ff_said *said, struct ff_span lines, size_t from, size_t to);

/** What the events show: paths of frames, versions in messages; once, when all are known. *ret is an object, maybe
    empty. */
struct ff_error *ff_said_finish(struct ff_said *said, const struct ff_events *events, json_t **ret);
