// Any JSON document through masking and every writer, as facts and as a diagnosis: no crash, no control character.
#include <stddef.h>
#include <stdint.h>

#include "emit/emit.h"

typedef struct ff_error *emit_fn(const struct ff_shareable *, enum ff_format, const struct ff_style *, char **);

static void check(emit_fn *emit, const struct ff_shareable *s, enum ff_format format, const struct ff_style *style)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_error_ struct ff_error *err = emit(s, format, style, &text);
	if (err)
		__builtin_trap();
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 && *p != '\n')
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	_cleanup_error_ struct ff_error *unread = ff_json_parse("fuzz", (const char *)data, size, &doc);
	if (unread)
		return 0;
	_cleanup_error_ struct ff_error *deep = ff_share(doc, &s);
	if (deep)
		return 0;
	const struct ff_style styles[] = {{0}, {.utf8 = true, .verbose = true, .columns = 30}};
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		for (int format = FF_TEXT; format <= FF_MARKDOWN; format++) {
			check(ff_emit_facts, s, (enum ff_format)format, &styles[i]);
			check(ff_emit_diagnosis, s, (enum ff_format)format, &styles[i]);
		}
	}
	return 0;
}
