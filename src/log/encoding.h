// UTF-16 logs (PowerShell's > and Tee-Object write them) as UTF-8.
#pragma once

#include "base/str.h"

enum ff_encoding { FF_ENCODING_UNKNOWN, FF_ENCODING_BYTES, FF_ENCODING_UTF16LE, FF_ENCODING_UTF16BE };

enum { FF_DECODER_WINDOW = 64 }; /**< so many bytes, or the whole log, decide */

/** State of one log; zero-initialised is its beginning. */
struct ff_decoder {
	enum ff_encoding encoding;
	unsigned char held[FF_DECODER_WINDOW]; /**< bytes that wait for those behind them */
	size_t n;
	uint16_t high; /**< first half of a surrogate pair, 0 for none */
};

/** Put the next bytes of a log, cut anywhere, behind *ret; with `end` none follow. What is not UTF-16 stays as it is,
    without a UTF-8 mark at its beginning. */
void ff_decode(struct ff_decoder *decoder, struct ff_span bytes, bool end, struct ff_buf *ret);
