// A message that was broken where the width of a terminal or of a box ended.
//
//	RuntimeError: CUDA error: no kernel image is available for        ->  RuntimeError: CUDA error: no kernel image is available for
//	execution on the device                                               execution on the device (one line)
#include "log/rejoin.h"

// Length of the first word of a text that may go on behind it.
static size_t word_length(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && p[n] != ' ' && p[n] != '\n')
		n++;
	return n;
}

// rich and terminals break a line where the next word does not fit any more. Put such a message together again.
// `lead` is the length of what stood before the message in its first line.
bool ff_message_rejoin(struct ff_buf *message, size_t lead)
{
	enum { NARROW = 60 };
	size_t widest = 0, breaks = 0;
	struct ff_span rest = {message->p, message->n}, line;
	while (message->n && ff_span_next(&rest, '\n', &line)) {
		const char *next = line.p + line.n + 1, *end = message->p + message->n;
		size_t width = line.n + (breaks ? 0 : lead);
		widest = width > widest ? width : widest;
		if (next > end)
			break;
		if (width < NARROW || width + 1 + word_length(next, end) <= widest || *next == ' ')
			return false;
		breaks++;
	}
	for (size_t i = 0; i < message->n; i++) {
		if (message->p[i] == '\n')
			message->p[i] = ' ';
	}
	return breaks > 0;
}
