// The files of docker's json-file driver, each line of a container in an object of its own, as the container wrote it.
#pragma once

#include "base/str.h"

/** True when lines look like such a file. */
bool ff_docker_may(struct ff_span lines);

/** Write whole lines to `to`, which has room for as many bytes; what is no such object stays as it is. The number of
    lines stays the same. Returns the bytes written. */
size_t ff_docker_read(struct ff_span lines, char *to);
