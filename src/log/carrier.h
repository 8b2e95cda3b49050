// What a log shows of the machine that its lines come from, by how they were carried and what they tell of hardware.
//
//	{"carrier": "docker|kubernetes", "containers": ["3f2a9c1d4e5b..."], "hosts": ["gpu-3"], "pods": ["worker-7d9f8b6c5d-x2x4z"],
//	 "files": ["/srv/app/serve.py"], "gpu": {"total": 25383600128}, "driver": {"version": "535.54.03", "cuda": "11.4"}}
#pragma once

#include "base/json.h"
#include "log/event.h"

/** What stands in front of an event's lines: a host as syslog writes it, a pod. */
struct ff_error *ff_carrier_source(json_t *said, const char *source);

/** Who wrote the lines down: "docker", "kubernetes". */
struct ff_error *ff_carrier_put(json_t *said, const char *name);

/** A member of a list of few: hosts, pods, files, ... */
struct ff_error *ff_carrier_add(json_t *said, const char *list, struct ff_span name);

/** What an event's frames and message tell. */
struct ff_error *ff_carrier_event(json_t *said, const struct ff_event *event);

/** Is it what Compose puts in front of a line, the name of a service's container ("worker-1  ", "web_1    ")? */
bool ff_carrier_is_compose(struct ff_span before);

/** The name in front of the numbers of process and thread: "3f2a9c1d4e5b:117:301 [0] NCCL INFO "; empty where there is
    none. */
struct ff_span ff_carrier_nccl_host(struct ff_span before);
