// xids: what the NVIDIA kernel driver reported about its GPUs, from the kernel's log (/dev/kmsg).
//
//	{"xids": [{"number": 79, "bus_id": "PCI:0000:05:00", "name": "GPU has fallen off the bus", "class": "node",
//	           "action": "reboot", "cause": "gpu.fallen-off", "count": 2, "first_s": 86400.1, "last_s": 86433.8, "from": "kmsg"}]}
//
// How the source lies: the log is a ring that forgets; containers mostly may not read it; times are seconds since boot
// that stop while the machine sleeps; one failure makes several Xids, and neither the last nor the most frequent one
// is the root.
#include "know/xid.h"
#include "parse/xid.h"
#include "probe/probe.h"

#include <stdio.h>
#include <unistd.h>

enum { RECORDS_MAX = 100000, XIDS_MAX = 64, BYTES_MAX = 8 << 20 };

struct xids {
	struct ff_probe_ctx *ctx;
	json_t *list;
};

static void put_span(json_t *object, const char *key, struct ff_span value)
{
	if (value.n)
		json_object_set_new(object, key, ff_json_string(value.p, value.n));
}

static json_t *find(struct xids *all, const struct ff_xid *xid)
{
	size_t i;
	json_t *entry;
	json_array_foreach (all->list, i, entry) {
		const char *bus_id = ff_json_text(entry, "bus_id");
		if (json_integer_value(json_object_get(entry, "number")) == (json_int_t)xid->number &&
			ff_span_eq(xid->bus_id, bus_id ? bus_id : ""))
			return entry;
	}
	return NULL;
}

static json_t *add(struct xids *all, const struct ff_xid *xid)
{
	struct ff_xid_info info;
	json_t *entry = json_pack("{s:i, s:i, s:s}", "number", (int)xid->number, "count", 0, "from", "kmsg");
	if (!entry || json_array_size(all->list) >= XIDS_MAX || json_array_append_new(all->list, entry) < 0)
		return NULL;
	put_span(entry, "bus_id", xid->bus_id);
	put_span(entry, "process", xid->process);
	put_span(entry, "text", xid->text);
	if (xid->pid && xid->pid < INT32_MAX)
		json_object_set_new(entry, "pid", json_integer((json_int_t)xid->pid));
	if (xid->has_time)
		json_object_set_new(entry, "first_s", json_real((double)xid->time_us / 1e6));
	if (ff_know_xid(xid->number, &info)) {
		put_span(entry, "name", info.name);
		put_span(entry, "class", info.kind);
		put_span(entry, "action", info.action);
		put_span(entry, "cause", info.cause);
	}
	return entry;
}

static void take(struct xids *all, struct ff_span line)
{
	struct ff_xid xid;
	if (!ff_xid_parse(line, &xid))
		return;
	json_t *entry = find(all, &xid);
	if (!entry)
		entry = add(all, &xid);
	if (!entry)
		return;
	json_object_set_new(entry, "count", json_integer(json_integer_value(json_object_get(entry, "count")) + 1));
	if (xid.has_time)
		json_object_set_new(entry, "last_s", json_real((double)xid.time_us / 1e6));
}

// Each read of /dev/kmsg gives one record and EAGAIN at the end; EPIPE says that records were overwritten meanwhile. A
// captured log is a plain file of many lines, which one read may cut in the middle.
static void read_log(struct xids *all, int fd)
{
	char chunk[16384];
	size_t kept = 0, total = 0;
	for (int i = 0; i < RECORDS_MAX && total < BYTES_MAX; i++) {
		ssize_t n = read(fd, chunk + kept, sizeof(chunk) - kept);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		total += (size_t)n;
		struct ff_span rest = {chunk, kept + (size_t)n}, line;
		const char *newline = memrchr(rest.p, '\n', rest.n);
		size_t whole = newline ? (size_t)(newline - rest.p) + 1 : rest.n == sizeof(chunk) ? rest.n : 0;
		struct ff_span tail = {rest.p + whole, rest.n - whole};
		rest.n = whole;
		while (ff_span_next(&rest, '\n', &line))
			take(all, line);
		memmove(chunk, tail.p, tail.n);
		kept = tail.n;
	}
	take(all, (struct ff_span){chunk, kept});
}

void ff_probe_xid(struct ff_probe_ctx *ctx)
{
	_cleanup_close_ int fd = -1;
	if (!ff_json_at(ctx->facts, "driver.kernel_module") && !ff_json_at(ctx->facts, "pci.gpus"))
		return; // no NVIDIA GPU: nothing to look for, and a log that may not be read is no loss
	struct ff_error *err = ff_host_open(ctx->host, "/dev/kmsg", &fd);
	if (err && err->code == FF_EABSENT) {
		ff_error_destroy(err);
		return;
	}
	if (err) {
		ff_miss(ctx, "xids", err);
		return;
	}
	struct xids all = {.ctx = ctx, .list = json_array()};
	read_log(&all, fd);
	size_t i;
	json_t *entry;
	json_array_foreach (all.list, i, entry) {
		ff_fact_append(ctx, "xids", json_incref(entry));
	}
	json_decref(all.list);
}
