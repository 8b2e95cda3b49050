// Every reader of files beside packages, on the same bytes.
#include "parse/metadata.h"
#include "parse/wheel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size}, a, b;
	struct ff_headers headers = {.rest = text};
	while (ff_header_next(&headers, &a, &b))
		;
	if (ff_headers_end(text) > size)
		__builtin_trap();
	struct ff_egg_requires egg = {.rest = text};
	while (ff_egg_requires_next(&egg, &a))
		;
	struct ff_span rest = text;
	while (ff_pth_next(&rest, &a) != FF_PTH_END)
		;
	ff_ini_find(text, "home", &a);
	ff_wheel_fit(text, &(struct ff_wheel_place){FF_SPAN("3.11"), FF_SPAN("x86_64"), FF_SPAN("glibc")}, &a);
	ff_wheel_is_plain(text);
	int64_t bytes;
	for (rest = text; ff_record_next(&rest, &a, &bytes);)
		;
	struct ff_direct_url d;
	struct ff_error *err = ff_direct_url_parse("input", text, &d);
	if (err)
		ff_error_destroy(err);
	else
		ff_direct_url_deinit(&d);
	return 0;
}
