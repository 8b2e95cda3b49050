// Which encoding it is, the first bytes say: UTF-16 needs a byte order mark or every other byte zero, and in both cases
// mostly characters below 256, for logs are. Noise that happens to begin with FF FE stays bytes.
//
//	FF FE 54 00 72 00 61 00  ->  Tra
#include "log/encoding.h"

#include "base/utf8.h"

static unsigned unit_at(const unsigned char *p, enum ff_encoding encoding)
{
	return encoding == FF_ENCODING_UTF16LE ? p[0] | (unsigned)p[1] << 8 : (unsigned)p[0] << 8 | p[1];
}

// Units of the window that are ASCII text.
static size_t plain_units(const unsigned char *p, size_t n, enum ff_encoding encoding)
{
	size_t plain = 0;
	for (size_t i = 0; i + 1 < n; i += 2) {
		unsigned unit = unit_at(p + i, encoding);
		plain += (unit >= 0x20 && unit < 0x7f) || unit == '\n' || unit == '\r' || unit == '\t' || unit == 0x1b;
	}
	return plain;
}

static enum ff_encoding encoding_of(const unsigned char *p, size_t n)
{
	static const enum ff_encoding wide[] = {FF_ENCODING_UTF16LE, FF_ENCODING_UTF16BE};
	for (size_t i = 0; i < 2; i++) {
		size_t units = n / 2, plain = plain_units(p, n, wide[i]);
		bool mark = n >= 2 && unit_at(p, wide[i]) == 0xfeff;
		if (mark ? plain * 2 >= units - 1 && units > 1 : units >= 4 && plain == units)
			return wide[i];
	}
	return FF_ENCODING_BYTES;
}

static void put_character(struct ff_buf *b, uint32_t c)
{
	char bytes[4];
	ff_buf_add(b, bytes, ff_utf8_encode(c, bytes));
}

static void put_unit(struct ff_decoder *d, unsigned unit, struct ff_buf *ret)
{
	enum { REPLACEMENT = 0xfffd, MARK = 0xfeff };
	bool low = unit >= 0xdc00 && unit < 0xe000, high = unit >= 0xd800 && unit < 0xdc00;
	uint32_t c = unit;
	if (low && d->high)
		c = 0x10000 + ((d->high & 0x3ffu) << 10 | (unit & 0x3ff));
	else if (d->high)
		put_character(ret, REPLACEMENT);
	d->high = high ? (uint16_t)unit : 0;
	if (low && c == unit)
		c = REPLACEMENT;
	if (!high && c != MARK)
		put_character(ret, c);
}

// Bytes once the encoding is known.
static void put(struct ff_decoder *d, struct ff_span bytes, struct ff_buf *ret)
{
	if (d->encoding == FF_ENCODING_BYTES) {
		ff_buf_span(ret, bytes);
		return;
	}
	for (size_t i = 0; i < bytes.n; i++) {
		d->held[d->n++] = (unsigned char)bytes.p[i];
		if (d->n == 2) {
			d->n = 0;
			put_unit(d, unit_at(d->held, d->encoding), ret);
		}
	}
}

void ff_decode(struct ff_decoder *decoder, struct ff_span bytes, bool end, struct ff_buf *ret)
{
	if (decoder->encoding == FF_ENCODING_UNKNOWN) {
		size_t take = FF_DECODER_WINDOW - decoder->n < bytes.n ? FF_DECODER_WINDOW - decoder->n : bytes.n;
		if (take) {
			memcpy(decoder->held + decoder->n, bytes.p, take);
			decoder->n += take;
			bytes = (struct ff_span){bytes.p + take, bytes.n - take};
		}
		if (decoder->n < FF_DECODER_WINDOW && !end)
			return;
		unsigned char window[FF_DECODER_WINDOW];
		struct ff_span head = {(const char *)window, decoder->n};
		memcpy(window, decoder->held, sizeof(window));
		decoder->encoding = encoding_of(window, head.n);
		decoder->n = 0;
		if (decoder->encoding == FF_ENCODING_BYTES && ff_span_starts(head, "\xef\xbb\xbf"))
			head = (struct ff_span){head.p + 3, head.n - 3};
		put(decoder, head, ret);
	}
	if (bytes.n)
		put(decoder, bytes, ret);
}
