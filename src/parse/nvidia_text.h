// The texts that NVIDIA's kernel module and container toolkit leave in /proc and /etc.
#pragma once

#include "base/str.h"

/** /proc/driver/nvidia/version: the kernel module's version ("570.86.10") and whether it is the open one. Span into
    the text; false when no version is in it. */
bool ff_nvrm_version(struct ff_span text, struct ff_span *ret_version, bool *ret_open);

/** A field of /proc/driver/nvidia/gpus/<bus>/information ("Model", "GPU UUID"); empty when it is missing or the
    driver does not know it yet ("GPU-????????-..."). */
struct ff_span ff_nvrm_field(struct ff_span text, const char *name);

/** Is a module listed in /proc/modules? */
bool ff_module_listed(struct ff_span text, const char *name);

/** The value of an uncommented `key = value` line, without quotes; empty when there is none. Sections are passed
    over: the keys we ask for occur in one only. */
struct ff_span ff_toml_setting(struct ff_span text, const char *key);

/** The version in a library's file name: "libcuda.so.570.86.10" -> "570.86.10"; false for a plain "libcuda.so.1". */
bool ff_driver_library_version(struct ff_span file_name, struct ff_span *ret);

/** The ids in a sysfs modalias: "pci:v000010DEd00002B85sv...bc03sc00i00". */
struct ff_pci_ids {
	unsigned vendor, device, class_code, subclass;
};

bool ff_pci_modalias(struct ff_span text, struct ff_pci_ids *ret);
