// What a collector answers: ExportLogsServiceResponse and its like, which differ only in the name of a number.
//
//	{"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "..."}}
//	0a 02  08 03
//
// How the source lies: an answer may be empty, of another type than the request, or anything.
#include "otlp/message.h"

#include "base/cursor.h"

enum { VARINT_BITS = 64, BYTES = 2, FIXED64 = 1, FIXED32 = 5 };

static uint64_t varint(struct ff_cursor *c)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < VARINT_BITS; shift += 7) {
		uint8_t byte = ff_cursor_u8(c);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->short_read = true;
	return 0;
}

// The next field: its number, and its value or its bytes. False at the end, and on what is no protobuf.
static bool next(struct ff_cursor *c, uint64_t *ret_number, uint64_t *ret_value, struct ff_span *ret_bytes)
{
	if (!ff_cursor_left(c))
		return false;
	uint64_t tag = varint(c);
	*ret_number = tag >> 3;
	*ret_value = 0;
	*ret_bytes = (struct ff_span){0};
	switch (tag & 7) {
	case 0:
		*ret_value = varint(c);
		break;
	case FIXED64:
		ff_cursor_skip(c, 8);
		break;
	case FIXED32:
		ff_cursor_skip(c, 4);
		break;
	case BYTES:
		*ret_bytes = ff_cursor_bytes(c, varint(c));
		break;
	default:
		return false;
	}
	return !c->short_read;
}

static uint64_t rejected_of_protobuf(struct ff_span answer)
{
	struct ff_cursor c = ff_cursor_of("answer", answer.p, answer.n);
	uint64_t number, value;
	struct ff_span bytes;
	while (next(&c, &number, &value, &bytes)) {
		if (number != 1 || !bytes.n)
			continue;
		struct ff_cursor inner = ff_cursor_of("answer", bytes.p, bytes.n);
		while (next(&inner, &number, &value, &bytes))
			if (number == 1)
				return value;
	}
	return 0;
}

static uint64_t rejected_of_json(struct ff_span answer)
{
	_cleanup_json_ json_t *doc = NULL;
	const char *key;
	json_t *value;
	uint64_t n = 0;
	ff_error_destroy(ff_json_parse("answer", answer.p, answer.n, &doc));
	json_object_foreach (json_object_get(doc, "partialSuccess"), key, value) {
		if (!ff_starts(key, "rejected"))
			continue;
		if (json_is_integer(value))
			return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
		ff_span_u64((struct ff_span){json_string_value(value), json_string_length(value)}, &n);
	}
	return n;
}

uint64_t ff_otlp_rejected(struct ff_span answer, bool json)
{
	return !answer.n ? 0 : json ? rejected_of_json(answer) : rejected_of_protobuf(answer);
}
