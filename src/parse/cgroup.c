// Reads control group text. In a cgroup namespace every path is "/", so the path alone does not say that this is a
// container; version 1 says "no limit" by a huge number rounded down to a page, version 2 by the word "max".
//
//	0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-5f2....scope
//	4:memory:/docker/1c5f...
#include "parse/cgroup.h"

#include <ctype.h>

static bool names_controller(struct ff_span list, const char *controller)
{
	for (struct ff_span name; ff_span_next(&list, ',', &name);) {
		if (ff_span_eq(name, controller))
			return true;
	}
	return false;
}

bool ff_cgroup_path(struct ff_span text, const char *controller, struct ff_span *ret)
{
	for (struct ff_span line; ff_span_next(&text, '\n', &line);) {
		struct ff_span id, list;
		if (!ff_span_next(&line, ':', &id) || !ff_span_next(&line, ':', &list) || !line.n || line.p[0] != '/')
			continue;
		bool unified = ff_span_eq(id, "0") && !list.n;
		if (controller ? !unified && names_controller(list, controller) : unified) {
			*ret = line;
			return true;
		}
	}
	return false;
}

bool ff_cgroup_limit(struct ff_span text, uint64_t *ret)
{
	const uint64_t none = (uint64_t)1 << 62;
	uint64_t value;
	if (!ff_span_u64(ff_span_trim(text), &value) || value >= none)
		return false;
	*ret = value;
	return true;
}

bool ff_cgroup_cpu_max(struct ff_span text, uint64_t *ret_milli)
{
	struct ff_span quota;
	uint64_t q, period;
	text = ff_span_trim(text);
	if (!ff_span_next(&text, ' ', &quota) || !ff_span_u64(quota, &q) || !ff_span_u64(text, &period) || !period ||
		__builtin_mul_overflow(q, (uint64_t)1000, &q))
		return false;
	*ret_milli = q / period;
	return true;
}

bool ff_cgroup_container_id(struct ff_span text, struct ff_span *ret)
{
	size_t run = 0;
	for (size_t i = 0; i <= text.n; i++) {
		bool hex = i < text.n && isxdigit((unsigned char)text.p[i]) && !isupper((unsigned char)text.p[i]);
		if (!hex && run == 64) {
			*ret = (struct ff_span){text.p + i - 64, 64};
			return true;
		}
		run = hex ? run + 1 : 0;
	}
	return false;
}
