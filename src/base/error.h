// Errors of the library zone: a function that can fail returns `struct ff_error *`, NULL is success.
//
//	struct ff_error *err = ff_host_read(host, "/etc/os-release", 4096, &text);
//	if (err)
//		return err;
//
// Out-of-memory is one static object, so making an error cannot fail. Out-parameters are untouched on failure.
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Why something could not be had. The texts of ff_code_name() are the `kind` of firstfix.facts/1 `errors`. */
enum ff_code {
	FF_EABSENT,	 /**< it is not there ("missing") */
	FF_EDENIED,	 /**< it is there and we may not read it ("denied") */
	FF_EUNSUPPORTED, /**< this kernel, driver or build cannot say ("missing") */
	FF_ETIMEOUT,	 /**< no answer before the deadline ("timeout") */
	FF_ECRASH,	 /**< the helper that asked died ("crash") */
	FF_EFORMAT,	 /**< the bytes are not what they claim to be ("error") */
	FF_ELIMIT,	 /**< larger or deeper than we are ready to read ("error") */
	FF_EUSAGE,	 /**< the caller asked for something that makes no sense ("error"; exit code 2) */
	FF_EOS,		 /**< any other answer of the operating system ("error") */
	FF_ENOMEM,	 /**< out of memory ("error") */
};

struct ff_error {
	enum ff_code code;
	int errnum;    /**< errno where the system said one, else 0 */
	char *message; /**< one line, no newline, names the file and the place; never NULL */
};

/** The one error that needs no memory. */
extern struct ff_error ff_enomem;

/** Make an error from a printf format. Never returns NULL (it may return &ff_enomem). */
struct ff_error *ff_error_create(enum ff_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/** Make an error from errno: "<what>: No such file or directory"; ENOENT is ABSENT, EACCES/EPERM DENIED. */
struct ff_error *ff_error_os(int errnum, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/** Make a FF_EFORMAT error that names file and byte offset: "<file>: at 0x40: <text>". */
struct ff_error *ff_error_format(const char *file, uint64_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4), returns_nonnull));

/** The word that firstfix.facts/1 uses for this code: missing, denied, timeout, crash or error. */
const char *ff_code_name(enum ff_code code);

/** Release an error; NULL and &ff_enomem are fine. */
void ff_error_destroy(struct ff_error *err);

static inline void ff_cleanup_error(struct ff_error **err)
{
	ff_error_destroy(*err);
}

#define _cleanup_error_ __attribute__((__cleanup__(ff_cleanup_error), __unused__))
