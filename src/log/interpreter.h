// What a log tells of the interpreter that wrote it and of the packages there.
//
//	{"python": {"version": "3.10", "prefix": "/opt/venv"}, "platform": "linux", "runtime": ["notebook"],
//	 "packages": {"torch": "2.3.1+cu121"}, "installer": {"name": "uv", "packages": {"torch": "2.5.1+cu124"}}}
#pragma once

#include "base/json.h"
#include "log/event.h"

/** A word of letters, digits and "_-.+" without the full stop behind it; empty where none stands. */
struct ff_span ff_word_at(struct ff_span text);

/** A version behind blanks, a colon, a sign of equality or a "v"; empty where none stands. */
struct ff_span ff_version_at(struct ff_span text);

/** A package and its release, as the worker itself says. */
struct ff_error *ff_interpreter_package(json_t *said, struct ff_span name, struct ff_span version);

/** What whole lines tell: banners and the words of installers. */
struct ff_error *ff_interpreter_read(json_t *said, struct ff_span lines);

/** What runs the worker, a member of "runtime". */
struct ff_error *ff_interpreter_runtime(json_t *said, const char *name);

/** What an event's frames and message tell. */
struct ff_error *ff_interpreter_event(json_t *said, const struct ff_event *event);
