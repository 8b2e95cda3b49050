// SHA-256 and HMAC over it (FIPS 180-4, RFC 2104), for names that leave as keyed hashes.
#pragma once

#include "base/str.h"

enum { FF_SHA256 = 32 };

void ff_sha256(struct ff_span text, unsigned char ret[FF_SHA256]);
void ff_hmac_sha256(struct ff_span key, struct ff_span text, unsigned char ret[FF_SHA256]);
