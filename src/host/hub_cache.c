// HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, else hub/ below HF_HOME, $XDG_CACHE_HOME/huggingface, ~/.cache/huggingface; as
// huggingface_hub's constants.py. transformers before 5 looks into TRANSFORMERS_CACHE instead when that is set, so
// files downloaded by one are not seen by the other.
//
//	HF_HOME=/runpod-volume/huggingface  ->  /runpod-volume/huggingface/hub
#include "host/hub_cache.h"

#include <stdlib.h>

static const char *variable(const struct ff_host *host, const char *name)
{
	const char *value = ff_host_getenv(host, name);
	return value && *value ? value : NULL;
}

static char *joined(const char *folder, const char *below)
{
	_cleanup_buf_ struct ff_buf path = {0};
	char *ret = NULL;
	ff_buf_printf(&path, "%s%s", folder, below);
	_cleanup_error_ struct ff_error *err = ff_buf_finish(&path, &ret);
	return err ? NULL : ret;
}

static char *home_of(const struct ff_host *host, const char **ret_because)
{
	static const struct {
		const char *name, *below;
	} places[] = {{"HF_HOME", ""}, {"XDG_CACHE_HOME", "/huggingface"}, {"HOME", "/.cache/huggingface"}};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *value = variable(host, places[i].name);
		*ret_because = places[i].name;
		if (value)
			return joined(value, places[i].below);
	}
	return NULL;
}

static struct ff_hub_cache first_set(const struct ff_host *host, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = variable(host, names[i]);
		if (value)
			return (struct ff_hub_cache){strdup(value), names[i]};
	}
	return (struct ff_hub_cache){NULL, NULL};
}

struct ff_hub_cache ff_hub_cache(const struct ff_host *host)
{
	static const char *const names[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"};
	struct ff_hub_cache cache = first_set(host, names, sizeof(names) / sizeof(names[0]));
	if (cache.because)
		return cache;
	_cleanup_free_ char *home = home_of(host, &cache.because);
	cache.path = home ? joined(home, "/hub") : NULL;
	return cache;
}

struct ff_hub_cache ff_hub_cache_of_transformers(const struct ff_host *host)
{
	static const char *const names[] = {
		"TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE"};
	return first_set(host, names, sizeof(names) / sizeof(names[0]));
}

const char *ff_hub_token_variable(const struct ff_host *host)
{
	static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (variable(host, names[i]))
			return names[i];
	return NULL;
}

char *ff_hub_token_file(const struct ff_host *host)
{
	const char *set = variable(host, "HF_TOKEN_PATH"), *because;
	_cleanup_free_ char *home = home_of(host, &because);
	return set ? strdup(set) : home ? joined(home, "/token") : NULL;
}
