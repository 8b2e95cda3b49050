// Where the hub's libraries (huggingface_hub, transformers) keep models and the token, by the worker's environment.
#pragma once

#include "host/host.h"

struct ff_hub_cache {
	char *path;	     /**< freed by the caller; NULL: nowhere */
	const char *because; /**< the variable that decides */
};

/** The hub's cache: a folder of models--OWNER--NAME. */
struct ff_hub_cache ff_hub_cache(const struct ff_host *host);

/** What transformers 4 uses in its place where its own variable is set; else no path. */
struct ff_hub_cache ff_hub_cache_of_transformers(const struct ff_host *host);

/** The variable that holds a token; NULL when none is set. The token itself is the caller's to keep from sight. */
const char *ff_hub_token_variable(const struct ff_host *host);

/** The file that `hf auth login` writes the token to; freed by the caller, NULL: nowhere. */
char *ff_hub_token_file(const struct ff_host *host);
