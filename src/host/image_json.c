// manifest.json of docker's archives, else index.json of OCI's layout and the manifest that it leads to; the
// configuration is the same document in both.
//
//	[{"Config": "ab12.json", "RepoTags": ["worker:1"], "Layers": ["cd34/layer.tar"]}]
//	{"manifests": [{"mediaType": "...index.v1+json", "digest": "sha256:...", "platform": {"architecture": "amd64"}}]}
//	{"architecture": "amd64", "config": {"Env": ["PATH=..."], "Entrypoint": ["python3"], "User": "1000"}, "history": [...]}
//
// How the source lies: an index leads to indexes in circles, digests hold paths, attestations stand beside images as if
// they were some, and layers may be encrypted or lie elsewhere.
#include "host/image_json.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

enum { INDEXES_MAX = 8, LAYERS_MAX = 512, HISTORY_MAX = 512, WORDS_MAX = 256, DIGEST_MAX = 256 };

static const char remedy[] = "save it anew ('docker save IMAGE -o FILE', 'skopeo copy ... oci-archive:FILE')";

void ff_image_plan_deinit(struct ff_image_plan *plan)
{
	free(plan->tag);
	json_decref(plan->config);
	json_decref(plan->layers);
	*plan = (struct ff_image_plan){0};
}

// What Go calls a processor.
static const struct {
	const char *go, *machine;
} machines[] = {{"amd64", "x86_64"}, {"arm64", "aarch64"}, {"ppc64le", "ppc64le"}, {"s390x", "s390x"}, {"386", "i686"},
	{"riscv64", "riscv64"}};

static const char *machine_of(const char *go)
{
	for (size_t i = 0; go && i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (strcmp(machines[i].go, go) == 0)
			return machines[i].machine;
	}
	return go;
}

static struct ff_error *missing(const char *name, const char *what, const char *by)
{
	return ff_error_create(
		FF_EFORMAT, "%s: %.120s is named by %.120s and is not in it; %s", name, what, by, remedy);
}

// "sha256:ab12..." -> "blobs/sha256/ab12..."
static bool blob_of(const json_t *descriptor, char ret[DIGEST_MAX])
{
	const char *digest = ff_json_text(descriptor, "digest");
	const char *colon = digest ? strchr(digest, ':') : NULL;
	if (!colon || strspn(digest, "abcdefghijklmnopqrstuvwxyz0123456789") != (size_t)(colon - digest) ||
		strspn(colon + 1, "0123456789abcdef") != strlen(colon + 1) || strlen(colon) < 33 ||
		strlen(digest) > 200)
		return false;
	snprintf(ret, DIGEST_MAX, "blobs/%.*s/%s", (int)(colon - digest), digest, colon + 1);
	return true;
}

static struct ff_error *layers_of_oci(const char *name, const json_t *manifest, json_t *ret)
{
	size_t i;
	json_t *layer;
	char blob[DIGEST_MAX];
	json_array_foreach (json_object_get(manifest, "layers"), i, layer) {
		const char *type = ff_json_text(layer, "mediaType");
		if (type && strstr(type, "encrypted"))
			return ff_error_create(
				FF_EUNSUPPORTED, "%s: layer %zu is encrypted; decrypt the image first", name, i + 1);
		if (i >= LAYERS_MAX || !blob_of(layer, blob))
			return ff_error_create(
				FF_EFORMAT, "%s: layer %zu of the manifest has no digest; %s", name, i + 1, remedy);
		if (json_array_append_new(ret, json_string(blob)) < 0)
			return &ff_enomem;
	}
	return NULL;
}

// Of images for several processors that of this one, else the first; attestations are none.
static const json_t *choose(const json_t *index, const char *arch, size_t *ret_others)
{
	const json_t *chosen = NULL;
	bool fits = false;
	size_t i, n = 0;
	json_t *each;
	json_array_foreach (json_object_get(index, "manifests"), i, each) {
		const char *os = ff_json_text(each, "platform.os"), *go = ff_json_text(each, "platform.architecture");
		if (os && strcmp(os, "unknown") == 0)
			continue;
		const char *machine = machine_of(go);
		bool now = arch && machine && strcmp(machine, arch) == 0;
		n++;
		if (!chosen || (now && !fits)) {
			chosen = each;
			fits = now;
		}
	}
	*ret_others += n ? n - 1 : 0;
	return chosen;
}

static struct ff_error *plan_oci(const char *name, const char *arch, ff_image_document_fn *document, void *arg,
	json_t *index, struct ff_image_plan *plan)
{
	_cleanup_json_ json_t *at = json_incref(index);
	char blob[DIGEST_MAX] = "index.json", by[DIGEST_MAX];
	for (int depth = 0; !json_object_get(at, "layers"); depth++) {
		const json_t *next = choose(at, arch, &plan->others);
		const json_t *notes = json_object_get(next, "annotations");
		const char *tag = json_string_value(json_object_get(notes, "io.containerd.image.name"));
		if (!tag)
			tag = json_string_value(json_object_get(notes, "org.opencontainers.image.ref.name"));
		if (tag && !plan->tag)
			plan->tag = strdup(tag);
		memcpy(by, blob, sizeof(by));
		if (!next || depth == INDEXES_MAX || !blob_of(next, blob))
			return ff_error_create(FF_EFORMAT, "%s: %.120s leads to no image; %s", name, by, remedy);
		json_t *read = NULL;
		struct ff_error *err = document(arg, blob, &read);
		if (err)
			return err;
		if (!read)
			return missing(name, blob, by);
		json_decref(at);
		at = read;
	}
	memcpy(by, blob, sizeof(by));
	if (!blob_of(json_object_get(at, "config"), blob))
		return ff_error_create(FF_EFORMAT, "%s: %.120s names no configuration; %s", name, by, remedy);
	struct ff_error *err = document(arg, blob, &plan->config);
	if (!err && !plan->config)
		err = missing(name, blob, by);
	return err ? err : layers_of_oci(name, at, plan->layers);
}

static struct ff_error *plan_docker(
	const char *name, ff_image_document_fn *document, void *arg, const json_t *manifest, struct ff_image_plan *plan)
{
	const json_t *image = json_array_get(manifest, 0), *tags = json_object_get(image, "RepoTags");
	const char *config = ff_json_text(image, "Config"), *tag = json_string_value(json_array_get(tags, 0));
	size_t i;
	json_t *layer;
	if (!config)
		return ff_error_create(FF_EFORMAT, "%s: manifest.json names no image; %s", name, remedy);
	plan->others = json_array_size(manifest) - 1;
	plan->tag = tag ? strdup(tag) : NULL;
	json_array_foreach (json_object_get(image, "Layers"), i, layer) {
		if (i >= LAYERS_MAX || !json_is_string(layer))
			return ff_error_create(
				FF_EFORMAT, "%s: manifest.json: layer %zu is none; %s", name, i + 1, remedy);
		if (json_array_append(plan->layers, layer) < 0)
			return &ff_enomem;
	}
	struct ff_error *err = document(arg, config, &plan->config);
	return err || plan->config ? err : missing(name, config, "manifest.json");
}

struct ff_error *ff_image_plan(
	const char *name, const char *arch, ff_image_document_fn *document, void *arg, struct ff_image_plan *ret)
{
	_cleanup_image_plan_ struct ff_image_plan plan = {.kind = "docker archive", .layers = json_array()};
	_cleanup_json_ json_t *manifest = NULL, *index = NULL;
	if (!plan.layers)
		return &ff_enomem;
	struct ff_error *err = document(arg, "manifest.json", &manifest);
	if (!err && manifest) {
		err = plan_docker(name, document, arg, manifest, &plan);
	} else if (!err) {
		plan.kind = "OCI layout";
		err = document(arg, "index.json", &index);
		if (!err && !index)
			err = ff_error_create(FF_EABSENT, "%s: neither manifest.json nor index.json in it", name);
		if (!err)
			err = plan_oci(name, arch, document, arg, index, &plan);
	}
	if (err)
		return err;
	*ret = plan;
	plan = (struct ff_image_plan){0};
	return NULL;
}

static json_t *env_of(const json_t *list)
{
	json_t *env = json_object(), *each;
	size_t i;
	json_array_foreach (list, i, each) {
		const char *text = json_string_value(each), *equals = text ? strchr(text, '=') : NULL;
		_cleanup_free_ char *name = equals && equals != text ? strndup(text, (size_t)(equals - text)) : NULL;
		if (name) // jansson 2.13 has no json_object_setn_new()
			json_object_set_new(env, name, json_string(equals + 1));
	}
	return env;
}

// Words of a command line; NULL (left out) when it is none.
static json_t *words_of(const json_t *list)
{
	json_t *words = json_is_array(list) ? json_array() : NULL, *each;
	size_t i;
	json_array_foreach (list, i, each) {
		if (json_is_string(each) && i < WORDS_MAX)
			json_array_append(words, each);
	}
	return words;
}

static json_t *history_of(const json_t *list)
{
	json_t *steps = json_array(), *each;
	size_t i;
	json_array_foreach (list, i, each) {
		const char *step = ff_json_text(each, "created_by");
		if (step && i < HISTORY_MAX)
			json_array_append_new(steps, json_string(step));
	}
	return steps;
}

struct ff_error *ff_image_live_of(const json_t *config, json_t **ret)
{
	const json_t *run = json_object_get(config, "config");
	const char *machine = machine_of(ff_json_text(config, "architecture"));
	json_t *live = json_pack("{s:o, s:{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:o*, s:o*, s:o*, s:b, s:o}}", "env",
		env_of(json_object_get(run, "Env")), "image", "arch", machine, "os", ff_json_text(config, "os"),
		"created", ff_json_text(config, "created"), "user", ff_json_text(run, "User"), "working_dir",
		ff_json_text(run, "WorkingDir"), "stop_signal", ff_json_text(run, "StopSignal"), "entrypoint",
		words_of(json_object_get(run, "Entrypoint")), "cmd", words_of(json_object_get(run, "Cmd")),
		"healthcheck", words_of(ff_json_at(run, "Healthcheck.Test")), "configured", json_is_object(run),
		"history", history_of(json_object_get(config, "history")));
	if (!live)
		return &ff_enomem;
	if (machine)
		json_object_set_new(live, "uname", json_pack("{s:s}", "machine", machine));
	*ret = live;
	return NULL;
}
