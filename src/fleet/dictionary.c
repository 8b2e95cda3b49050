// The numbers of keys and pairs.
//
// How the source lies: a key may hold a request's id, and so a value of its own for each worker and start. After
// FF_FLEET_VALUES different ones a key takes no more; what it drops is counted at the key. Names of hosts are as many
// as there are hosts. Where every key does so, all keys together take FF_FLEET_PAIRS.
//
// The cache is a table of open addressing over whole texts, so that no choice of texts makes two the same; when it is
// full it is emptied.
#include "fleet/dictionary.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "know/facts_flat.h"

#include <string.h>

enum { SLOTS = 1 << 19, FULL = SLOTS / 2, ROOM = 64 << 20 };

struct slot {
	uint32_t text, id; // where in `texts` it stands, plus one; id 0: dropped
	uint32_t key;	   // 0: the slot is of a key
	uint32_t hash;
};

// Of a key, by its number: in which set it came last, and the slot of the key that followed it then. Workers of a kind
// send their facts in one order, so that slot is mostly the right one and nothing needs to be looked for.
struct key {
	uint32_t set, next;
};

struct ff_dictionary {
	struct slot *slots;
	struct key *keys;
	uint32_t set, before; // the key before this one in the set
	size_t used;
	struct ff_buf texts;
};

struct ff_error *ff_dictionary_create(struct ff_dictionary **ret)
{
	struct ff_dictionary *d = calloc(1, sizeof(*d));
	if (d)
		d->slots = calloc(SLOTS, sizeof(*d->slots));
	if (d)
		d->keys = calloc(FF_FLEET_KEYS + 1, sizeof(*d->keys));
	if (!d || !d->slots || !d->keys) {
		ff_dictionary_destroy(d);
		return &ff_enomem;
	}
	*ret = d;
	return NULL;
}

void ff_dictionary_destroy(struct ff_dictionary *d)
{
	if (!d)
		return;
	ff_buf_deinit(&d->texts);
	free(d->slots);
	free(d->keys);
	free(d);
}

void ff_dictionary_begin(struct ff_dictionary *d)
{
	d->set++;
	d->before = 0;
}

static struct slot *find(struct ff_dictionary *d, uint32_t key, const char *text, uint32_t *ret_hash)
{
	uint64_t h = ff_hash(ff_span_of(text), false) + key * 0x9e3779b97f4a7c15u;
	uint32_t hash = (uint32_t)(h ^ h >> 32);
	*ret_hash = hash;
	for (uint32_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
		struct slot *s = &d->slots[i];
		if (!s->text)
			return s;
		if (s->hash == hash && s->key == key && strcmp(d->texts.p + s->text - 1, text) == 0)
			return s;
	}
}

static struct ff_error *keep(struct ff_dictionary *d, uint32_t key, const char *text, uint32_t id)
{
	uint32_t hash;
	if (d->used >= FULL || d->texts.n > ROOM) {
		memset(d->slots, 0, SLOTS * sizeof(*d->slots));
		d->texts.n = 0;
		d->used = 0;
	}
	struct slot *s = find(d, key, text, &hash);
	*s = (struct slot){.text = (uint32_t)d->texts.n + 1, .id = id, .key = key, .hash = hash};
	d->used++;
	ff_buf_add(&d->texts, text, strlen(text) + 1);
	return d->texts.failed ? &ff_enomem : NULL;
}

// Runs a kept statement with a number and a text; *ret is the first column of its row, 0 where there is none.
static struct ff_error *ask(struct ff_fleet *fleet, const char *sql, int64_t number, const char *text, int64_t *ret)
{
	sqlite3_stmt *stmt;
	bool row = false;
	struct ff_error *err = ff_fleet_statement(fleet, sql, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, number);
	if (text)
		sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
	err = ff_sql_step(ff_fleet_sql(fleet), ff_fleet_path(fleet), stmt, &row);
	*ret = row ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_reset(stmt);
	return err;
}

static struct ff_error *key_id(struct ff_dictionary *d, struct ff_fleet *fleet, const char *key, uint32_t *ret)
{
	static const char known[] = "select id from fact_key where ?1 = ?1 and name = ?2",
			  make[] = "insert into fact_key(name) select ?2 where (select count(*) from fact_key) < ?1";
	uint32_t hash;
	struct key *before = &d->keys[d->before];
	struct slot *s = &d->slots[before->next];
	int64_t id = 0, nothing;
	if (!s->text || s->key || strcmp(d->texts.p + s->text - 1, key) != 0)
		s = find(d, 0, key, &hash);
	before->next = (uint32_t)(s - d->slots);
	*ret = s->id;
	if (s->text)
		return NULL;
	struct ff_error *err = ask(fleet, known, 0, key, &id);
	if (!err && !id) {
		err = ask(fleet, make, FF_FLEET_KEYS, key, &nothing);
		if (!err)
			err = ask(fleet, known, 0, key, &id);
	}
	id = id <= FF_FLEET_KEYS ? id : 0; // of a database that is not our making
	*ret = (uint32_t)id;
	return err ? err : keep(d, 0, key, (uint32_t)id);
}

// Keys that name a machine have as many values as there are machines.
static int64_t most_values(const char *key)
{
	static const char *const names[] = {"host.name", "k8s.node.name"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], key) == 0)
			return FF_FLEET_VALUES_NAMES;
	return FF_FLEET_VALUES;
}

static struct ff_error *make_pair(
	struct ff_fleet *fleet, const char *key, uint32_t key_number, const char *value, int64_t *ret)
{
	static const char count[] = "select n from fact_key where id = ?1",
			  make[] = "insert into pair(key, value) select ?1, ?2 where"
				   " (select coalesce(max(id), 0) from pair) < " FF_FLEET_PAIRS,
			  more[] = "update fact_key set n = n + 1 where id = ?1",
			  drop[] = "update fact_key set dropped = dropped + 1 where id = ?1";
	int64_t n = 0, nothing;
	struct ff_error *err = ask(fleet, count, key_number, NULL, &n);
	if (err)
		return err;
	if (n >= most_values(key))
		return ask(fleet, drop, key_number, NULL, &nothing);
	err = ask(fleet, make, key_number, value, &nothing);
	if (!err && !sqlite3_changes(ff_fleet_sql(fleet)))
		return ask(fleet, drop, key_number, NULL, &nothing);
	*ret = err ? 0 : sqlite3_last_insert_rowid(ff_fleet_sql(fleet));
	return err ? err : ask(fleet, more, key_number, NULL, &nothing);
}

struct ff_error *ff_dictionary_pair(struct ff_dictionary *d, struct ff_fleet *fleet, const char *key, const char *value,
	struct ff_fleet_counts *counts, uint32_t *ret)
{
	static const char known[] = "select id from pair where key = ?1 and value = ?2";
	uint32_t key_number = 0, hash;
	int64_t id = 0;
	*ret = 0;
	struct ff_error *err = key_id(d, fleet, key, &key_number);
	if (err || !key_number) {
		counts->keys_dropped += !err;
		return err;
	}
	if (d->keys[key_number].set == d->set) {
		counts->contradicting++;
		return NULL;
	}
	d->keys[key_number].set = d->set;
	d->before = key_number;
	const struct slot *s = find(d, key_number, value, &hash);
	if (s->text) {
		*ret = s->id;
		return NULL;
	}
	err = ask(fleet, known, key_number, value, &id);
	if (!err && !id)
		err = make_pair(fleet, key, key_number, value, &id);
	if (err)
		return err;
	*ret = (uint32_t)id;
	if (!id) { // not kept: of a billion of them none comes again
		counts->values_dropped++;
		return NULL;
	}
	return keep(d, key_number, value, (uint32_t)id);
}
