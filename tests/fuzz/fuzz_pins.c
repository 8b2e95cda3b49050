// A file of packages, as each of the kinds.
#include "parse/pins.h"

static void each(void *arg, const struct ff_pin *pin)
{
	size_t *sum = arg;
	for (size_t i = 0; i < pin->name.n; i++)
		*sum += (unsigned char)pin->name.p[i];
	for (size_t i = 0; i < pin->value.n; i++)
		*sum += (unsigned char)pin->value.p[i];
	if (!pin->line)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	enum ff_pins_kind kind;
	size_t sum = 0;
	ff_pins_kind_of("x", text, &kind);
	for (int i = 0; i < FF_PINS_KINDS; i++)
		ff_pins_parse((enum ff_pins_kind)i, text, each, &sum);
	return 0;
}
