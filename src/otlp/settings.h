// The variables of OpenTelemetry that apply to an exporter of OTLP over HTTP, read once.
#pragma once

#include "otlp/message.h"

enum { FF_OTLP_HEADERS_MAX = 32, FF_OTLP_PROBLEMS_MAX = 12 };

/** Where a signal goes and how. All text is owned by the settings. */
struct ff_otlp_target {
	char *url;			    /**< NULL: this signal is not exported */
	char *headers[FF_OTLP_HEADERS_MAX]; /**< "Name: value" */
	size_t n_headers;
	bool json, gzip;
	unsigned timeout_ms;
	char *certificate, *client_key, *client_certificate; /**< paths, NULL for none */
};

struct ff_otlp_settings {
	bool on; /**< some signal is exported */
	struct ff_otlp_target targets[FF_SIGNALS];
	unsigned metrics_every_ms; /**< OTEL_METRIC_EXPORT_INTERVAL */
	unsigned delay_ms;	   /**< OTEL_BLRP_SCHEDULE_DELAY, OTEL_BSP_SCHEDULE_DELAY: the shorter one */
	unsigned batch_max;	   /**< OTEL_BLRP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE */
	unsigned value_max;	   /**< OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, in bytes; 0: none */
	bool parent_based;	   /**< OTEL_TRACES_SAMPLER: what the caller decided counts */
	double sampled;		   /**< share of the traces that begin here */
	char *service_name;	   /**< OTEL_SERVICE_NAME, else the service.name of the attributes; NULL */
	json_t *attributes;	   /**< OTEL_RESOURCE_ATTRIBUTES: name to text */
	char *problems
		[FF_OTLP_PROBLEMS_MAX]; /**< a line each, for the person who set them; without values of headers */
	size_t n_problems;
};

typedef const char *ff_otlp_get(const char *name);

/** Read them through `get` (getenv). What makes no sense is a problem, and as if it were not set. */
struct ff_error *ff_otlp_settings_read(ff_otlp_get *get, struct ff_otlp_settings *ret);
void ff_otlp_settings_deinit(struct ff_otlp_settings *settings);
