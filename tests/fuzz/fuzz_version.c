// PEP 440: first line a version, second a version, third specifiers.
#include "parse/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span rest = {(const char *)data, size}, lines[3] = {{0}};
	for (size_t i = 0; i < 3 && ff_span_next(&rest, '\n', &lines[i]); i++)
		;
	int order = ff_version_compare_spans(lines[0], lines[1]);
	if (order != -ff_version_compare_spans(lines[1], lines[0]))
		__builtin_trap();
	ff_version_satisfies_spans(lines[0], lines[2]);
	struct ff_version v, again;
	_cleanup_buf_ struct ff_buf b = {0};
	if (ff_version_parse(lines[0], &v)) {
		ff_version_format(&v, &b);
		// The normal form is the same version.
		if (!b.failed &&
			(!ff_version_parse((struct ff_span){b.p, b.n}, &again) || ff_version_order(&v, &again)))
			__builtin_trap();
	}
	return 0;
}
