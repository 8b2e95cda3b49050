// What ld.so of glibc would load, and why: the search of dlopen(3) and of a program's start, without running anything.
//
//	struct ff_loader *ld;
//	err = ff_loader_create(host, NULL, &ld);
//	err = ff_loader_start(ld, "/usr/bin/python3.11", &python);           // a program (or, as ldd does, a library)
//	err = ff_loader_open(ld, ".../torch/lib/libtorch_cuda.so", python, &torch);   // dlopen() by that object
//
// Objects are numbered in the order they are mapped; what is mapped stays, as in a process, so that a later dlopen
// finds names "already loaded". Covered: DT_RPATH of the object and its loaders, LD_LIBRARY_PATH, DT_RUNPATH,
// ld.so.cache, default folders, glibc-hwcaps, $ORIGIN $LIB $PLATFORM, DF_1_NODEFLIB, LD_PRELOAD and /etc/ld.so.preload,
// files of another machine passed over, names matched by SONAME and by inode. Not: audit libraries, filters, setuid
// programs, the hwcap folders that glibc 2.36 and older looked into (tls/, haswell/).
#pragma once

#include "host/host.h"
#include "parse/elf.h"

/** By which rule a file was chosen. */
enum ff_ld_rule {
	FF_LD_NOT_FOUND,
	FF_LD_PROGRAM,	    /**< it is what was started or opened by path */
	FF_LD_INTERPRETER,  /**< ld.so itself */
	FF_LD_PRELOAD,	    /**< LD_PRELOAD or /etc/ld.so.preload */
	FF_LD_BY_PATH,	    /**< the needed name is a path */
	FF_LD_RPATH,	    /**< DT_RPATH of object `by` */
	FF_LD_LIBRARY_PATH, /**< entry `entry` of LD_LIBRARY_PATH */
	FF_LD_RUNPATH,	    /**< DT_RUNPATH of object `by` */
	FF_LD_CACHE,	    /**< /etc/ld.so.cache */
	FF_LD_DEFAULT,	    /**< a default folder */
	FF_LD_LOADED,	    /**< an object of that name was already mapped */
};

/** "RPATH", "LD_LIBRARY_PATH", ... as facts name it. */
const char *ff_ld_rule_name(enum ff_ld_rule rule);

struct ff_ld_choice {
	enum ff_ld_rule rule;
	size_t by;	    /**< the object whose path it is, for RPATH and RUNPATH */
	unsigned entry;	    /**< which piece of that path, from 1 */
	const char *folder; /**< borrowed from the loader; NULL where none was searched */
};

/** A library that an object needs, and what it gets. */
struct ff_ld_need {
	const char *name; /**< borrowed from the object's ELF view */
	ssize_t object;	  /**< -1 when nothing was found */
	struct ff_ld_choice choice;
	struct ff_error *err; /**< why a file that was found cannot be loaded ("no ELF file"); NULL otherwise */
};

struct ff_ld_object {
	char *path;
	char *name; /**< the name it was first asked by */
	dev_t dev;
	ino_t ino;
	struct ff_elf *elf; /**< its `bytes` is closed: headers only */
	size_t loader;	    /**< the object that caused it to be mapped; itself for a program */
	struct ff_ld_choice choice;
	struct ff_ld_need *needs; /**< one for each of elf->needed; NULL until its dependencies were looked for */
};

struct ff_loader;

struct ff_ld_options {
	const char *library_path; /**< instead of the host's LD_LIBRARY_PATH; "" is none */
	const char *preload;	  /**< instead of LD_PRELOAD */
};

/** `options` NULL is the host's own environment. */
struct ff_error *ff_loader_create(struct ff_host *host, const struct ff_ld_options *options, struct ff_loader **ret);
void ff_loader_destroy(struct ff_loader *ld);

static inline void ff_cleanup_loader(struct ff_loader **ld)
{
	ff_loader_destroy(*ld);
}

#define _cleanup_loader_ __attribute__((__cleanup__(ff_cleanup_loader)))

/** Map a program and all it needs; it sets the machine. Once, first. Missing libraries are
    no error: see their needs. */
struct ff_error *ff_loader_start(struct ff_loader *ld, const char *path, size_t *ret);

/** dlopen() of a path or a name by object `caller`. FF_EABSENT when it is not found. */
struct ff_error *ff_loader_open(struct ff_loader *ld, const char *name, size_t caller, size_t *ret);

/** Unmap all objects from number n on, so that another library can be tried in the same process state. n is not less
    than what ff_loader_count() was after a ff_loader_start() or ff_loader_open() that shall stay. */
void ff_loader_forget(struct ff_loader *ld, size_t n);

size_t ff_loader_count(const struct ff_loader *ld);
const struct ff_ld_object *ff_loader_object(const struct ff_loader *ld, size_t i);

/** The object that answers to a name (SONAME or a name it was asked by), or -1. */
ssize_t ff_loader_find(const struct ff_loader *ld, const char *name);

/** `root` and all that it needs, directly or not, each once, breadth first as ld.so lists them; freed by the caller. */
struct ff_error *ff_loader_closure(const struct ff_loader *ld, size_t root, size_t **ret, size_t *ret_n);

/** Where object `by` would also find a file of that name, in search order, the chosen one first. Stops when `each` is
    false. */
struct ff_error *ff_loader_candidates(struct ff_loader *ld, const char *name, size_t by,
	bool (*each)(const char *path, const struct ff_ld_choice *choice, void *arg), void *arg);

/** A symbol version that an object needs and the library it gets does not define: ld.so refuses to start. */
struct ff_ld_version_miss {
	size_t object;	     /**< who needs it */
	ssize_t library;     /**< who should define it */
	const char *version; /**< "GLIBC_2.38" */
	const char *file;    /**< "libc.so.6" */
	bool weak;	     /**< only a warning */
};

/** Call `each` for every missing version of one object; its dependencies must have been looked for. */
void ff_loader_check_versions(const struct ff_loader *ld, size_t object,
	void (*each)(const struct ff_ld_version_miss *miss, void *arg), void *arg);

/** Symbols that `object` takes from `library` (by its symbol versions) and that are not there:
    "undefined symbol: __nvJitLinkComplete_12_4". Names are valid during the call. */
struct ff_error *ff_loader_check_symbols(
	struct ff_loader *ld, size_t object, size_t library, void (*each)(const char *symbol, void *arg), void *arg);
