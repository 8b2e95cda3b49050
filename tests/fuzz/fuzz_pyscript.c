// Python scripts, word by word.
#include "parse/pyscript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_py_script script = {.rest = {(const char *)data, size}};
	struct ff_py_token token;
	size_t left = size + 1;
	while (left && ff_py_script_next(&script, &token)) // each token takes bytes away
		left--;
	if (!left)
		__builtin_trap();
	return 0;
}
