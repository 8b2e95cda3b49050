// Fleets made up with a cause that is known, and whether it is the first that `fleet explain` names.
//
//	fleet-simulation [--fleets N] [--seed N] [-v]
//
// A worker has 70 facts: a driver and a kernel of many versions, an image whose tag decides the releases of ten
// packages (on one worker in twenty not), a host of about eight workers, variables that some have, and others of two
// to six values. The cause is a value, two together, a driver below a release, one host, or none. Not every worker with
// the cause fails, a few fail without it, and in half of the fleets 30 % of all facts are missing.
#include "base/str.h"
#include "fleet/database.h"
#include "fleet/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN = 48, PACKAGES = 10, VARIABLES = 8, DRIVERS = 12, KERNELS = 6, TAGS = 9, HOST_SIZE = 8 };
enum kind { SINGLE, PAIR, THRESHOLD, HOST, NONE, KINDS };
static const char *const kinds[] = {"single", "pair", "threshold", "host", "none"};

static uint64_t state;

static double chance(void)
{
	state += 0x9e3779b97f4a7c15u;
	uint64_t z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static int below(int n)
{
	return (int)(chance() * n);
}

struct simulation {
	enum kind kind;
	int workers, values[PLAIN], cut, host, cause[2], value[2];
	double penetrance, background, missing, skew[PLAIN];
	char planted[200];
};

static const int drivers[DRIVERS][3] = {{525, 60, 13}, {525, 147, 5}, {535, 54, 3}, {535, 104, 5}, {535, 183, 6},
	{550, 54, 14}, {550, 90, 7}, {550, 127, 5}, {560, 35, 3}, {565, 57, 1}, {570, 86, 10}, {575, 51, 3}};

static void plant(struct simulation *s)
{
	const int *d = drivers[s->cut];
	for (int i = 0; i < 2; i++) {
		do
			s->cause[i] = below(PLAIN);
		while (i && s->cause[1] == s->cause[0]);
		s->value[i] = below(s->values[s->cause[i]]);
	}
	int first = s->cause[0] < s->cause[1] ? 0 : 1;
	if (s->kind == SINGLE)
		snprintf(s->planted, sizeof(s->planted), "plain.%02d = v%d", s->cause[0], s->value[0]);
	else if (s->kind == PAIR)
		snprintf(s->planted, sizeof(s->planted), "plain.%02d = v%d and plain.%02d = v%d", s->cause[first],
			s->value[first], s->cause[!first], s->value[!first]);
	else if (s->kind == THRESHOLD)
		snprintf(s->planted, sizeof(s->planted), "driver.version < %d.%02d.%02d", d[0], d[1], d[2]);
	else if (s->kind == HOST)
		snprintf(s->planted, sizeof(s->planted), "host.name = h%d", s->host);
}

static struct simulation make(enum kind kind, bool missing)
{
	struct simulation s = {.kind = kind, .workers = 400 + below(800), .cut = 3 + below(6)};
	for (int i = 0; i < PLAIN; i++) {
		s.values[i] = 2 + below(5);
		s.skew[i] = 0.5 + 1.5 * chance();
	}
	s.host = below(s.workers / HOST_SIZE);
	s.penetrance = kind == HOST ? 0.8 + 0.2 * chance() : 0.5 + 0.5 * chance();
	s.background = kind == NONE ? 0.02 + 0.2 * chance() : kind == HOST ? 0.004 * chance() : 0.02 * chance();
	s.missing = missing ? 0.3 : 0;
	plant(&s);
	return s;
}

static void put(const struct simulation *s, json_t *facts, const char *key, json_t *value)
{
	if (chance() < s->missing)
		json_decref(value);
	else
		json_object_set_new(facts, key, value);
}

// Facts of a worker; true where it has the cause.
static bool make_worker(const struct simulation *s, int worker, json_t *facts)
{
	char key[64];
	int plain[PLAIN], tag = below(TAGS), driver = below(DRIVERS), host = worker / HOST_SIZE;
	for (int i = 0; i < PLAIN; i++) {
		double at = chance();
		for (double power = s->skew[i]; power > 1; power -= 1)
			at *= 0.5 + 0.5 * chance();
		plain[i] = (int)(at * s->values[i]);
		snprintf(key, sizeof(key), "plain.%02d", i);
		put(s, facts, key, json_sprintf("v%d", plain[i]));
	}
	for (int i = 0; i < PACKAGES; i++) {
		int release = chance() < 0.05 ? below(TAGS) : tag;
		snprintf(key, sizeof(key), "python.packages.p%d.version", i);
		put(s, facts, key, json_sprintf("%d.%d.0", i + 1, release * (i + 1)));
	}
	for (int i = 0; i < VARIABLES; i++) {
		snprintf(key, sizeof(key), "env.V%d", i);
		if (chance() < 0.2)
			put(s, facts, key, json_sprintf("%d", below(3)));
	}
	const int *d = drivers[driver];
	put(s, facts, "driver.version", json_sprintf("%d.%02d.%02d", d[0], d[1], d[2]));
	put(s, facts, "system.kernel", json_sprintf("6.%d.0-%d-generic", 1 + below(3), 40 + below(KERNELS)));
	put(s, facts, "container.image.tags", json_sprintf("2026.%d", tag));
	put(s, facts, "host.name", json_sprintf("h%d", host));
	const bool causes[KINDS] = {[SINGLE] = plain[s->cause[0]] == s->value[0],
		[PAIR] = plain[s->cause[0]] == s->value[0] && plain[s->cause[1]] == s->value[1],
		[THRESHOLD] = driver < s->cut,
		[HOST] = host == s->host};
	return causes[s->kind];
}

static void must(struct ff_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", err->message);
	exit(2);
}

static int fill(const struct simulation *s, struct ff_fleet *fleet)
{
	struct ff_fleet_counts counts = {0};
	int failing = 0;
	must(ff_fleet_begin(fleet));
	for (int i = 0; i < s->workers; i++) {
		char name[32];
		json_t *flat = json_object();
		struct ff_fleet_facts facts;
		bool cause = make_worker(s, i, flat);
		snprintf(name, sizeof(name), "w%04d", i);
		struct ff_fleet_record r = {.kind = FF_FLEET_FACTS,
			.worker = name,
			.hash = "0123456789abcdef",
			.at_ms = 1750000000000,
			.facts = ff_fleet_facts_of(flat, &facts) ? &facts : NULL};
		must(ff_fleet_put(fleet, &r, 1760000000000, &counts));
		if (chance() < (cause ? s->penetrance : s->background)) {
			r.kind = FF_FLEET_INCIDENT;
			r.at_ms += 1000;
			r.incident = "i";
			r.fingerprint = "f00df00df00df00d";
			r.count = 1;
			must(ff_fleet_put(fleet, &r, 1760000000000, &counts));
			failing++;
		}
		json_decref(flat);
	}
	must(ff_fleet_end(fleet));
	return failing;
}

struct tally {
	int n, first, tied, claimed;
};

static bool is_named(const json_t *entry, const char *planted, bool *ret_tied)
{
	size_t i;
	json_t *rival;
	json_array_foreach (json_object_get(entry, "same_as"), i, rival)
		*ret_tied |= strcmp(ff_json_text(rival, "fact"), planted) == 0;
	return strcmp(ff_json_text(entry, "fact"), planted) == 0;
}

// False: there was too little to see anything: fewer than ten failed, or four of a host.
static bool try_one(enum kind kind, bool missing, bool verbose, struct tally *tally)
{
	struct simulation s = make(kind, missing);
	struct ff_fleet *fleet = NULL;
	_cleanup_source_ struct ff_source *source = NULL;
	_cleanup_json_ json_t *doc = NULL;
	bool tied = false;
	must(ff_fleet_open(":memory:", false, &fleet));
	int failing = fill(&s, fleet);
	must(ff_source_sqlite(fleet, &source));
	if (failing < (kind == HOST ? 4 : 10))
		return false;
	must(ff_fleet_explain(source, NULL, "f00d", &doc));
	const json_t *first = ff_json_at(doc, "separating.0");
	bool named = first && is_named(first, s.planted, &tied);
	tally->n++;
	tally->claimed += first != NULL;
	tally->first += named;
	tally->tied += !named && tied;
	if (verbose && (kind == NONE ? first != NULL : !named))
		printf("%s%s: %d of %d failing, penetrance %.2f: planted '%s', found '%s' %s\n", kinds[kind],
			missing ? ", 30 % missing" : "", failing, s.workers, s.penetrance, s.planted,
			first ? ff_json_text(first, "fact") : "nothing", tied ? "(told apart from it by nothing)" : "");
	return true;
}

int main(int argc, char **argv)
{
	int fleets = 60, planted = 0, first = 0, fine = 0;
	bool verbose = false;
	struct tally tallies[KINDS] = {{0}};
	state = 20261129;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			verbose = true;
		else if (strcmp(argv[i], "--fleets") == 0 && ++i < argc)
			fleets = atoi(argv[i]);
		else if (strcmp(argv[i], "--seed") == 0 && ++i < argc)
			state = strtoull(argv[i], NULL, 10);
	}
	for (int i = 0; i < fleets; i++)
		while (!try_one((enum kind)(i % KINDS), i / KINDS % 2, verbose, &tallies[i % KINDS]))
			;
	for (int k = 0; k < KINDS; k++) {
		const struct tally *t = &tallies[k];
		printf("%-10s %4d fleets: planted first %4d, told apart by nothing %d, claimed %d\n", kinds[k], t->n,
			t->first, t->tied, t->claimed);
		planted += k == NONE ? 0 : t->n;
		first += k == NONE ? 0 : t->first;
	}
	fine = tallies[NONE].claimed * 20 <= tallies[NONE].n + 19;
	printf("%d of %d with a planted cause name it first\n", first, planted);
	return fine && first * 20 >= planted * 19 ? 0 : 1;
}
