// Proof instead of reading: what a worker does at its start, done once by its own interpreter, one process a step.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** Run every step with `python` (a path, NULL when none was found), each under its own deadline. *ret is [{"step":
    "import-torch", "ok": true, "ms": 1234.5, "peak_rss": 0, "said": "torch 2.3.1"}, {"step": "cuda-init", "ok": false,
    "ms", "peak_rss", "error": "died of SIGSEGV"}, {"step", "skipped": "why"}]. What failing steps said is appended to
    *log, as a worker's log would have it; an entry's "log" is the number of its first line there. */
struct ff_error *ff_deep_run(const char *python, unsigned deadline_ms, struct ff_buf *log, json_t **ret);
