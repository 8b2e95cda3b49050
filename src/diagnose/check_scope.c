// Says what a check was made on, so that "nothing wrong" cannot be mistaken for "nothing seen".
//
//	["1 GPU: NVIDIA GeForce RTX 5090", "driver 570.86.10", "torch 2.7.1+cu128", "bitsandbytes not installed", "38 checks"]
#include "diagnose/finding.h"

static void say_gpus(const json_t *facts, json_t *list)
{
	const json_t *gpus = json_object_get(facts, "gpus");
	const char *name = ff_json_text(facts, "gpus.0.name");
	size_t n = json_array_size(gpus);
	if (n)
		json_array_append_new(
			list, json_sprintf("%zu %s: %s", n, n == 1 ? "GPU" : "GPUs", name ? name : "of unknown name"));
	else
		json_array_append_new(list, json_string("no GPU seen"));
}

static void say_version(const json_t *facts, const char *path, const char *package, const char *what, json_t *list)
{
	const char *version = path ? ff_json_text(facts, path) : NULL;
	if (!version && package)
		version = ff_json_text(json_object_get(ff_json_at(facts, "python.packages"), package), "version");
	json_array_append_new(list, version ? json_sprintf("%s %s", what, version) : json_sprintf("no %s seen", what));
}

json_t *ff_looked_at(const json_t *facts, const struct ff_rules *rules, const char *engine)
{
	static const struct {
		const char *path, *package, *what;
	} versions[] = {
		{"driver.version", NULL, "driver"},
		{"python.version", NULL, "python"},
		{"torch.version", "torch", "torch"},
		{"bitsandbytes.version", "bitsandbytes", "bitsandbytes"},
		{"transformers.version", "transformers", "transformers"},
	};
	static const char *const asked[] = {"vllm", "sglang"}; // a package by their own name
	json_t *list = json_array();
	size_t checks = 0;
	for (size_t i = 0; i < ff_rules_count(rules); i++)
		checks += ff_rules_at(rules, i)->id && ff_rules_at(rules, i)->has_check;
	say_gpus(facts, list);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		say_version(facts, versions[i].path, versions[i].package, versions[i].what, list);
	for (size_t i = 0; engine && i < sizeof(asked) / sizeof(asked[0]); i++)
		if (strcmp(engine, asked[i]) == 0)
			say_version(facts, NULL, asked[i], asked[i], list);
	json_array_append_new(list, json_sprintf("%zu checks", checks));
	return list;
}
