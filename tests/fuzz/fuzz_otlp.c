// What is read back of the queue, and what a collector answers.
#include "otlp/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	_cleanup_json_ json_t *doc = NULL;
	ff_error_destroy(ff_json_parse("input", text.p, text.n, &doc));
	for (unsigned i = 0; doc && i < FF_SIGNALS; i++) {
		_cleanup_buf_ struct ff_buf out = {0};
		ff_error_destroy(ff_otlp_protobuf(ff_otlp_requests[i], doc, &out));
	}
	ff_otlp_rejected(text, false);
	ff_otlp_rejected(text, true);
	return 0;
}
