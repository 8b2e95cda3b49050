// What a file says of packages before anything is installed: requirements.txt, the lock files of uv, poetry and pip
// (pylock.toml), conda's environment.yml, a Dockerfile, a compose file. Each find comes with its line.
#pragma once

#include "base/str.h"

enum ff_pins_kind {
	FF_PINS_REQUIREMENTS,
	FF_PINS_LOCK,
	FF_PINS_CONDA,
	FF_PINS_DOCKERFILE,
	FF_PINS_COMPOSE,
	FF_PINS_KINDS,
};

enum ff_pin_what {
	FF_PIN_PACKAGE, /**< name, value: specifiers ("==2.6.0", ">=2,<3"), may be empty */
	FF_PIN_INDEX,	/**< value: where packages come from; the name is empty, or of the one package it is for */
	FF_PIN_IMAGE,	/**< value: an image that this is built upon or runs */
	FF_PIN_ENV,	/**< name, value */
	FF_PIN_PYTHON,	/**< value: "3.11" */
	FF_PIN_CUDA,	/**< value: "12.1": what conda's pytorch is built for */
	FF_PIN_FILE,	/**< value: another file of requirements */
	FF_PIN_STEP,	/**< an installer begins: what is asked of it together is resolved together */
	FF_PIN_OPTION,	/**< of that installer, as written: "--no-deps" */
	FF_PIN_SETTING, /**< name: "user", "entrypoint", "cmd", "shm_size", "gpu"; value as written */
};

/** Spans into the file, or into memory that lives during the call. */
struct ff_pin {
	enum ff_pin_what what;
	struct ff_span name, value;
	unsigned line; /**< from 1 */
};

typedef void ff_pin_fn(void *arg, const struct ff_pin *pin);

/** By the file's name, or by what stands in it; false when it is of no kind that is known. */
bool ff_pins_kind_of(const char *name, struct ff_span text, enum ff_pins_kind *ret);

/** "requirements.txt", "lock file", ... */
const char *ff_pins_kind_name(enum ff_pins_kind kind);

/** Call `each` for what is found, in the order of the file. What is not understood is passed over. */
void ff_pins_parse(enum ff_pins_kind kind, struct ff_span text, ff_pin_fn *each, void *arg);

// ---- for the parsers alone ----

/** Lines with their numbers; of lines joined by a backslash at the end the first one's number. */
struct ff_pins_lines {
	struct ff_span rest;
	unsigned next; /**< number of the next line */
};

/** The next logical line into `ret` (emptied before), with its number; lines of comments within are left out. */
bool ff_pins_line(struct ff_pins_lines *lines, struct ff_buf *ret, unsigned *ret_line);

/** A requirement as pip reads it, a URL or path of a wheel, or nothing. */
void ff_pins_requirement(struct ff_span text, unsigned line, ff_pin_fn *each, void *arg);

void ff_pins_parse_dockerfile(struct ff_span text, ff_pin_fn *each, void *arg);
void ff_pins_parse_conda(struct ff_span text, ff_pin_fn *each, void *arg);
void ff_pins_parse_compose(struct ff_span text, ff_pin_fn *each, void *arg);
