// Asking an agent: how the commands that do so find it and who they are, in one frame.
#pragma once

#include "cli/http_get.h"
#include "cli/options.h"

#include "host/gnutls.h"

enum { FF_AGENT_URL_MAX = 320 };

/** Options of a command that asks an agent, and what comes of them. */
struct ff_ask {
	const char *dir, *ca, *certificate, *key;
	char url[FF_AGENT_URL_MAX]; /**< without a / at its end */
	char pin[FF_TLS_PIN_LEN];   /**< of the agent's certificate, "" where it was not found in the state folder */
};

#define FF_ASK_OPTIONS(ask)                                                                                          \
	{"client-cert", 0, FF_OPT_TEXT, "FILE", "show this certificate (PEM; also FIRSTFIX_CLIENT_CERT)",            \
		&(ask).certificate},                                                                                 \
		{"client-key", 0, FF_OPT_TEXT, "FILE", "its key (PEM; also FIRSTFIX_CLIENT_KEY)", &(ask).key},       \
		FF_DIR_OPTION((ask).dir),                                                                            \
	{                                                                                                            \
		"tls-ca", 0, FF_OPT_TEXT, "FILE",                                                                    \
			"authorities of the agent's certificate (PEM; also FIRSTFIX_TLS_CA; default: the system's)", \
			&(ask).ca                                                                                    \
	}

#define FF_ASK_OPERANDS "[URL]"
#define FF_ASK_WHO                                                                                                 \
	"FIRSTFIX_TOKEN is the bearer token. Of an agent that was found in the state folder its own certificate\n" \
	"is trusted."

/** Parse the command line of a command with FF_ASK_OPTIONS; then ask->url names the agent: "" where none was given and
    none runs with the state folder. What http_get.h takes from the environment is put there. */
struct ff_parsed ff_ask_parse(const struct ff_usage *usage, int argc, char **argv, struct ff_ask *ask);
