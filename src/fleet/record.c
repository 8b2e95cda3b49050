// What a record must be to be taken. A worker may be broken, of another version, or hostile: a fingerprint is 16
// digits, names are short, and nobody sends more facts than a report has.
#include "fleet/record.h"

#include "base/str.h"
#include "know/facts_flat.h"

#include <ctype.h>

enum { NAME_MAX_BYTES = 256, WORD_MAX_BYTES = 64, COUNT_MAX = 1000000000 };

static bool is_hash(const char *text)
{
	return text && strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static bool is_name(const char *text, size_t max)
{
	if (!text || !*text || strlen(text) > max)
		return false;
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return false;
	return true;
}

static bool is_word(const char *text)
{
	return is_name(text, WORD_MAX_BYTES) && text[strcspn(text, " \t\"'<>&")] == '\0';
}

bool ff_fleet_facts_of(const json_t *flat, struct ff_fleet_facts *ret)
{
	const char *key;
	json_t *value;
	ret->n = 0;
	if (!json_is_object(flat) || json_object_size(flat) > FF_FLAT_FACTS)
		return false;
	json_object_foreach ((json_t *)flat, key, value) {
		if (!json_is_string(value))
			return false;
		ret->rows[ret->n++] = (struct ff_flat_member){key, json_string_value(value)};
	}
	return ret->n > 0;
}

static bool are_good(const struct ff_fleet_facts *facts)
{
	for (size_t i = 0; i < facts->n; i++)
		if (!is_name(facts->rows[i].key, FF_FLAT_KEY) || strlen(facts->rows[i].value) > FF_FLAT_VALUE * 2)
			return false;
	return facts->n > 0;
}

static bool fields_are_good(const struct ff_fleet_record *r)
{
	if ((r->hash && !is_hash(r->hash)) || (r->host && !is_name(r->host, NAME_MAX_BYTES)) ||
		(r->fleet && !is_name(r->fleet, NAME_MAX_BYTES)) || !r->at_ms)
		return false;
	if (r->kind != FF_FLEET_INCIDENT)
		return r->hash != NULL;
	return is_hash(r->fingerprint) && is_name(r->incident, NAME_MAX_BYTES) && (!r->cause || is_word(r->cause)) &&
		r->count >= 1 && r->count <= COUNT_MAX;
}

struct ff_error *ff_fleet_offer(const struct ff_fleet_sink *sink, const struct ff_fleet_record *record)
{
	uint64_t *why = NULL;
	if (!is_name(record->worker, NAME_MAX_BYTES))
		why = &sink->counts->refused_worker;
	else if (!fields_are_good(record))
		why = &sink->counts->refused_fields;
	else if (record->facts && !are_good(record->facts))
		why = &sink->counts->refused_facts;
	if (!why)
		return sink->take(sink->to, record);
	++*why;
	return NULL;
}
