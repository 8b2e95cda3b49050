// Who the records are of: the attributes of the resource.
#pragma once

#include "agent/agent.h"
#include "otlp/settings.h"

/** A list of attributes, masked. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win over what we find. NULL: no
    memory. */
json_t *ff_export_resource(const struct ff_agent *agent, const struct ff_otlp_settings *settings);

/** The program that a process runs now: one may execute another. */
bool ff_export_program(pid_t pid, char ret[PATH_MAX]);

/** What makes names of this boot of the machine unique. */
void ff_export_origin(char *ret, size_t n);
