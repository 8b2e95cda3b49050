// Who may ask: pure functions over the headers of a request.
#pragma once

#include "base/str.h"

/** What a gate knows of a server. */
struct ff_gate {
	const char *token; /**< NULL: none is wanted */
	bool mutual;	   /**< a certificate will do as well, or is wanted where there is no token */
	char machine[256]; /**< its own host name */
};

/** The headers that are looked at, NULL where missing. */
struct ff_gate_request {
	const char *host, *origin, *authorization, *fetch_site;
};

/** Why a request is refused: NULL, it is not. A name in Host that is not ours is how a web page reaches a server on
    loopback by a name that it made resolve to 127.0.0.1; where a token or a certificate is wanted any name will do. */
const char *ff_gate_refuses(const struct ff_gate *gate, const struct ff_gate_request *r);

/** True when neither token nor certificate is wanted, or the right token was shown; takes the same time for every
    wrong one. */
bool ff_gate_trusts(const struct ff_gate *gate, const char *authorization);

/** Split "HOST:PORT", "[V6]:PORT", ":PORT" or "PORT" into a terminated host ("127.0.0.1" where none stands) and a
    port. */
bool ff_gate_address(const char *text, char ret_host[256], char ret_port[8]);

/** An address that only this machine reaches: 127.0.0.0/8, ::1, localhost. */
bool ff_gate_is_loopback(const char *host);
