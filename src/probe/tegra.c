// tegra: the system-on-chip of a Jetson, from the firmware's device tree. Its GPU is on no PCI bus, and before JetPack
// 6 there is no NVML either.
//
//	{"tegra": {"soc": "tegra234", "model": "NVIDIA Jetson AGX Orin Developer Kit", "gpu": "Orin", "l4t": "R36"}}
//
// How the source lies: the texts are terminated, not lines; in a container the tree is there, the release file mostly
// is not.
#include "probe/probe.h"

enum { TEXT_MAX = 4096 };

static const struct {
	const char *soc, *gpu; // the name that CUDA gives its GPU, as in rules/data/gpus.tsv
} chips[] = {
	{"tegra264", "Thor"},
	{"tegra234", "Orin"},
	{"tegra194", "Xavier"},
	{"tegra186", "Tegra X2"},
	{"tegra210", "Tegra X1"},
};

static bool put_chip(struct ff_probe_ctx *ctx, struct ff_span compatible)
{
	struct ff_span text;
	while (ff_span_next(&compatible, '\0', &text)) {
		if (!ff_span_starts(text, "nvidia,"))
			continue;
		text = (struct ff_span){text.p + 7, text.n - 7};
		for (size_t i = 0; i < sizeof(chips) / sizeof(chips[0]); i++) {
			if (!ff_span_eq(text, chips[i].soc))
				continue;
			ff_fact_text(ctx, "tegra.soc", chips[i].soc);
			ff_fact_text(ctx, "tegra.gpu", chips[i].gpu);
			return true;
		}
	}
	return false;
}

void ff_probe_tegra(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *compatible = NULL, *model = NULL, *release = NULL;
	size_t n = 0, model_n = 0;
	struct ff_error *err = ff_host_read(ctx->host, "/proc/device-tree/compatible", TEXT_MAX, &compatible, &n);
	bool found = !err && put_chip(ctx, (struct ff_span){compatible, n});
	ff_error_destroy(err);
	if (!found)
		return; // no device tree, or another board's
	err = ff_host_read(ctx->host, "/proc/device-tree/model", TEXT_MAX, &model, &model_n);
	if (!err)
		ff_fact(ctx, "tegra.model", ff_json_string(model, strnlen(model, model_n)));
	ff_error_destroy(err);
	// "# R36 (release), REVISION: 4.0, GCID: ..."
	err = ff_host_read_line(ctx->host, "/etc/nv_tegra_release", &release);
	if (!err && ff_starts(release, "# R"))
		ff_fact(ctx, "tegra.l4t", ff_json_string(release + 2, strcspn(release + 2, " ")));
	ff_error_destroy(err);
}
