// A saved notebook, as a file that may be one arrives: the beginning first.
#include "log/notebook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span bytes = {(const char *)data, size};
	struct ff_buf text = {0};
	ff_notebook_may((struct ff_span){bytes.p, size < FF_NOTEBOOK_HEAD ? size : FF_NOTEBOOK_HEAD});
	ff_notebook_goes_on(bytes);
	if (!ff_notebook_text(bytes, &text) && text.n) // what is none is read as it stands, and nothing before it
		__builtin_trap();
	ff_buf_deinit(&text);
	return 0;
}
