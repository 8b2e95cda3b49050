// A requirement of one Python package on another (PEP 508): "torch[opt] (>=2.0,<3) ; python_version < '3.12'".
#pragma once

#include "base/str.h"
#include "parse/version.h"

/** One requirement as spans into the caller's text. */
struct ff_requirement {
	struct ff_span name;
	struct ff_span extras;	   /**< between the brackets, as written; empty for none */
	struct ff_span specifiers; /**< without parentheses; empty for any version */
	struct ff_span url;	   /**< "name @ url"; empty for none */
	struct ff_span marker;	   /**< after the ';'; empty for always */
};

/** Parse one requirement. Specifiers and marker are cut out, not judged: ff_version_satisfies() and
    ff_marker_evaluate() do. `source` is for messages. */
struct ff_error *ff_requirement_parse(const char *source, struct ff_span text, struct ff_requirement *ret);

/** What a marker may ask for. */
enum ff_marker_name {
	FF_MARKER_OS_NAME,
	FF_MARKER_SYS_PLATFORM,
	FF_MARKER_PLATFORM_MACHINE,
	FF_MARKER_PLATFORM_IMPLEMENTATION,
	FF_MARKER_PLATFORM_RELEASE,
	FF_MARKER_PLATFORM_SYSTEM,
	FF_MARKER_PLATFORM_VERSION,
	FF_MARKER_PYTHON_VERSION,
	FF_MARKER_PYTHON_FULL_VERSION,
	FF_MARKER_IMPLEMENTATION_NAME,
	FF_MARKER_IMPLEMENTATION_VERSION,
	FF_MARKER_EXTRA,
	FF_MARKER_NAME_COUNT,
};

/** The values of one interpreter on one machine, borrowed; NULL where not known. */
struct ff_marker_env {
	const char *values[FF_MARKER_NAME_COUNT];
};

/** Does the marker hold? An empty one does. FF_SATISFIES_UNKNOWN when that depends on a value that is not known.
    Fails on a malformed marker and on one nested too deep. */
struct ff_error *ff_marker_evaluate(
	const char *source, struct ff_span marker, const struct ff_marker_env *env, enum ff_satisfies *ret);

/** The name as PEP 503 normalises it ("Foo_.Bar" is "foo-bar"), appended. */
void ff_package_name_format(struct ff_span name, struct ff_buf *b);

/** Is this the same package? Both names as written. */
bool ff_package_name_equal(struct ff_span a, struct ff_span b);
