// Whatever the reader of plain objects takes, the library takes too, and reads the same of it.
#include "base/json.h"
#include "parse/flat_object.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_flat_member members[MOST];
	size_t n = 0;
	char *text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	if (ff_flat_object(text, size, members, MOST, &n)) {
		json_t *tree = json_loadb((const char *)data, size, 0, NULL);
		if (!json_is_object(tree) || json_object_size(tree) > n)
			abort();
		for (size_t i = 0; i < n; i++) { // of a key that comes twice the library keeps the last
			const char *value = json_string_value(json_object_get(tree, members[i].key));
			bool again = false;
			for (size_t k = i + 1; k < n; k++)
				again |= strcmp(members[i].key, members[k].key) == 0;
			if (!value || (!again && strcmp(value, members[i].value) != 0))
				abort();
		}
		json_decref(tree);
	}
	free(text);
	return 0;
}
