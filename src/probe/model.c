// model: where models are cached, what lies there, whether a Hugging Face token is there (never the token).
//
//	{"model": {"cache": {"path": "/runpod-volume/huggingface/hub", "because": "HF_HOME", "exists": true},
//	           "token": {"present": true, "from": "HF_TOKEN"},
//	           "repos": [{"name": "mistralai/Mixtral-8x7B-v0.1", "type": "model", "revisions": 1, "incomplete": 2, "weights": 93405585408,
//	                      "config": {"type": "mixtral", "layers": 32, ...}}]}}
//
// A download that broke off leaves blobs/*.incomplete; a clean-up of blobs leaves links into nothing ("gone": their
// names). The cache may lie on a network mount.
#include "host/hub_cache.h"
#include "probe/model_folder.h"
#include "probe/python_find.h"

enum { REPOS_MAX = 64, NAMES_MAX = 65536, GONE_MAX = 8 };

static void put_cache(struct ff_probe_ctx *ctx, const char *fact, const struct ff_hub_cache *cache)
{
	json_t *entry = json_object();
	json_object_set_new(entry, "path", ff_json_string(cache->path, strlen(cache->path)));
	json_object_set_new(entry, "because", json_string(cache->because));
	json_object_set_new(entry, "exists", json_boolean(ff_host_mode_is(ctx->host, cache->path, S_IFDIR)));
	ff_fact(ctx, fact, entry);
}

static bool is_filled(struct ff_probe_ctx *ctx, const char *path)
{
	struct stat st;
	_cleanup_error_ struct ff_error *err = path ? ff_host_stat(ctx->host, path, &st) : &ff_enomem;
	return !err && S_ISREG(st.st_mode) && st.st_size > 0;
}

static void put_token(struct ff_probe_ctx *ctx)
{
	const char *from = ff_hub_token_variable(ctx->host);
	_cleanup_free_ char *file = ff_hub_token_file(ctx->host);
	if (!from && is_filled(ctx, file))
		from = "file";
	ff_fact_bool(ctx, "model.token.present", from != NULL);
	ff_fact_text(ctx, "model.token.from", from);
}

static size_t count_names(struct ff_probe_ctx *ctx, const char *folder, const char *ending, struct ff_names *ret)
{
	size_t n = 0;
	_cleanup_error_ struct ff_error *err = folder ? ff_host_list(ctx->host, folder, NAMES_MAX, ret) : &ff_enomem;
	for (size_t i = 0; !err && i < ret->n; i++)
		n += ff_ends(ret->names[i], ending);
	return n;
}

// Names of a snapshot that lead nowhere.
static json_t *links_to_nothing(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names)
{
	json_t *list = json_array();
	for (size_t i = 0; i < names->n && json_array_size(list) < GONE_MAX; i++) {
		struct stat st;
		_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, names->names[i]);
		_cleanup_error_ struct ff_error *err = path ? ff_host_stat(ctx->host, path, &st) : &ff_enomem;
		if (err && err->code == FF_EABSENT)
			json_array_append_new(list, ff_json_string(names->names[i], strlen(names->names[i])));
	}
	return list;
}

static void put_snapshot(struct ff_probe_ctx *ctx, const char *folder, json_t *entry)
{
	_cleanup_names_ struct ff_names names = {0};
	json_t *config = ff_model_config(ctx, folder, "model.repos");
	if (config)
		json_object_set_new(entry, "config", config);
	_cleanup_error_ struct ff_error *gone = ff_host_list(ctx->host, folder, NAMES_MAX, &names);
	if (gone)
		return;
	_cleanup_json_ json_t *lost = links_to_nothing(ctx, folder, &names);
	if (json_array_size(lost))
		json_object_set(entry, "gone", lost);
	uint64_t weights = ff_model_weights(ctx, folder, &names);
	if (weights && weights <= INT64_MAX)
		json_object_set_new(entry, "weights", json_integer((json_int_t)weights));
	struct ff_model_count count = {0};
	_cleanup_json_ json_t *damage = ff_model_damage(ctx, folder, &names, &count);
	_cleanup_json_ json_t *missing = ff_model_missing(&names), *tensors = ff_model_tensors_json(&count);
	if (json_array_size(missing))
		json_object_set(entry, "missing", missing);
	else if (tensors)
		json_object_set(entry, "tensors", tensors);
	if (!json_array_size(damage))
		return;
	json_object_set(entry, "damaged", damage);
	json_object_set_new(entry, "path", ff_json_string(folder, strlen(folder)));
}

// "models--mistralai--Mixtral-8x7B-v0.1": type and name.
static json_t *repo_entry(struct ff_probe_ctx *ctx, const char *cache, const char *folder)
{
	_cleanup_free_ char *repo = ff_path_printf("%s/%s", cache, folder);
	_cleanup_free_ char *snapshots = repo ? ff_path_printf("%s/snapshots", repo) : NULL;
	_cleanup_free_ char *blobs = repo ? ff_path_printf("%s/blobs", repo) : NULL;
	_cleanup_names_ struct ff_names revisions = {0}, files = {0};
	_cleanup_buf_ struct ff_buf name = {0};
	const char *dashes = strstr(folder, "s--");
	for (const char *c = dashes + strlen("s--"); *c; c++) {
		bool is_slash = c[0] == '-' && c[1] == '-';
		ff_buf_char(&name, is_slash ? '/' : *c);
		c += is_slash;
	}
	json_t *entry = json_object();
	size_t incomplete = count_names(ctx, blobs, ".incomplete", &files);
	size_t n = count_names(ctx, snapshots, "", &revisions);
	json_object_set_new(entry, "name", ff_json_string(name.p ? name.p : "", name.n));
	json_object_set_new(entry, "type", ff_json_string(folder, (size_t)(dashes - folder)));
	json_object_set_new(entry, "revisions", json_integer((json_int_t)n));
	json_object_set_new(entry, "incomplete", json_integer((json_int_t)incomplete));
	_cleanup_free_ char *newest =
		n && snapshots ? ff_path_printf("%s/%s", snapshots, revisions.names[n - 1]) : NULL;
	if (newest)
		put_snapshot(ctx, newest, entry);
	return entry;
}

static bool is_repo(const char *name)
{
	return ff_starts(name, "models--") || ff_starts(name, "datasets--") || ff_starts(name, "spaces--");
}

// In a cache that may be written to: a part that may not, as a shell of another user left it.
static void put_closed(struct ff_probe_ctx *ctx, const char *cache, const char *name)
{
	bool whole = false, part = true;
	_cleanup_free_ char *path = ff_path_printf("%s/%s", cache, name);
	_cleanup_error_ struct ff_error *err = path && ff_host_mode_is(ctx->host, path, S_IFDIR)
		? ff_host_writable(ctx->host, path, &part)
		: &ff_enomem;
	_cleanup_error_ struct ff_error *unknown =
		err || part ? &ff_enomem : ff_host_writable(ctx->host, cache, &whole);
	if (!unknown && whole)
		ff_fact_text(ctx, "model.closed", path);
}

static void put_repos(struct ff_probe_ctx *ctx, const char *cache)
{
	_cleanup_names_ struct ff_names names = {0};
	ff_step(ctx, cache);
	struct ff_error *err = ff_host_list(ctx->host, cache, NAMES_MAX, &names);
	if (err && err->code == FF_EABSENT) {
		ff_error_destroy(err);
		return;
	}
	if (err) {
		ff_miss(ctx, "model.repos", err);
		return;
	}
	size_t n = 0;
	put_closed(ctx, cache, ".locks");
	for (size_t i = 0; i < names.n && n <= REPOS_MAX; i++) {
		if (!is_repo(names.names[i]))
			continue;
		if (!ff_json_at(ctx->facts, "model.closed"))
			put_closed(ctx, cache, names.names[i]);
		if (n++ < REPOS_MAX)
			ff_fact_append(ctx, "model.repos", repo_entry(ctx, cache, names.names[i]));
	}
	if (n > REPOS_MAX)
		ff_miss(ctx, "model.repos",
			ff_error_create(
				FF_ELIMIT, "%s: more than %d repositories; the rest is left out", cache, REPOS_MAX));
}

void ff_probe_model(struct ff_probe_ctx *ctx)
{
	struct ff_hub_cache hub = ff_hub_cache(ctx->host), own = ff_hub_cache_of_transformers(ctx->host);
	put_token(ctx);
	if (hub.path) {
		ff_step(ctx, hub.path);
		put_cache(ctx, "model.cache", &hub);
		put_repos(ctx, hub.path);
	}
	if (own.path) {
		put_cache(ctx, "model.transformers_cache", &own);
		if (!hub.path || strcmp(hub.path, own.path) != 0)
			put_repos(ctx, own.path);
	}
	free(hub.path);
	free(own.path);
}
