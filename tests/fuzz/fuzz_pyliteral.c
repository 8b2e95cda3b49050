// Literals in Python source.
#include "parse/pyliteral.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size}, key, value;
	struct ff_py_value v;
	ff_py_assigned(text, "cuda", &v);
	while (ff_py_dict_next(&text, &key, &value))
		;
	return 0;
}
