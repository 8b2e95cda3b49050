// Native libraries as facts: GPU code of one file, and all that `firstfix libs` says of it.
#pragma once

#include "host/bytes.h"
#include "host/loader.h"
#include "parse/elf.h"

/** {"archs": ["sm_80"], "ptx": ["compute_90"], "lto": [...], "hip": [...], "ptx_isa": "9.0", "opaque": 1, "entries":
    {"sm_80": 444}}; keys without content are absent; an empty object says that there is no GPU code. "entries" counts
    the images for each architecture. */
struct ff_error *ff_native_gpu(struct ff_host *host, const char *path, json_t **ret);

/** The same, and the file stays open for more questions. `file` and `ret_elf` are the caller's to close, after errors
    too; the object reads from the file. */
struct ff_error *ff_native_open(
	struct ff_host *host, const char *path, struct ff_file *file, struct ff_elf **ret_elf, json_t **ret_gpu);

/** Add the GPU code of one file (as from ff_native_gpu) to that of several: lists without doubles, in order. */
struct ff_error *ff_native_gpu_merge(json_t *into, const json_t *gpu);

/** Leave in the lists only what the code as a whole is built for; what but a few kernels have moves to "partial", and
    the counts are dropped: {"archs": ["sm_90"], "partial": ["sm_90a"]}. */
struct ff_error *ff_native_gpu_narrow(json_t *gpu);

/** Why object `of` got this file: "RPATH of libtorch_cuda.so", "LD_LIBRARY_PATH entry 2", "ld.so.cache". */
struct ff_error *ff_native_because(const struct ff_loader *ld, const struct ff_ld_choice *choice, char **ret);

/** A JSON string of text that may be anything; NULL for NULL. */
static inline json_t *ff_native_text(const char *text)
{
	return text ? ff_json_string(text, strlen(text)) : NULL;
}

/** What is wrong with `root` and all below it, added to three lists of `into`:
    "missing" [{"library", "needed_by", "error"?}], "missing_versions" [{"version", "library", "path", "needed_by"}],
    both absent when empty. */
struct ff_error *ff_native_problems(const struct ff_loader *ld, size_t root, json_t *into);

/** What `root` takes from torch's libraries that those of this torch do not have, added to `into` as "missing_symbols"
    [{"symbol", "library"}] and "built_for" {"package", "first", "last", "newer", "older"}; both absent when all is
    there or nothing is known. */
struct ff_error *ff_native_torch_symbols(
	struct ff_host *host, const struct ff_loader *ld, size_t root, const char *torch, json_t *into);

/** What stands in a file's own headers: file, machine, type, soname, interpreter, rpath, runpath, gpu, versions_needed,
    read. */
struct ff_error *ff_native_describe(struct ff_host *host, const char *path, json_t **ret);

/** firstfix.libs/1 of one file: what it is, its GPU code, its dependencies as the loader resolves them, needed
    versions. "ok" is false when something is missing. FF_EFORMAT, FF_EABSENT when it cannot be read. */
struct ff_error *ff_native_libs(struct ff_host *host, const char *path, json_t **ret);

/** firstfix.libs/1 of an installed package: its native files with GPU code and what each would not find when it is
    loaded after torch. `facts` holds python.site. FF_EABSENT when no such package is there. */
struct ff_error *ff_native_libs_package(struct ff_host *host, json_t *facts, const char *package, json_t **ret);
