// The facts of a start and the good start as log records.
//
//	firstfix.facts  {"torch.version": "2.6.0+cu124", ...}  firstfix.facts.hash=0a1b...
//	firstfix.start                                         firstfix.facts.hash=0a1b...
//
// The facts are those of the start-up report (reports/RUN.json). Ones that were sent from this state folder in the last
// day go by their hash alone: fleet-sent holds it and when, and a file that lies costs a few kilobytes.
#include "agent/export_fleet.h"

#include "agent/agent.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/safedir.h"
#include "emit/hashed.h"
#include "emit/redact.h"
#include "know/facts_flat.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

enum { REPORT_MAX = 8 << 20, SENT_MAX = 64, LOOK_MS = 1000, AGAIN_S = 86400 };

static const uint64_t s_ns = 1000000000, ms_ns = 1000000;

static struct ff_span fleet_key(void)
{
	const char *key = getenv("FIRSTFIX_FLEET_KEY");
	return ff_span_of(key && *key ? key : NULL);
}

struct ff_error *ff_export_hash_names(json_t *request)
{
	struct utsname name;
	struct ff_span key = fleet_key();
	if (!key.n)
		return NULL;
	return ff_hash_names_of(request, key, uname(&name) < 0 ? NULL : name.nodename);
}

// As they leave: flat, masked, names hashed.
static struct ff_error *facts_as_sent(const json_t *facts, json_t **ret)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	_cleanup_json_ json_t *flat = NULL;
	struct ff_error *err = ff_share(facts, &masked);
	if (!err)
		err = ff_facts_flat(ff_shareable_document(masked), &flat);
	if (!err)
		err = ff_export_hash_names(flat);
	if (!err)
		*ret = ff_take(&flat);
	return err;
}

void ff_export_facts_hash(const json_t *facts, char ret[17])
{
	_cleanup_json_ json_t *flat = NULL;
	ret[0] = '\0';
	struct ff_error *err = json_is_object(facts) ? facts_as_sent(facts, &flat) : NULL;
	if (!err && json_object_size(flat))
		ff_facts_flat_hash(flat, ret);
	ff_error_destroy(err);
}

static struct ff_error *read_own(const char *path, size_t max, struct ff_buf *ret)
{
	_cleanup_close_ int fd = -1;
	struct ff_error *err = ff_safe_file_open(path, &fd);
	return err ? err : ff_read_all(fd, path, max, ret);
}

// "0a1b2c3d4e5f6071 1764360000"
static bool was_sent(const char *path, const char *hash, uint64_t now_s)
{
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = read_own(path, SENT_MAX, &text);
	struct ff_span rest = {text.p, text.n}, sent = {0};
	uint64_t at = 0;
	bool known = !err && ff_span_next(&rest, ' ', &sent) && ff_span_eq(sent, hash) &&
		ff_span_u64(ff_span_trim(rest), &at) && at <= now_s && now_s - at < AGAIN_S;
	ff_error_destroy(err);
	return known;
}

static void note_sent(const char *path, const char *hash, uint64_t now_s)
{
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	char text[SENT_MAX];
	int n = snprintf(text, sizeof(text), "%s %llu\n", hash, (unsigned long long)now_s);
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, (size_t)n);
	if (!err)
		err = ff_new_file_commit(&file, 0600);
	ff_error_destroy(err); // then the facts go whole again
}

static struct ff_error *put(struct ff_export_batch *batch, json_t *record)
{
	batch->n += record != NULL;
	return record && json_array_append_new(batch->records[FF_SIGNAL_LOGS], record) == 0 ? NULL : &ff_enomem;
}

static struct ff_error *tell_facts(struct ff_export_fleet *fleet, const struct ff_export_state *st, const char *dir,
	const char *run, const json_t *facts, struct ff_export_batch *batch)
{
	char path[PATH_MAX];
	_cleanup_json_ json_t *flat = NULL;
	json_t *attributes;
	const char *taken = ff_json_text(facts, "taken_at");
	uint64_t now_s = ff_clock_epoch_ns() / s_ns;
	struct ff_export_log log = {.event = "firstfix.facts", .kind = "facts", .of = run};
	struct ff_error *err = facts_as_sent(facts, &flat);
	fleet->facts_told = true;
	if (err || !json_object_size(flat) || !taken || !ff_clock_parse(taken, &log.at_ns) ||
		snprintf(path, sizeof(path), "%s/fleet-sent", dir) >= (int)sizeof(path))
		return err;
	ff_facts_flat_hash(flat, log.facts_hash);
	snprintf(fleet->hash, sizeof(fleet->hash), "%s", log.facts_hash);
	snprintf(fleet->taken, sizeof(fleet->taken), "%s", taken);
	bool whole = !was_sent(path, log.facts_hash, now_s);
	_cleanup_free_ char *body = whole ? json_dumps(flat, JSON_COMPACT) : NULL;
	log.body = body;
	err = whole && !body ? &ff_enomem : put(batch, ff_export_log(st, &log, &attributes));
	if (!err && whole)
		note_sent(path, log.facts_hash, now_s);
	return err;
}

static struct ff_error *look_for_facts(struct ff_export_fleet *fleet, const struct ff_export_state *st, const char *dir,
	const char *run, struct ff_export_batch *batch)
{
	char path[PATH_MAX];
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_json_ json_t *facts = NULL;
	if (strchr(run, '/') || snprintf(path, sizeof(path), "%s/reports/%s.json", dir, run) >= (int)sizeof(path))
		return NULL;
	struct ff_error *err = read_own(path, REPORT_MAX, &text);
	if (!err)
		err = ff_json_parse(path, text.n ? text.p : "", text.n, &facts);
	if (!err)
		return tell_facts(fleet, st, dir, run, facts, batch);
	ff_error_destroy(err); // it is not there yet, or is being written
	return NULL;
}

static struct ff_error *look_for_start(struct ff_export_fleet *fleet, const struct ff_export_state *st, const char *dir,
	const char *run, struct ff_export_batch *batch)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *good = NULL;
	json_t *attributes;
	struct ff_export_log log = {
		.event = "firstfix.start", .kind = "start", .of = run, .at_ns = ff_clock_epoch_ns()};
	struct ff_error *err = ff_store_open(dir, true, &store);
	if (!err)
		err = ff_store_get_good(store, NULL, &good);
	const char *taken = err ? NULL : ff_json_text(good, "taken_at");
	ff_error_destroy(err); // no worker has had a good start here
	if (!taken || strcmp(taken, fleet->taken) != 0)
		return NULL;
	fleet->start_told = true;
	snprintf(log.facts_hash, sizeof(log.facts_hash), "%s", fleet->hash);
	return put(batch, ff_export_log(st, &log, &attributes));
}

struct ff_error *ff_export_fleet_look(struct ff_export_fleet *fleet, const struct ff_export_state *st, const char *dir,
	const char *run, struct ff_export_batch *batch)
{
	uint64_t now = ff_clock_ns();
	if ((fleet->facts_told && (fleet->start_told || !fleet->hash[0])) || now < fleet->look_ns)
		return NULL;
	fleet->look_ns = now + LOOK_MS * ms_ns;
	return fleet->facts_told ? look_for_start(fleet, st, dir, run, batch)
				 : look_for_facts(fleet, st, dir, run, batch);
}
