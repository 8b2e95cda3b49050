// Environment variables that change what a GPU worker does (rules/data/env_vars.tsv): what they are for, whether they
// are well-formed, deprecated, or ignored by the versions that are installed.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** A row of the table; spans point into the program. */
struct ff_env_var {
	struct ff_span name; /**< without the * of a prefix */
	struct ff_span owner, values, replaced_by, gone_in, what;
	bool secret;
	bool prefix; /**< the row covers every name that begins so */
};

/** The row for a variable: a full name wins over a prefix, a longer prefix over a shorter one. False: no business of
    ours. */
bool ff_env_var_find(struct ff_span name, struct ff_env_var *ret);

/** Why a value is malformed for its variable ("a whole number is wanted"), or NULL. An empty value is not judged. */
const char *ff_env_value_bad(const struct ff_env_var *var, struct ff_span value);

/** True when the value is the absolute path of a file or folder that the variable's readers do not make themselves. */
bool ff_env_value_must_exist(const struct ff_env_var *var, struct ff_span value);

/** True when the value is the absolute path of one folder, whether or not its readers make it. */
bool ff_env_value_is_folder(const struct ff_env_var *var, struct ff_span value);

/** What is odd about an environment: [{"name", "kind": "deprecated|malformed|ignored|empty|absent", "text"}]. `env`
    holds strings, or objects for masked ones; `packages` is python.packages, or NULL when not known; `absent` lists
    variables whose path does not exist, or is NULL. Never quotes a secret's value. */
struct ff_error *ff_env_notes(const json_t *env, const json_t *packages, const json_t *absent, json_t **ret);
