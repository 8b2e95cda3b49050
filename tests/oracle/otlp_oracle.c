// A request of OTLP/JSON on standard input, as protobuf on standard output. Asked by tests/wheels/test_otlp_real.py.
#include "base/io.h"
#include "otlp/message.h"

#include <stdio.h>
#include <unistd.h>

enum { INPUT_MAX = 16 << 20 };

int main(int argc, char **argv)
{
	_cleanup_buf_ struct ff_buf text = {0}, out = {0};
	_cleanup_json_ json_t *doc = NULL;
	unsigned signal = 0;
	while (argc == 2 && signal < FF_SIGNALS && strcmp(ff_signal_names[signal], argv[1]) != 0)
		signal++;
	if (argc != 2 || signal == FF_SIGNALS)
		return 2;
	struct ff_error *err = ff_read_all(STDIN_FILENO, "standard input", INPUT_MAX, &text);
	if (!err)
		err = ff_json_parse("standard input", text.p, text.n, &doc);
	if (!err)
		err = ff_otlp_protobuf(ff_otlp_requests[signal], doc, &out);
	if (err) {
		fprintf(stderr, "%s\n", err->message);
		return 1;
	}
	return fwrite(out.p, 1, out.n, stdout) == out.n ? 0 : 1;
}
