// The table is opentelemetry-proto 1.x: names as OTLP/JSON spells them, numbers and encodings of protobuf. Only
// what we send is in it.
//
// How the source lies: a document comes from a queue on disk, which may be torn or written by anybody, so every
// value is checked; what the table does not know is refused, not passed on.
#include "otlp/message.h"

#include <math.h>

enum { DEPTH_MAX = 24 };

const char *const ff_signal_names[FF_SIGNALS] = {"logs", "traces", "metrics"};

#define END       \
	{         \
		0 \
	}

static const struct ff_otlp_field array_value[], key_value_list[];
static const struct ff_otlp_field any_value[] = {
	{"stringValue", 1, FF_WIRE_STRING, false, NULL},
	{"boolValue", 2, FF_WIRE_BOOL, false, NULL},
	{"intValue", 3, FF_WIRE_INT64, false, NULL},
	{"doubleValue", 4, FF_WIRE_DOUBLE, false, NULL},
	{"arrayValue", 5, FF_WIRE_MESSAGE, false, array_value},
	{"kvlistValue", 6, FF_WIRE_MESSAGE, false, key_value_list},
	END,
};
static const struct ff_otlp_field array_value[] = {{"values", 1, FF_WIRE_MESSAGE, true, any_value}, END};
static const struct ff_otlp_field key_value[] = {
	{"key", 1, FF_WIRE_STRING, false, NULL}, {"value", 2, FF_WIRE_MESSAGE, false, any_value}, END};
static const struct ff_otlp_field key_value_list[] = {{"values", 1, FF_WIRE_MESSAGE, true, key_value}, END};
static const struct ff_otlp_field resource[] = {{"attributes", 1, FF_WIRE_MESSAGE, true, key_value}, END};
static const struct ff_otlp_field scope[] = {
	{"name", 1, FF_WIRE_STRING, false, NULL}, {"version", 2, FF_WIRE_STRING, false, NULL}, END};

static const struct ff_otlp_field log_record[] = {
	{"timeUnixNano", 1, FF_WIRE_FIXED64, false, NULL},
	{"severityNumber", 2, FF_WIRE_UINT32, false, NULL},
	{"severityText", 3, FF_WIRE_STRING, false, NULL},
	{"body", 5, FF_WIRE_MESSAGE, false, any_value},
	{"attributes", 6, FF_WIRE_MESSAGE, true, key_value},
	{"flags", 8, FF_WIRE_FIXED32, false, NULL},
	{"traceId", 9, FF_WIRE_ID, false, NULL},
	{"spanId", 10, FF_WIRE_ID, false, NULL},
	{"observedTimeUnixNano", 11, FF_WIRE_FIXED64, false, NULL},
	{"eventName", 12, FF_WIRE_STRING, false, NULL},
	END,
};

static const struct ff_otlp_field status[] = {
	{"message", 2, FF_WIRE_STRING, false, NULL}, {"code", 3, FF_WIRE_UINT32, false, NULL}, END};
static const struct ff_otlp_field span[] = {
	{"traceId", 1, FF_WIRE_ID, false, NULL},
	{"spanId", 2, FF_WIRE_ID, false, NULL},
	{"traceState", 3, FF_WIRE_STRING, false, NULL},
	{"parentSpanId", 4, FF_WIRE_ID, false, NULL},
	{"name", 5, FF_WIRE_STRING, false, NULL},
	{"kind", 6, FF_WIRE_UINT32, false, NULL},
	{"startTimeUnixNano", 7, FF_WIRE_FIXED64, false, NULL},
	{"endTimeUnixNano", 8, FF_WIRE_FIXED64, false, NULL},
	{"attributes", 9, FF_WIRE_MESSAGE, true, key_value},
	{"status", 15, FF_WIRE_MESSAGE, false, status},
	{"flags", 16, FF_WIRE_FIXED32, false, NULL},
	END,
};

static const struct ff_otlp_field exemplar[] = {
	{"timeUnixNano", 2, FF_WIRE_FIXED64, false, NULL},
	{"asDouble", 3, FF_WIRE_DOUBLE, false, NULL},
	{"filteredAttributes", 7, FF_WIRE_MESSAGE, true, key_value},
	END,
};
static const struct ff_otlp_field number_point[] = {
	{"startTimeUnixNano", 2, FF_WIRE_FIXED64, false, NULL},
	{"timeUnixNano", 3, FF_WIRE_FIXED64, false, NULL},
	{"asDouble", 4, FF_WIRE_DOUBLE, false, NULL},
	{"attributes", 7, FF_WIRE_MESSAGE, true, key_value},
	END,
};
static const struct ff_otlp_field histogram_point[] = {
	{"startTimeUnixNano", 2, FF_WIRE_FIXED64, false, NULL},
	{"timeUnixNano", 3, FF_WIRE_FIXED64, false, NULL},
	{"count", 4, FF_WIRE_FIXED64, false, NULL},
	{"sum", 5, FF_WIRE_DOUBLE, false, NULL},
	{"bucketCounts", 6, FF_WIRE_FIXED64, true, NULL},
	{"explicitBounds", 7, FF_WIRE_DOUBLE, true, NULL},
	{"exemplars", 8, FF_WIRE_MESSAGE, true, exemplar},
	{"attributes", 9, FF_WIRE_MESSAGE, true, key_value},
	END,
};
static const struct ff_otlp_field gauge[] = {{"dataPoints", 1, FF_WIRE_MESSAGE, true, number_point}, END};
static const struct ff_otlp_field sum[] = {
	{"dataPoints", 1, FF_WIRE_MESSAGE, true, number_point},
	{"aggregationTemporality", 2, FF_WIRE_UINT32, false, NULL},
	{"isMonotonic", 3, FF_WIRE_BOOL, false, NULL},
	END,
};
static const struct ff_otlp_field histogram[] = {
	{"dataPoints", 1, FF_WIRE_MESSAGE, true, histogram_point},
	{"aggregationTemporality", 2, FF_WIRE_UINT32, false, NULL},
	END,
};
static const struct ff_otlp_field metric[] = {
	{"name", 1, FF_WIRE_STRING, false, NULL},
	{"description", 2, FF_WIRE_STRING, false, NULL},
	{"unit", 3, FF_WIRE_STRING, false, NULL},
	{"gauge", 5, FF_WIRE_MESSAGE, false, gauge},
	{"sum", 7, FF_WIRE_MESSAGE, false, sum},
	{"histogram", 9, FF_WIRE_MESSAGE, false, histogram},
	END,
};

// Resource, scope and records lie in each other in the same way for every signal.
#define NEST(id, Scopes, Records, record)                          \
	static const struct ff_otlp_field id##_of_scope[] = {      \
		{"scope", 1, FF_WIRE_MESSAGE, false, scope},       \
		{Records, 2, FF_WIRE_MESSAGE, true, record},       \
		{"schemaUrl", 3, FF_WIRE_STRING, false, NULL},     \
		END,                                               \
	};                                                         \
	static const struct ff_otlp_field id##_of_resource[] = {   \
		{"resource", 1, FF_WIRE_MESSAGE, false, resource}, \
		{Scopes, 2, FF_WIRE_MESSAGE, true, id##_of_scope}, \
		{"schemaUrl", 3, FF_WIRE_STRING, false, NULL},     \
		END,                                               \
	};
NEST(logs, "scopeLogs", "logRecords", log_record)
NEST(traces, "scopeSpans", "spans", span)
NEST(metrics, "scopeMetrics", "metrics", metric)
#undef NEST

static const struct ff_otlp_field logs_request[] = {{"resourceLogs", 1, FF_WIRE_MESSAGE, true, logs_of_resource}, END};
static const struct ff_otlp_field traces_request[] = {
	{"resourceSpans", 1, FF_WIRE_MESSAGE, true, traces_of_resource}, END};
static const struct ff_otlp_field metrics_request[] = {
	{"resourceMetrics", 1, FF_WIRE_MESSAGE, true, metrics_of_resource}, END};

const struct ff_otlp_field *const ff_otlp_requests[FF_SIGNALS] = {
	[FF_SIGNAL_LOGS] = logs_request, [FF_SIGNAL_TRACES] = traces_request, [FF_SIGNAL_METRICS] = metrics_request};

// Types of protobuf's encoding.
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(struct ff_buf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		ff_buf_char(out, (char)(value | 0x80));
	ff_buf_char(out, (char)value);
}

static void put_tag(struct ff_buf *out, unsigned number, unsigned type)
{
	put_varint(out, number << 3 | type);
}

static void put_fixed(struct ff_buf *out, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		ff_buf_char(out, (char)(value >> 8 * i));
}

static void put_bytes(struct ff_buf *out, unsigned number, const void *p, size_t n)
{
	put_tag(out, number, BYTES);
	put_varint(out, n);
	ff_buf_add(out, p, n);
}

// "-17" or a JSON integer.
static bool whole(const json_t *value, bool is_signed, uint64_t *ret)
{
	if (json_is_integer(value)) {
		*ret = (uint64_t)json_integer_value(value);
		return is_signed || json_integer_value(value) >= 0;
	}
	struct ff_span text = {json_string_value(value), json_string_length(value)};
	bool minus = is_signed && ff_span_starts(text, "-");
	if (minus)
		text = (struct ff_span){text.p + 1, text.n - 1};
	if (!json_is_string(value) || !ff_span_u64(text, ret) || (is_signed && *ret > (uint64_t)INT64_MAX))
		return false;
	*ret = minus ? -*ret : *ret;
	return true;
}

bool ff_otlp_hex(const char *p, unsigned *ret)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	*ret = 0;
	for (unsigned i = 0; i < 2; i++) {
		const char *found = p[i] ? strchr(digits, p[i]) : NULL;
		if (!found)
			return false;
		*ret = *ret << 4 | (unsigned)(found - digits) % 16;
	}
	return true;
}

static bool put_id(struct ff_buf *out, unsigned number, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t n = json_string_length(value);
	unsigned char bytes[16];
	if (!text || n % 2 || n / 2 > sizeof(bytes))
		return false;
	for (size_t i = 0; i < n / 2; i++) {
		unsigned byte;
		if (!ff_otlp_hex(text + 2 * i, &byte))
			return false;
		bytes[i] = (unsigned char)byte;
	}
	put_bytes(out, number, bytes, n / 2);
	return true;
}

// The bytes of a number, without its tag; its type, or -1 for what is no such number.
static int put_number(struct ff_buf *out, enum ff_wire wire, const json_t *value)
{
	uint64_t n;
	double real = json_is_number(value) ? json_number_value(value) : 0;
	switch (wire) {
	case FF_WIRE_BOOL:
		put_varint(out, json_is_true(value));
		return json_is_boolean(value) ? VARINT : -1;
	case FF_WIRE_DOUBLE:
		memcpy(&n, &real, sizeof(n));
		put_fixed(out, n, 8);
		return json_is_number(value) ? FIXED64 : -1;
	case FF_WIRE_UINT32:
	case FF_WIRE_FIXED32:
		if (!json_is_integer(value) || !whole(value, false, &n) || n > UINT32_MAX)
			return -1;
		if (wire == FF_WIRE_UINT32)
			put_varint(out, n);
		else
			put_fixed(out, n, 4);
		return wire == FF_WIRE_UINT32 ? VARINT : FIXED32;
	default:
		if (!whole(value, wire == FF_WIRE_INT64, &n))
			return -1;
		if (wire == FF_WIRE_INT64)
			put_varint(out, n);
		else
			put_fixed(out, n, 8);
		return wire == FF_WIRE_INT64 ? VARINT : FIXED64;
	}
}

static bool put_message(
	const struct ff_otlp_field *message, const json_t *document, unsigned depth, struct ff_buf *out);

static bool put_one(const struct ff_otlp_field *f, const json_t *value, unsigned depth, struct ff_buf *out)
{
	_cleanup_buf_ struct ff_buf inner = {0};
	switch (f->wire) {
	case FF_WIRE_MESSAGE:
		if (!put_message(f->of, value, depth + 1, &inner))
			return false;
		put_bytes(out, f->number, inner.p, inner.n);
		out->failed |= inner.failed;
		return true;
	case FF_WIRE_STRING:
		if (!json_is_string(value))
			return false;
		put_bytes(out, f->number, json_string_value(value), json_string_length(value));
		return true;
	case FF_WIRE_ID:
		return put_id(out, f->number, value);
	default:;
		int type = put_number(&inner, (enum ff_wire)f->wire, value);
		if (type < 0)
			return false;
		put_tag(out, f->number, (unsigned)type);
		ff_buf_add(out, inner.p, inner.n);
		return true;
	}
}

// Repeated numbers stand side by side behind one tag.
static bool put_packed(const struct ff_otlp_field *f, const json_t *list, struct ff_buf *out)
{
	_cleanup_buf_ struct ff_buf inner = {0};
	size_t i;
	json_t *value;
	json_array_foreach (list, i, value)
		if (put_number(&inner, (enum ff_wire)f->wire, value) < 0)
			return false;
	put_bytes(out, f->number, inner.p, inner.n);
	out->failed |= inner.failed;
	return true;
}

static bool put_field(const struct ff_otlp_field *f, const json_t *value, unsigned depth, struct ff_buf *out)
{
	size_t i;
	json_t *each;
	if (!f->repeated)
		return put_one(f, value, depth, out);
	if (!json_is_array(value))
		return false;
	if (f->wire != FF_WIRE_MESSAGE)
		return put_packed(f, value, out);
	json_array_foreach (value, i, each)
		if (!put_one(f, each, depth, out))
			return false;
	return true;
}

// In the order of the table, whatever that of the document is: equal documents give equal bytes.
static bool put_message(const struct ff_otlp_field *message, const json_t *document, unsigned depth, struct ff_buf *out)
{
	size_t known = 0;
	if (!json_is_object(document) || depth > DEPTH_MAX)
		return false;
	for (const struct ff_otlp_field *f = message; f->name; f++) {
		const json_t *value = json_object_get(document, f->name);
		known += value != NULL;
		if (value && !put_field(f, value, depth, out))
			return false;
	}
	return known == json_object_size(document);
}

struct ff_error *ff_otlp_protobuf(const struct ff_otlp_field *message, const json_t *document, struct ff_buf *ret)
{
	if (!put_message(message, document, 0, ret))
		return ff_error_create(FF_EFORMAT, "no request of OTLP");
	return ret->failed ? &ff_enomem : NULL;
}
