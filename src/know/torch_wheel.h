// What the wheel of a torch release carries (rules/data/torch_wheels.tsv), so that a fix can be tried before it is
// installed.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** For "2.7.1+cu128": {"version": "2.7.1+cu128", "cuda": "12.8", "archs": ["sm_75", ...], "ptx": ["compute_120"]}, as
    the facts have it under `torch`. A build of unknown code has no archs and no ptx; "+cpu" has cuda null and none.
    *ret is NULL when the text is no version or does not say which build it is. */
struct ff_error *ff_know_torch_wheel(const char *version, json_t **ret);

/** The build ("cu121") that the registry itself has of this release, on x86-64 Linux; false where it is not known. */
bool ff_know_torch_registry(const char *version, struct ff_span *ret);

/** Of a release whose build is not known: {"version", "archs", "ptx"} with all that any of its builds has; NULL where
    one of them was not read. */
struct ff_error *ff_know_torch_any_build(const char *version, json_t **ret);

/** The last release ("2.5") that was built for a CUDA ("cu121") which gets no more releases; false for one that still
    may, or none that is known. */
bool ff_know_torch_last(const char *tag, struct ff_span *ret);
