// Any JSON document through masking and every writer, as facts and as a diagnosis: no crash, no control character.
#include <stddef.h>
#include <stdint.h>

#include "emit/emit.h"

static void check(const struct ff_shareable *s, enum ff_format format, const struct ff_style *style)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_error_ struct ff_error *err = ff_emit(s, format, style, &text);
	if (err)
		__builtin_trap();
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 && *p != '\n')
			__builtin_trap();
	}
}

// The document under every schema that has a writer.
static void check_as(json_t *doc, const char *schema)
{
	static const struct ff_style styles[] = {{0}, {.utf8 = true, .verbose = true, .columns = 30}};
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	_cleanup_error_ struct ff_error *failed =
		json_object_set_new(doc, "schema", json_string(schema)) < 0 ? &ff_enomem : ff_share(doc, &s);
	for (size_t i = 0; !failed && i < sizeof(styles) / sizeof(styles[0]); i++) {
		for (int format = FF_TEXT; format <= FF_MARKDOWN; format++)
			check(s, (enum ff_format)format, &styles[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const schemas[] = {"firstfix.facts/1", "firstfix.diagnosis/1", "firstfix.incident/1",
		"firstfix.incidents/1", "firstfix.diff/1", "firstfix.libs/1", "firstfix.playbook/1", "firstfix.rules/1",
		"firstfix.cases/1"};
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_error_ struct ff_error *unread = ff_json_parse("fuzz", (const char *)data, size, &doc);
	if (unread || !json_is_object(doc))
		return 0;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
		check_as(doc, schemas[i]);
	return 0;
}
