// The messages of OTLP, as one table, and what is made of them: a document as OTLP/JSON writes it is checked
// against the table, and becomes protobuf by it.
//
//	{"resourceLogs": [{"resource": {...}, "scopeLogs": [{"logRecords": [{"timeUnixNano": "1764360000000000000", ...
#pragma once

#include "base/json.h"
#include "base/str.h"

enum ff_signal { FF_SIGNAL_LOGS, FF_SIGNAL_TRACES, FF_SIGNAL_METRICS, FF_SIGNALS };

/** "logs", "traces", "metrics": as in the path of a collector and in the names of variables. */
extern const char *const ff_signal_names[FF_SIGNALS];

/** How a value is written. In JSON whole numbers of 64 bits are strings of digits, ids are hexadecimal. */
enum ff_wire {
	FF_WIRE_STRING,
	FF_WIRE_ID,	 /**< bytes; hexadecimal in JSON */
	FF_WIRE_BOOL,	 /**< varint */
	FF_WIRE_UINT32,	 /**< varint; enums too */
	FF_WIRE_INT64,	 /**< varint; a string in JSON */
	FF_WIRE_FIXED32, /**< a number in JSON */
	FF_WIRE_FIXED64, /**< a string in JSON */
	FF_WIRE_DOUBLE,
	FF_WIRE_MESSAGE
};

struct ff_otlp_field {
	const char *name; /**< NULL ends a message */
	unsigned char number;
	unsigned char wire; /**< enum ff_wire */
	bool repeated;
	const struct ff_otlp_field *of; /**< the fields of a message */
};

/** What is sent for a signal: ExportLogsServiceRequest and its like. */
extern const struct ff_otlp_field *const ff_otlp_requests[FF_SIGNALS];

/** Check a document against a message and append it as protobuf. FF_EFORMAT for a key or a value that the table
    does not
    have. */
struct ff_error *ff_otlp_protobuf(const struct ff_otlp_field *message, const json_t *document, struct ff_buf *ret);

/** The byte that two hexadecimal digits write; false where they are none. Reads no further than the first that is
    none. */
bool ff_otlp_hex(const char *p, unsigned *ret);

/** How many records a collector refused, by its answer (`partial_success`); 0 where it refused none or the answer is
    none. */
uint64_t ff_otlp_rejected(struct ff_span answer, bool json);
