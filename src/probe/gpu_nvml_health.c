// ecc, mig, nvlink and fabric of one GPU as NVML tells them.
//
//	"ecc": {"enabled": true, "corrected": 0, "uncorrected": 2, "uncorrected_ever": 9, "remapped_rows": {"uncorrected": 1,
//	        "pending": true, "failed": false}}, "mig": true, "mig_devices": [...], "nvlink": {"up": 18, "down": 0}
//
// How the source lies: volatile counters start again at each driver load; a remapped row takes effect at the next reset
// only ("pending"); with MIG on, memory of the whole GPU is shown although a container sees one instance.
#include "probe/gpu_nvml.h"

static void read_counters(struct ff_gpu_reader *r)
{
	static const struct {
		const char *path;
		int kind, counter; // corrected 0, uncorrected 1; since the driver was loaded 0, ever 1
	} counters[] = {
		{"ecc.corrected", 0, 0},
		{"ecc.uncorrected", 1, 0},
		{"ecc.corrected_ever", 0, 1},
		{"ecc.uncorrected_ever", 1, 1},
	};
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		uint64_t count = 0;
		if (ff_gpu_begin(r, "nvmlDeviceGetTotalEccErrors", r->nvml->ecc_errors) &&
			ff_gpu_ok(r, r->nvml->ecc_errors(r->device, counters[i].kind, counters[i].counter, &count)))
			ff_gpu_put(r, counters[i].path, json_integer((json_int_t)count));
	}
}

static void read_rows(struct ff_gpu_reader *r)
{
	unsigned corrected = 0, uncorrected = 0, pending = 0, failed = 0;
	if (ff_gpu_begin(r, "nvmlDeviceGetRemappedRows", r->nvml->remapped_rows) &&
		ff_gpu_ok(r, r->nvml->remapped_rows(r->device, &corrected, &uncorrected, &pending, &failed)))
		ff_gpu_put(r, "ecc.remapped_rows",
			json_pack("{s:i, s:i, s:b, s:b}", "corrected", (int)corrected, "uncorrected", (int)uncorrected,
				"pending", (int)(pending != 0), "failed", (int)(failed != 0)));
}

// Before remapping (Ampere) a driver retired whole pages; NVML lists their addresses, we want their number.
static void read_pages(struct ff_gpu_reader *r)
{
	static const char *const paths[] = {"ecc.retired_pages.corrected", "ecc.retired_pages.uncorrected"};
	for (int cause = 0; cause < 2; cause++) {
		uint64_t addresses[64];
		unsigned n = 64;
		if (!ff_gpu_begin(r, "nvmlDeviceGetRetiredPages", r->nvml->retired_pages))
			return;
		int code = r->nvml->retired_pages(r->device, cause, &n, addresses);
		if (code == NVML_INSUFFICIENT_SIZE || ff_gpu_ok(r, code))
			ff_gpu_put(r, paths[cause], json_integer(n));
	}
	unsigned pending = 0;
	if (ff_gpu_begin(r, "nvmlDeviceGetRetiredPagesPendingStatus", r->nvml->retired_pending) &&
		ff_gpu_ok(r, r->nvml->retired_pending(r->device, &pending)))
		ff_gpu_put(r, "ecc.retired_pages.pending", json_boolean(pending != 0));
}

static void read_ecc(struct ff_gpu_reader *r)
{
	unsigned now = 0, next = 0;
	if (!ff_gpu_begin(r, "nvmlDeviceGetEccMode", r->nvml->ecc_mode) ||
		!ff_gpu_ok(r, r->nvml->ecc_mode(r->device, &now, &next)))
		return;
	ff_gpu_put(r, "ecc.enabled", json_boolean(now != 0));
	if (now != next)
		ff_gpu_put(r, "ecc.enabled_after_reset", json_boolean(next != 0));
	if (now)
		read_counters(r);
	read_rows(r);
	read_pages(r);
}

static json_t *mig_entry(struct ff_gpu_reader *r, ff_nvml_device instance)
{
	struct ff_gpu_reader mig = *r;
	mig.device = instance;
	mig.gpu = json_object();
	char text[NVML_TEXT] = "";
	struct nvml_attributes a = {0};
	if (ff_gpu_begin(&mig, "nvmlDeviceGetUUID", r->nvml->uuid) &&
		ff_gpu_ok(&mig, r->nvml->uuid(instance, text, sizeof(text))))
		ff_gpu_put(&mig, "uuid", ff_json_string(text, strnlen(text, sizeof(text))));
	if (ff_gpu_begin(&mig, "nvmlDeviceGetAttributes", r->nvml->attributes) &&
		ff_gpu_ok(&mig, r->nvml->attributes(instance, &a))) {
		ff_gpu_put(&mig, "sm_count", json_integer(a.sm_count));
		ff_gpu_put(&mig, "gpu_slices", json_integer(a.gpu_slices));
		uint64_t bytes = a.memory_mib << 20;
		ff_gpu_put(&mig, "memory.total", json_integer((json_int_t)bytes));
	}
	r->lost = mig.lost;
	return mig.gpu;
}

static void read_mig(struct ff_gpu_reader *r)
{
	unsigned now = 0, next = 0, room = 0;
	const struct ff_nvml *nvml = r->nvml;
	if (!ff_gpu_begin(r, "nvmlDeviceGetMigMode", nvml->mig_mode) ||
		!ff_gpu_ok(r, nvml->mig_mode(r->device, &now, &next)))
		return;
	ff_gpu_put(r, "mig", json_boolean(now == 1));
	if (now != next)
		ff_gpu_put(r, "mig_after_reset", json_boolean(next == 1));
	if (now != 1 || !nvml->mig_device || !ff_gpu_begin(r, "nvmlDeviceGetMaxMigDeviceCount", nvml->mig_count) ||
		!ff_gpu_ok(r, nvml->mig_count(r->device, &room)))
		return;
	json_t *list = json_array();
	for (unsigned i = 0; list && i < room && i < 64; i++) {
		ff_nvml_device instance;
		ff_gpu_begin(r, "nvmlDeviceGetMigDeviceHandleByIndex", true);
		if (nvml->mig_device(r->device, i, &instance) == NVML_OK) // else: no instance in this place
			json_array_append_new(list, mig_entry(r, instance));
	}
	ff_gpu_put(r, "mig_devices", list);
}

static void read_nvlink(struct ff_gpu_reader *r)
{
	unsigned up = 0, down = 0;
	for (unsigned link = 0; link < NVML_NVLINK_MAX; link++) {
		unsigned state = 0;
		if (!ff_gpu_begin(r, "nvmlDeviceGetNvLinkState", r->nvml->nvlink_state))
			return;
		int code = r->nvml->nvlink_state(r->device, link, &state);
		if (code != NVML_OK)
			break; // past the last link
		up += state == 1;
		down += state != 1;
	}
	if (up + down)
		ff_gpu_put(r, "nvlink", json_pack("{s:i, s:i}", "up", (int)up, "down", (int)down));
}

// On machines with NVSwitch CUDA says 802 until the fabric manager has set the fabric up.
static void read_fabric(struct ff_gpu_reader *r)
{
	static const char *const states[] = {NULL, "not-started", "in-progress", "completed"};
	struct nvml_fabric fabric = {0};
	if (!ff_gpu_begin(r, "nvmlDeviceGetGpuFabricInfo", r->nvml->fabric) ||
		!ff_gpu_ok(r, r->nvml->fabric(r->device, &fabric)) || fabric.state < 1 || fabric.state > 3)
		return;
	ff_gpu_put(r, "fabric.state", json_string(states[fabric.state]));
	if (fabric.state == 3)
		ff_gpu_put(r, "fabric.status", json_integer(fabric.status));
}

void ff_gpu_read_health(struct ff_gpu_reader *r)
{
	read_ecc(r);
	read_mig(r);
	read_nvlink(r);
	read_fabric(r);
}
