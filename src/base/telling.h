// Whether a name tells that its value is a secret, and whether a value looks like one. Pure functions of text.
#pragma once

#include "base/str.h"

/** How much a name tells. */
enum ff_telling {
	FF_TELLS_NOTHING,
	FF_TELLS_MAYBE, /**< KEY, AUTH, a bare "token": the value must look random */
	FF_TELLS,	/**< PASSWORD, HF_TOKEN, api_key: whatever the value is */
};

/** Names of variables, options, keys: split at _ - . and at case changes, the last word decides.
    MAX_TOKENS, EOS_TOKEN, TOKENIZERS_PARALLELISM and HF_TOKEN_PATH tell nothing. */
enum ff_telling ff_telling_name(struct ff_span name);

/** Digits, capitals and small letters mixed as no word or path mixes them; 16 characters or more. */
bool ff_telling_random(struct ff_span value);

/** The name of a content or a thing (git, sha256, md5, UUID): random, and no secret where nothing says so. */
bool ff_telling_digest(struct ff_span value);

/** Nothing to hide: empty, a truth value, a small number, <your token>, ${VAR}, ***, "not set", masked already. */
bool ff_telling_placeholder(struct ff_span value);

/** Words, numbers, paths and lists of them, as settings have: nothing in it looks made by a generator. */
bool ff_telling_plain(struct ff_span value);

/** A piece of program text as tracebacks quote it, no value: self.token, kwargs.pop(, use_auth_token. */
bool ff_telling_code(struct ff_span value);

/** What a value that a pattern of rules/data/secrets.tsv matched must be besides. */
enum ff_secret_check { FF_SECRET_ANY, FF_SECRET_RANDOM, FF_SECRET_OPAQUE, FF_SECRET_NAMED };

/** The check that the table's word for it means. */
enum ff_secret_check ff_secret_check_of(struct ff_span word);

/** True when the value is to be masked. `name` counts for FF_SECRET_NAMED; `quoted`: a quote stands before the
    value. */
bool ff_secret_passes(enum ff_secret_check check, struct ff_span name, struct ff_span value, bool quoted);

/** The whole judgement: this name with this value is a secret. */
bool ff_telling_secret(struct ff_span name, struct ff_span value);
