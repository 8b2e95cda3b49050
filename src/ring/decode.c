// Checks and decodes records. The CRC covers the position, so bytes of an earlier lap, or copied from elsewhere in the
// file, are not a record here. A CRC that is right does not make the rest right: the writer may be of another version,
// or hostile.
#include "ring/decode.h"

#include "ring/crc.h"

enum ff_record_is ff_record_check(const struct ff_record_rules *rules, const uint64_t *words, size_t n, uint64_t pos,
	size_t *ret_words, uint64_t *cost)
{
	if (n == 0)
		return FF_RECORD_NONE;
	uint64_t word0 = words[0];
	size_t length = word0 >> 32 & 0xffff;
	bool is_end = (word0 >> 48 & 0xff) == FF_RING_KIND_END;
	if ((uint8_t)(word0 >> 56) != ff_ring_mark(rules->seed, pos) || length == 0 || length > n)
		return FF_RECORD_NONE;
	if (!is_end && (length < FF_RING_RECORD_WORDS || length > FF_RING_RECORD_MAX / FF_RING_WORD))
		return FF_RECORD_NONE;
	const uint64_t head[] = {pos, word0 & ~UINT64_C(0xffffffff)};
	uint32_t crc = ff_crc_words(rules->crc_hardware, rules->seed, head, 2);
	if (!is_end) {
		crc = ff_crc_words(rules->crc_hardware, crc, words + 1, length - 1);
		*cost += length;
	}
	if (crc != (uint32_t)word0)
		return FF_RECORD_NONE;
	*ret_words = length;
	return is_end ? FF_RECORD_END : FF_RECORD_EVENT;
}

// One field at *p; false when it does not lie within `end` or is of no known type.
static bool read_field(const uint64_t **p, const uint64_t *end, struct ff_field *f)
{
	uint64_t head = *(*p)++;
	size_t left = (size_t)(end - *p);
	*f = (struct ff_field){
		.key = (uint16_t)head, .type = (uint8_t)(head >> 16), .truncated = head >> 24 & FF_RING_CUT};
	switch (f->type) {
	case FF_FIELD_STRING:
		f->n = (uint32_t)(head >> 32);
		if (f->n > left * FF_RING_WORD)
			return false;
		f->s = (const char *)*p;
		*p += (f->n + FF_RING_WORD - 1) / FF_RING_WORD;
		return true;
	case FF_FIELD_INT:
	case FF_FIELD_REAL:
		if (!left)
			return false;
		memcpy(&f->i, (*p)++, sizeof(f->i));
		return true;
	case FF_FIELD_BOOL:
		f->b = head >> 32 & 1;
		return true;
	default:
		return false;
	}
}

size_t ff_record_fields(
	const struct ff_record_rules *rules, const uint64_t *words, size_t n, struct ff_field ret[FF_RING_FIELDS_MAX])
{
	const uint64_t *p = words + FF_RING_RECORD_WORDS, *end = words + n;
	size_t claimed = words[2] >> 32 & 0xff, got = 0;
	while (got < claimed && got < FF_RING_FIELDS_MAX && p < end) {
		struct ff_field f;
		if (!read_field(&p, end, &f))
			break;
		if (f.key >= rules->names)
			f.key = FF_KEY_OVERFLOW;
		ret[got++] = f;
	}
	return got;
}
