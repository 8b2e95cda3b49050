// Any text through the masking and the cleaning: no crash or hang, masking ends, and what comes out is one safe line.
#include <stddef.h>
#include <stdint.h>

#include "base/clean.h"
#include "base/utf8.h"
#include "emit/redact.h"

static void check_clean(struct ff_span text, bool utf8)
{
	_cleanup_buf_ struct ff_buf out = {0};
	ff_clean(&out, text, utf8);
	for (size_t i = 0; i < out.n;) {
		uint32_t c = 0;
		size_t len = ff_utf8_decode(out.p + i, out.n - i, &c);
		if (!len || c < 0x20 || (c >= 0x7f && c < 0xa0) || (!utf8 && c > 0x7f))
			__builtin_trap();
		i += len;
	}
	size_t fit = ff_clean_fit((struct ff_span){out.p, out.n}, 10);
	if (fit > out.n || (out.n && !fit))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	_cleanup_buf_ struct ff_buf masked = {0};
	_cleanup_json_ json_t *list = json_array();
	_cleanup_error_ struct ff_error *err = ff_share_text(text, "fuzz", list, &masked);
	if (err)
		__builtin_trap();
	if (!json_array_size(list) && (masked.n != size || (size && memcmp(masked.p, data, size) != 0)))
		__builtin_trap();
	check_clean(text, true);
	check_clean(text, false);
	return 0;
}
