// Command lines for people and for keys.
//
//	python handler.py --say 'it'\''s on'
#include "supervise/quote.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t quote(char *to, size_t room, const char *word)
{
	static const char plain_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
	bool plain = *word && !word[strspn(word, plain_letters)];
	size_t n = 0;
	if (!plain && n + 1 < room)
		to[n++] = '\'';
	for (const char *c = word; *c && n + 6 < room; c++) {
		if (*c == '\'') {
			for (const char *e = "'\\''"; *e; e++)
				to[n++] = *e;
		} else {
			to[n++] = *c;
		}
	}
	if (!plain && n + 1 < room)
		to[n++] = '\'';
	return n;
}

void quote_command(char *const argv[], size_t n, char *ret)
{
	size_t at = 0;
	for (int i = 0; argv[i] && at + 8 < n; i++) {
		if (i)
			ret[at++] = ' ';
		at += quote(ret + at, n - at - 1, argv[i]);
	}
	ret[at] = '\0';
}

// FNV-1a over the words with their terminating zeros.
static uint64_t mix(uint64_t hash, const char *word)
{
	do
		hash = (hash ^ (unsigned char)*word) * UINT64_C(0x100000001b3);
	while (*word++);
	return hash;
}

void command_key(char *const argv[], const char *cwd, char ret[17])
{
	uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), cwd);
	for (int i = 0; argv[i]; i++)
		hash = mix(hash, argv[i]);
	snprintf(ret, 17, "%016" PRIx64, hash);
}
