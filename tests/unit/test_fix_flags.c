// No command that a setting becomes holds a flag or variable that the release does not have: every row of
// rules/data/engine_flags.tsv, for every release of every engine that the atlas has read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/table.h"
#include "fix/fix.h"
#include "know/atlas_ask.h"

FF_EMBEDDED(ff_table, engine_flags);

enum { WRITTEN_MIN = 2000 };

static void look_at(const char *engine, const char *version, const char *setting, const char *command)
{
	struct ff_span rest = ff_span_of(command), word;
	while (rest.n && ff_span_next(&rest, ' ', &word)) {
		char name[FF_ATLAS_WORD_MAX];
		struct ff_atlas_flag known;
		size_t n = 0;
		while (n < word.n && n + 1 < sizeof(name) && word.p[n] != '=')
			n++;
		snprintf(name, sizeof(name), "%.*s", (int)n, word.p);
		bool variable = n > 3 && n < word.n && name[0] >= 'A' && name[0] <= 'Z';
		if (!ff_starts(name, "--") && !variable)
			continue;
		if (!ff_atlas_ask_flag(ff_atlas(), engine, name, version, &known) || known.state != FF_ATLAS_HERE)
			fail_msg("%s %s, %s: %s has no %s", engine, version, setting, command, name);
	}
}

static size_t ask(const char *engine, const char *version, const char *setting)
{
	_cleanup_json_ json_t *said = json_pack("{s:{s:s, s:s}}", "engine", "name", engine, "version", version);
	_cleanup_json_ json_t *facts = json_object(), *fix = NULL;
	_cleanup_json_ json_t *intention =
		json_pack("{s:s, s:s, s:s, s:s}", "flag", setting, "engine", engine, "value", "1", "say", "Set it.");
	_cleanup_fix_machine_ struct ff_fix_machine *made = NULL;
	assert_null(ff_fix_machine_create(facts, said, &made));
	assert_null(ff_fix_write(made, intention, &fix));
	const char *command = ff_json_text(fix, "command");
	if (command)
		look_at(engine, version, setting, command);
	return command != NULL;
}

// A release before the engine's own options were read says nothing: half of the settings must be known.
static void every_release_gets_flags_that_it_has(void **state)
{
	(void)state;
	static const char *const engines[] = {"vllm", "sglang", "lmdeploy", "tgi", "tei", "ollama", "triton"};
	size_t written = 0;
	for (size_t e = 0; e < sizeof(engines) / sizeof(engines[0]); e++) {
		struct ff_atlas_package p;
		char name[64];
		snprintf(name, sizeof(name), "flag/%s", engines[e]);
		for (size_t i = 0; ff_atlas_package_at(ff_atlas(), i, &p) && strcmp(p.name, name) != 0;)
			i++;
		assert_string_equal(p.name, name);
		for (size_t r = 0; r < p.release_count; r++) {
			struct ff_table table = ff_table_of(ff_table_engine_flags);
			struct ff_table_row row;
			while (ff_table_next(&table, &row)) {
				char setting[64];
				snprintf(setting, sizeof(setting), "%.*s", (int)row.cells[0].n, row.cells[0].p);
				if (ff_span_eq(row.cells[1], engines[e]))
					written += ask(engines[e], ff_atlas_string(ff_atlas(), p.releases[r]), setting);
			}
		}
	}
	assert_in_range(written, WRITTEN_MIN, SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_release_gets_flags_that_it_has)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
