// PEP 508: a requirement, and its marker evaluated with and without values.
#include "parse/requirement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ff_marker_env known = {.values = {"posix", "linux", "x86_64", "CPython", "5.15.0", "Linux",
							   "#1", "3.11", "3.11.7", "cpython", "3.11.7", ""}};
	static const struct ff_marker_env unknown = {0};
	struct ff_span text = {(const char *)data, size};
	struct ff_requirement r;
	_cleanup_error_ struct ff_error *err = ff_requirement_parse("input", text, &r);
	struct ff_span marker = err ? text : r.marker;
	enum ff_satisfies answer;
	ff_error_destroy(ff_marker_evaluate("input", marker, &known, &answer));
	ff_error_destroy(ff_marker_evaluate("input", marker, &unknown, &answer));
	_cleanup_buf_ struct ff_buf b = {0};
	ff_package_name_format(text, &b);
	if (!b.failed && b.n && !ff_package_name_equal(text, (struct ff_span){b.p, b.n}))
		__builtin_trap();
	return 0;
}
