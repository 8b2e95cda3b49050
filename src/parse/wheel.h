// What an installed wheel was built for and which files it brought: *.dist-info/WHEEL and RECORD.
#pragma once

#include "base/str.h"

enum ff_wheel_fit {
	FF_WHEEL_FITS, /**< also where a tag is of no kind that we know */
	FF_WHEEL_OTHER_PYTHON,
	FF_WHEEL_OTHER_MACHINE,
	FF_WHEEL_OTHER_SYSTEM,
};

/** What is to import it: CPython "3.11" on Linux, on "x86_64", with "glibc" or "musl"; empty: any. */
struct ff_wheel_place {
	struct ff_span python, machine, libc;
};

/** Can it import what a wheel with this WHEEL file holds? One fitting tag is enough; else *ret_tag is the first one. */
enum ff_wheel_fit ff_wheel_fit(struct ff_span wheel, const struct ff_wheel_place *place, struct ff_span *ret_tag);

/** True when it holds no compiled code: a tag for any platform. nvidia-* wheels say "Root-Is-Purelib: true" and are
    none. */
bool ff_wheel_is_plain(struct ff_span wheel);

enum { FF_RECORD_NO_SIZE = -1 };

/** The next file of RECORD: its path relative to the folder of the package, and its size or FF_RECORD_NO_SIZE. */
bool ff_record_next(struct ff_span *rest, struct ff_span *ret_path, int64_t *ret_size);
