// The atlas's reader on a small one (tests/atlas/*.txt, made by the build's own tool), and on damaged copies of it.
#include "base/cleanup.h"
#include "know/atlas_ask.h"
#include "know/atlas_solve.h"
#include "know/atlas_wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIZE_MAX_HERE = 1 << 20 };

static uint8_t *bytes;
static size_t size;
static struct ff_atlas atlas;

static int load(void **state)
{
	(void)state;
	FILE *f = fopen(getenv("FF_ATLAS"), "rb");
	assert_non_null(f);
	bytes = malloc(SIZE_MAX_HERE);
	assert_non_null(bytes);
	size = fread(bytes, 1, SIZE_MAX_HERE, f);
	fclose(f);
	assert_null(ff_atlas_open(bytes, size, &atlas));
	return 0;
}

static int unload(void **state)
{
	(void)state;
	free(bytes);
	return 0;
}

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *module, *name, *have;
		enum ff_atlas_state state;
		const char *newer, *older, *more; // more: moved or nearest
	} rows[] = {
		{"acme_hub", "Folder", "2.0.1", FF_ATLAS_CHANGED, "", "<1.2", "acme_hub.store"},
		{"acme_hub", "Folder", "1.1.0", FF_ATLAS_HERE, "", "",
			"acme_hub.store"}, // of a minor release that has it
		{"acme_hub", "Folder", NULL, FF_ATLAS_CHANGED, "", "<1.2", "acme_hub.store"},
		{"acme_hub", "fetch", "1.0.3", FF_ATLAS_CHANGED, ">=1.2", "", NULL},
		{"acme_hub", "fetch", NULL, FF_ATLAS_CHANGED, ">=1.2", "", NULL},
		{"acme_hub", "fetch", "0.9", FF_ATLAS_CHANGED, ">=1.2", "", NULL}, // older than all that is known
		{"acme_hub", "flicker", "1.1.2", FF_ATLAS_CHANGED, ">=2", "<1.1", NULL},
		{"acme_hub", "late", "1.2.0", FF_ATLAS_CHANGED, ">=2", "", NULL},
		{"acme_hub", "late", "2.7", FF_ATLAS_HERE, "", "", NULL}, // newer than all that is known: as the newest
		{"acme_hub", "Cleint", "1.2.0", FF_ATLAS_NEVER, "", "", "Client"},
		{"acme_hub", "Unheard", "1.2.0", FF_ATLAS_NEVER, "", "", ""},
		{"acme_hub._native", "Unheard", "1.2.0", FF_ATLAS_UNKNOWN, "", "", NULL}, // nobody sees what it gives
		{"acme_hub.store", NULL, "1.0.0", FF_ATLAS_CHANGED, ">=1.2", "", NULL},
		{"acme_hub.shop", NULL, "1.0.0", FF_ATLAS_NEVER, "", "", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ff_atlas_answer a;
		assert_true(ff_atlas_ask_name(&atlas, rows[i].module, rows[i].name, rows[i].have, &a));
		if (a.state != rows[i].state)
			fail_msg("row %zu: state %d", i, a.state);
		assert_string_equal(a.package, "acme-hub");
		if (a.state == FF_ATLAS_CHANGED) {
			assert_string_equal(a.newer, rows[i].newer);
			assert_string_equal(a.older, rows[i].older);
		}
		if (rows[i].more)
			assert_string_equal(a.state == FF_ATLAS_NEVER ? a.nearest : a.moved, rows[i].more);
	}
	struct ff_atlas_answer a;
	assert_false(ff_atlas_ask_name(&atlas, "numpy", "bool", NULL, &a));
}

static void attributes(void **state)
{
	(void)state;
	struct ff_atlas_answer a;
	assert_true(ff_atlas_ask_attribute(&atlas, "acme_hub", "Client", "gone", "2.0.1", &a)); // of a base
	assert_int_equal(a.state, FF_ATLAS_CHANGED);
	assert_string_equal(a.older, "<1.2");
	assert_true(ff_atlas_ask_attribute(&atlas, "acme-hub", "Client", "deep", "2.0.1", &a)); // of a base's base
	assert_string_equal(a.older, "<2");
	assert_true(ff_atlas_ask_attribute(&atlas, "acme-hub", "Client", "session", "1.0.0", &a));
	assert_string_equal(a.newer, ">=1.2");
	assert_true(ff_atlas_ask_attribute(&atlas, "acme-hub", "Client", "unheard", "1.0.0", &a));
	assert_int_equal(a.state, FF_ATLAS_UNKNOWN);
	assert_false(ff_atlas_ask_attribute(&atlas, "acme-hub", "Nobody", "x", NULL, &a));
}

static void parameters(void **state)
{
	(void)state;
	struct ff_atlas_answer a;
	assert_true(ff_atlas_ask_parameter(&atlas, "acme-hub", "Client.__init__", "proxies", false, "2.0.1", &a));
	assert_string_equal(a.older, "<1.2");
	assert_true(ff_atlas_ask_parameter(&atlas, "acme-hub", "open_store", "mode", false, "1.2.0", &a));
	assert_string_equal(a.newer, ">=2");
	assert_true(ff_atlas_ask_parameter(&atlas, "acme-hub", "Client.__init__", "token", true, "2.0.1", &a));
	assert_int_equal(a.state, FF_ATLAS_CHANGED); // it must be given since 2.0
	assert_string_equal(a.older, "<2");
	assert_true(ff_atlas_ask_parameter(&atlas, "acme-hub", "Client.__init__", "anything", false, "1.0.0", &a));
	assert_int_equal(a.state, FF_ATLAS_HERE); // **kwargs took everything
	assert_true(ff_atlas_ask_parameter(&atlas, "acme-hub", "Client.__init__", "anything", false, "2.0.1", &a));
	assert_int_equal(a.state, FF_ATLAS_UNKNOWN); // which says nothing of this one
}

struct seen {
	const char *hub;
	size_t n;
	char text[200];
};

static const char *version_of(void *arg, const char *package)
{
	return strcmp(package, "acme-hub") == 0 ? ((struct seen *)arg)->hub : NULL;
}

static bool seen_lack(void *arg, const struct ff_atlas_lack *lack)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);
	snprintf(s->text + n, sizeof(s->text) - n, "%s.%s ", lack->module, lack->name ? lack->name : "*");
	s->n++;
	return true;
}

static void one_beside_another(void **state)
{
	(void)state;
	struct ff_atlas_answer a;
	struct seen s = {.hub = "1.0.0"};
	ff_atlas_lacks(&atlas, "acme-models", "0.3.0", version_of, seen_lack, &s);
	assert_string_equal(s.text, "acme_hub.fetch acme_hub.store.Folder ");
	s = (struct seen){.hub = "2.0.1"};
	ff_atlas_lacks(&atlas, "acme-models", "0.3.0", version_of, seen_lack, &s);
	assert_int_equal(s.n, 0);
	s = (struct seen){.hub = NULL}; // not installed, or not known
	ff_atlas_lacks(&atlas, "acme-models", "0.3.0", version_of, seen_lack, &s);
	assert_int_equal(s.n, 0);
	assert_true(ff_atlas_ask_beside(&atlas, "acme-models", "0.3.0", "acme-hub", "1.0.0", &a));
	assert_string_equal(a.older, "<0.3");
	assert_true(ff_atlas_ask_beside(&atlas, "acme-models", "0.1.0", "acme-hub", "2.0.0", &a));
	assert_string_equal(a.newer, ">=0.3");
}

static void messages(void **state)
{
	(void)state;
	static const struct {
		const char *package, *text;
		char kind; // 0: none of its own
		const char *name;
	} rows[] = {
		{"acme_hub", "The store requires --page-size 4 or a larger one, got 3", 'p', "page_size"},
		{"acme-hub", "worker 3: (The store requires, page size 4, or so)", 'p',
			"page_size"},							 // words count alone
		{"acme-hub", "The store requires --page-size 5 or a larger one", 0, ""}, // its second run is not there
		{"acme-hub", "Only the caller can know what a shelf of 12 holds", 'c', ""},
		{"acme-hub", "Only the caller", 0, ""},
		{"acme-hub", "", 0, ""},
		{"acme-models", "The store requires --page-size 4 or a larger one", 0, ""}, // of another package
		{"nobody", "The store requires --page-size 4 or a larger one", 0, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ff_atlas_message m;
		bool known = ff_atlas_ask_message(&atlas, rows[i].package, ff_span_of(rows[i].text), &m);
		if (known != (rows[i].kind != 0))
			fail_msg("row %zu: %s", i, known ? "known" : "not known");
		if (!known)
			continue;
		assert_int_equal(m.kind, rows[i].kind);
		assert_true(ff_span_eq(m.name, rows[i].name));
		assert_string_equal(m.first, "1.2.0");
		assert_string_equal(m.last, "2.0.1");
	}
}

static void printed_messages(void **state)
{
	(void)state;
	struct ff_atlas_message m;
	assert_true(ff_atlas_ask_printed(&atlas, FF_SPAN("api: The shelf is slow, use --page-size 8 for it"), &m));
	assert_true(m.level == 'w' && m.kind == 'p' && ff_span_eq(m.package, "acme-hub"));
	assert_string_equal(m.last, "2.0.1");
	assert_false(ff_atlas_ask_printed(&atlas, FF_SPAN("The store requires --page-size 4 or a larger one"), &m));
	assert_false(
		ff_atlas_ask_message(&atlas, "acme-hub", FF_SPAN("The shelf is slow, use --page-size 8 for it"), &m));
}

static void symbols(void **state)
{
	(void)state;
	static const struct {
		const char *symbol, *have, *library, *newer, *older;
	} rows[] = {
		{"_ZN4acme4openESs", "2.0.0", "libacme", "", "<2"},
		{"_ZN4acme3gpu4openEv", "1.0.0", "libacme_gpu", ">=2", ""},
		{"acme_old", NULL, "libacme", "", "<2"},
		{"_ZN4acme4openEv", "2.0.0", NULL, "", ""}, // every release has it, or none
		{"", "2.0.0", NULL, "", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ff_atlas_answer a;
		struct ff_span library;
		assert_int_equal(ff_atlas_ask_symbol(&atlas, rows[i].symbol, rows[i].have, &a, &library),
			rows[i].library != NULL);
		if (!rows[i].library)
			continue;
		assert_string_equal(a.package, "acme-core");
		assert_true(ff_span_eq(library, rows[i].library));
		assert_string_equal(a.newer, rows[i].newer);
		assert_string_equal(a.older, rows[i].older);
	}
	struct ff_atlas_package p;
	assert_true(ff_atlas_libraries(&atlas, "acme-core", &p));
	assert_false(ff_atlas_libraries(&atlas, "acme-hub", &p)); // has no libraries
}

static void flags(void **state)
{
	(void)state;
	static const struct {
		const char *name, *have;
		enum ff_atlas_state state;
		const char *newer, *older, *became, *nearest, *choices;
	} rows[] = {
		{"--dtype", "1.0.1", FF_ATLAS_HERE, "", "", "", "", "auto,half"}, // as the release before it
		{"--dtype", NULL, FF_ATLAS_HERE, "", "", "", "", "auto,half,fp8"},
		{"--tp", "1.1.5", FF_ATLAS_CHANGED, "", "<1.1.0", "--tp-size", "", ""},
		{"--tp-size", "1.0.2", FF_ATLAS_CHANGED, ">=1.1.0", "", "", "", ""},
		{"--quant", "1.1.0", FF_ATLAS_CHANGED, "", "<1.0.2", "", "", ""},
		{"--dtypes", "1.1.0", FF_ATLAS_NEVER, "", "", "", "--dtype", ""},
		{"--tp_size", "1.0.0", FF_ATLAS_NEVER, "", "", "", "", ""}, // the nearest one is not of this release
		{"", "1.0.0", FF_ATLAS_NEVER, "", "", "", "", ""},
	};
	struct ff_atlas_flag f;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(ff_atlas_ask_flag(&atlas, "acme", rows[i].name, rows[i].have, &f));
		if (f.state != rows[i].state)
			fail_msg("row %zu: state %d", i, f.state);
		assert_string_equal(f.newer, rows[i].newer);
		assert_string_equal(f.older, rows[i].older);
		assert_string_equal(f.became, rows[i].became);
		assert_string_equal(f.nearest, rows[i].nearest);
		assert_true(ff_span_eq(f.choices, rows[i].choices));
	}
	assert_true(ff_atlas_ask_flag(&atlas, "acme", "--eager", NULL, &f) && f.without_value);
	assert_false(ff_atlas_ask_flag(&atlas, "acme", "--dtype", "0.9", &f)); // older than all that was read
	assert_false(ff_atlas_ask_flag(&atlas, "acme-hub", "--dtype", NULL, &f));
}

static void damaged(void **state)
{
	(void)state;
	struct ff_atlas a;
	uint8_t *copy = malloc(size + 8);
	assert_non_null(copy);
	static const struct {
		size_t at;
		uint8_t change;
		const char *says;
	} rows[] = {{0, 1, "not an atlas"}, {7, 1, "another version"}, {8, 1, "cut short or damaged"},
		{16, 1, "head is damaged"}, {24, 8, "head is damaged"}, {33, 255, "head is damaged"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(copy, bytes, size);
		copy[rows[i].at] ^= rows[i].change;
		_cleanup_error_ struct ff_error *err = ff_atlas_open(copy, size, &a);
		assert_non_null(err);
		assert_non_null(strstr(err->message, rows[i].says));
	}
	for (size_t n = 0; n < size; n += 7) { // cut short anywhere
		memcpy(copy, bytes, size);
		_cleanup_error_ struct ff_error *err = ff_atlas_open(copy, n, &a);
		assert_non_null(err);
	}
	memcpy(copy, bytes, size); // a section that lies outside, in a head that is in order otherwise
	memset(copy + 24 + 8, 0xff, 8);
	ff_atlas_seal(copy, size);
	_cleanup_error_ struct ff_error *err = ff_atlas_open(copy, size, &a);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "shards lie outside"));
	memcpy(copy + 8, bytes, size);
	memmove(copy + 4, bytes, size);
	_cleanup_error_ struct ff_error *crooked = ff_atlas_open(copy + 4, size, &a);
	assert_non_null(strstr(crooked->message, "not aligned"));
	free(copy);
}

// Whatever a byte behind the head is, no question reads outside or takes for ever.
static void any_byte_wrong(void **state)
{
	(void)state;
	struct ff_atlas a;
	uint8_t *copy = malloc(size);
	assert_non_null(copy);
	for (size_t at = 24; at < size; at++) {
		memcpy(copy, bytes, size);
		copy[at] ^= (uint8_t)(at % 3 ? 0xff : 0x80);
		ff_atlas_seal(copy, size);
		_cleanup_error_ struct ff_error *err = ff_atlas_open(copy, size, &a);
		if (err)
			continue;
		struct ff_atlas_answer answer;
		struct ff_atlas_flag flag;
		struct ff_span library;
		ff_atlas_ask_name(&a, "acme_hub", "Folder", "2.0.1", &answer);
		ff_atlas_ask_attribute(&a, "acme-hub", "Client", "gone", "2.0.1", &answer);
		ff_atlas_ask_symbol(&a, "_ZN4acme4openESs", "2.0.0", &answer, &library);
		ff_atlas_ask_flag(&a, "acme", "--tp", "1.1.5", &flag);
	}
	free(copy);
}

// "acme-models 0.3.0 acme-hub 1.0.0": as the probe gives it.
static json_t *world(const char *text, const char *required_by)
{
	json_t *packages = json_object(), *python = json_object();
	char name[32], version[32];
	int n;
	for (; sscanf(text, "%31s %31s%n", name, version, &n) == 2; text += n)
		json_object_set_new(packages, name, json_pack("{s:s}", "version", version));
	json_object_set_new(python, "packages", packages);
	json_object_set_new(python, "version", json_string("3.11.7"));
	if (required_by)
		json_object_set_new(python, "required_by", json_loads(required_by, 0, NULL));
	return python;
}

static void sets_of_versions(void **state)
{
	(void)state;
	static const struct {
		const char *world, *required_by, *package, *need, *moves; // moves: NULL for none found
	} rows[] = {
		// what it imports decides
		{"acme_hub 1.0.0 acme-models 0.1.0", NULL, "acme-models", ">=0.3",
			"acme-models>=0.3 acme-hub>=1.2,<1.3"},
		{"acme-hub 2.0.1 acme-models 0.3.0", NULL, "Acme_Hub", "<1.2", "acme-hub<1.2 acme-models<0.3"},
		{"acme-hub 1.2.0 acme-models 0.3.0", NULL, "acme-hub", ">=2", "acme-hub"}, // nothing else moves
		{"acme-hub 1.0.0", NULL, "acme-models", NULL, "acme-models<0.3"},	   // one that is not there yet
		// what it declares, and this Python is no 3.12
		{"acme-hub 1.1.2 acme-serve 1.1.4", "{\"acme-hub\": {\"acme-serve\": \"<1.2\"}}", "acme-hub", ">=1.2",
			NULL},
		{"acme-hub 1.2.0 acme-serve 1.1.4", NULL, "acme-serve", "<1.1.4", "acme-serve<1.1.1 acme-hub<1.2"},
		// what is installed asks: one that may move, one that nobody knows
		{"acme-hub 1.0.0 acme-models 0.1.0", "{\"acme-hub\": {\"acme-models\": \"<1.2\"}}", "acme-hub", ">=1.2",
			"acme-hub>=1.2,<1.3 acme-models>=0.3"},
		{"acme-hub 1.0.0 other 1", "{\"acme-hub\": {\"other\": \"<1.2\"}}", "acme-hub", ">=1.2", NULL},
		{"acme-hub 1.2.0 other 1", "{\"acme-hub\": {\"other\": \"<1.2\"}}", "acme-hub", ">=2", "acme-hub"},
		{"acme-hub 1.0.0", NULL, "nobody", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ff_atlas_solution s;
		_cleanup_json_ json_t *facts = json_pack("{s:o}", "python", world(rows[i].world, rows[i].required_by));
		bool found = ff_atlas_solve(&atlas, facts, rows[i].package, rows[i].need, NULL, &s);
		char text[400] = "";
		for (size_t k = 0; k < s.n; k++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s", k ? " " : "",
				s.moves[k].package, s.plain ? "" : s.moves[k].need);
		if (found != (rows[i].moves != NULL) || (found && strcmp(text, rows[i].moves) != 0))
			fail_msg("row %zu: %s", i, text);
	}
	struct ff_atlas_solution s;
	assert_false(ff_atlas_solve(NULL, NULL, "acme-hub", NULL, NULL, &s));
}

static void test_wheels_for_a_machine(void **state)
{
	(void)state;
	static const struct {
		struct ff_atlas_host host;
		const char *need;
		int newest, oldest;
		const char *what, *asks;
	} rows[] = {
		{{"3.12.1", "2.36", "x86_64"}, NULL, 3, 0, NULL, NULL},
		{{"3.11.9", "2.36", "x86_64"}, NULL, 2, 0, NULL, NULL},
		{{"3.11.9", "2.36", "x86_64"}, ">=2", -1, -1, "Python", ">=3.12"},
		{{"3.12.1", "2.27", "x86_64"}, ">=2", -1, -1, "glibc", ">=2.28"},
		{{"3.12.1", "2.27", "x86_64"}, NULL, 2, 0, NULL, NULL},
		{{"3.12.1", "2.36", "aarch64"}, "<2", -1, -1, "", "<0"},
		{{"3.12.1", "2.36", "aarch64"}, NULL, 3, 3, NULL, NULL},
		{{NULL, NULL, NULL}, "<2", 2, 0, NULL, NULL}, // nothing is known of the machine
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ff_atlas_wheels found;
		const char *what = NULL, *asks = NULL;
		assert_true(ff_atlas_wheels_within(&atlas, "acme_serve", rows[i].need, &rows[i].host, &found));
		if (found.newest_fit != rows[i].newest || found.oldest_fit != rows[i].oldest)
			fail_msg("row %zu: %d %d", i, found.newest_fit, found.oldest_fit);
		if (!rows[i].what)
			continue;
		assert_false(ff_atlas_wheel_fits(&atlas, &found.package, found.newest, &rows[i].host, &what, &asks));
		assert_string_equal(what, rows[i].what);
		assert_string_equal(asks, rows[i].asks);
	}
	struct ff_atlas_wheels none;
	assert_false(ff_atlas_wheels_within(&atlas, "acme-serve", ">=9", &rows[0].host, &none));
	assert_false(ff_atlas_wheels_within(&atlas, "nobody", NULL, &rows[0].host, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(attributes),
		cmocka_unit_test(parameters),
		cmocka_unit_test(one_beside_another),
		cmocka_unit_test(sets_of_versions),
		cmocka_unit_test(messages),
		cmocka_unit_test(printed_messages),
		cmocka_unit_test(flags),
		cmocka_unit_test(symbols),
		cmocka_unit_test(damaged),
		cmocka_unit_test(any_byte_wrong),
		cmocka_unit_test(test_wheels_for_a_machine),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
