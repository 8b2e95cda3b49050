// pci.gpus: graphics and accelerator devices on the PCI bus, whatever their driver: /sys/bus/pci/devices.
//
//	{"pci": {"gpus": [{"bus_id": "0000:01:00.0", "vendor": "nvidia", "device_id": "10de:2b85", "driver": "nouveau",
//	                   "name": "GeForce RTX 5090", "compute_capability": "12.0"}]}}
//
// How the source lies: sysfs shows every device of the host, also in a container that was given one GPU or none; and a
// virtual machine's emulated display is a "GPU" of class 03 too, so only vendors that make compute GPUs count.
#include "know/gpu_arch.h"
#include "parse/nvidia_text.h"
#include "probe/probe.h"

#include <stdio.h>

enum { PCI_DEVICES_MAX = 4096, CLASS_DISPLAY = 0x03, CLASS_ACCELERATOR = 0x12, NVIDIA = 0x10de, AMD = 0x1002 };

#define PCI_DEVICES "/sys/bus/pci/devices"

static void put_driver(struct ff_probe_ctx *ctx, const char *bus_id, json_t *gpu)
{
	char path[512];
	_cleanup_free_ char *link = NULL;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", bus_id);
	_cleanup_error_ struct ff_error *err = ff_host_readlink(ctx->host, path, &link);
	if (err)
		return; // no driver has taken the device
	const char *slash = strrchr(link, '/');
	const char *name = slash ? slash + 1 : link;
	json_object_set_new(gpu, "driver", ff_json_string(name, strlen(name)));
}

static void put_numa_node(struct ff_probe_ctx *ctx, const char *bus_id, json_t *gpu)
{
	char path[512];
	_cleanup_free_ char *line = NULL;
	uint64_t node;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/numa_node", bus_id);
	_cleanup_error_ struct ff_error *err = ff_host_read_line(ctx->host, path, &line);
	if (!err && ff_span_u64(ff_span_of(line), &node) && node < 4096) // "-1": the firmware does not say
		json_object_set_new(gpu, "numa_node", json_integer((json_int_t)node));
}

static void put_gpu(struct ff_probe_ctx *ctx, const char *bus_id, const struct ff_pci_ids *ids)
{
	char id[32];
	snprintf(id, sizeof(id), "%04x:%04x", ids->vendor, ids->device);
	json_t *gpu = json_pack("{s:o, s:s, s:s}", "bus_id", ff_json_string(bus_id, strlen(bus_id)), "vendor",
		ids->vendor == NVIDIA ? "nvidia" : "amd", "device_id", id);
	if (!gpu) {
		ctx->out_of_memory = true;
		return;
	}
	struct ff_gpu_info info;
	if (ids->vendor == NVIDIA && ff_know_gpu_by_pci(ids->device, &info)) {
		json_object_set_new(gpu, "name", json_stringn(info.name.p, info.name.n));
		json_object_set_new(gpu, "compute_capability", json_stringn(info.cc.p, info.cc.n));
	}
	put_driver(ctx, bus_id, gpu);
	put_numa_node(ctx, bus_id, gpu);
	ff_fact_append(ctx, "pci.gpus", gpu);
}

void ff_probe_pci(struct ff_probe_ctx *ctx)
{
	_cleanup_names_ struct ff_names devices = {0};
	struct ff_error *err = ff_host_list(ctx->host, PCI_DEVICES, PCI_DEVICES_MAX, &devices);
	if (err) {
		ff_miss(ctx, "pci.gpus", err);
		return;
	}
	for (size_t i = 0; i < devices.n; i++) {
		char path[512];
		_cleanup_free_ char *alias = NULL;
		struct ff_pci_ids ids;
		// One file says vendor, device and class.
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/modalias", devices.names[i]);
		_cleanup_error_ struct ff_error *unread = ff_host_read_line(ctx->host, path, &alias);
		if (unread || !ff_pci_modalias(ff_span_of(alias), &ids))
			continue;
		if ((ids.vendor == NVIDIA || ids.vendor == AMD) &&
			(ids.class_code == CLASS_DISPLAY || ids.class_code == CLASS_ACCELERATOR))
			put_gpu(ctx, devices.names[i], &ids);
	}
}
