// Fixes tried on paper: what the facts would be after one, and whether the cause is gone then.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/finding.h"
#include "diagnose/goal.h"
#include "know/torch_wheel.h"

// Three checks of our own: the built-in rules may change, how a trial works may not.
static const char checks[] =
	"rule {id = 'torch.no-kernel-image', why = '', check = function(f)\n"
	"  local cc = f.capabilities()[1]\n"
	"  if f'torch.archs' and know.arch_covers(f'torch.archs', f'torch.ptx' or {}, cc) == 'none' then return {} end "
	"end}\n"
	"rule {id = 'bnb.binary-missing', why = '', check = function(f)\n"
	"  if f'bitsandbytes.found' == false and not f.env'BNB_CUDA_VERSION' then return {} end end}\n"
	"rule {id = 'bnb.override-wrong', why = '', check = function(f)\n"
	"  if f'bitsandbytes.found' == false and f.env'BNB_CUDA_VERSION' then return {} end end}\n"
	"rule {id = 'torch.driver-too-old', why = '', check = function(f)\n"
	"  if know.driver_runs(f'driver.version', f'torch.cuda') == 'too-old' then return {} end end}\n"
	"rule {id = 'oom.fragmentation', why = '', check = function(f)\n"
	"  if f'allocator.errors.0' then return {} end end}\n"
	"rule {id = 'pip.conflict', why = '', check = function(f)\n"
	"  if f'python.conflicts.0' then return {} end end}\n";

static const char machine[] =
	"{\"env\": {}, \"complete\": [\"env\"], \"gpus\": [{\"compute_capability\": \"12.0\"}], \"driver\": "
	"{\"version\": \"570.86.10\"},"
	" \"torch\": {\"version\": \"2.3.1+cu121\", \"cuda\": \"12.1\", \"archs\": [\"sm_50\", \"sm_90\"]},"
	" \"python\": {\"packages\": {\"torch\": {\"version\": \"2.3.1\"}},"
	"   \"conflicts\": [{\"package\": \"vllm\", \"requires\": \"torch==2.7.1\", \"found\": \"2.3.1\"}]},"
	" \"bitsandbytes\": {\"version\": \"0.42.0\", \"found\": false, \"wanted\": \"libbitsandbytes_cuda128.so\","
	"   \"binaries\": [\"libbitsandbytes_cpu.so\", \"libbitsandbytes_cuda121.so\"]}}";

static struct ff_rules *rules_with(const char *facts_text)
{
	struct ff_rules *rules;
	json_t *facts = json_loads(facts_text, 0, NULL);
	assert_non_null(facts);
	assert_null(ff_rules_create(&rules));
	assert_null(ff_rules_add_text(rules, "checks.lua", checks, strlen(checks)));
	assert_null(ff_judge_facts(rules, facts));
	json_decref(facts);
	return rules;
}

// One that reads a package, one that speaks of what is not known, one that asks the atlas without a fact.
static const char more[] =
	"rule {id = 'torch.too-old', why = '', check = function(f) if f.pkg'torch' == '1' then return {} end end}\n"
	"rule {id = 'pip.module-missing', why = '', check = function(f) if not f.pkg'torch' then return {} end end}\n"
	"rule {id = 'app.bug', why = '', check = function() if atlas.owners('cuda') then return {} end end}\n";

static void assert_reads(struct ff_rules *rules, size_t rule, const char *const expected[4])
{
	json_t *paths = NULL;
	size_t n = 0;
	assert_null(ff_judge_reads(rules, rule, &paths));
	for (; n < 4 && expected[n]; n++)
		assert_true(json_is_true(json_object_get(paths, expected[n])));
	assert_int_equal(json_object_size(paths), n);
	json_decref(paths);
}

static void a_check_needs_what_it_reads(void **state)
{
	(void)state;
	static const char *const expected[][4] = {
		{"gpus", "torch.archs"}, {"bitsandbytes.found"}, {"bitsandbytes.found"}};
	struct ff_rules *rules = rules_with(machine);
	assert_null(ff_rules_add_text(rules, "more.lua", more, strlen(more)));
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_reads(rules, i, expected[i]);
	size_t first = ff_rules_count(rules) - 3;
	assert_reads(rules, first, (const char *const[4]){"python.packages", "torch.version", "complete"});
	assert_reads(rules, first + 1, (const char *const[4]){NULL});
	assert_reads(rules, first + 2, (const char *const[4]){NULL});
	ff_rules_destroy(rules);
}

// The finding of a cause on the machine's facts, with these fixes, after its trial.
static json_t *tried(const char *facts, const char *cause, const char *fixes)
{
	struct ff_rules *rules = rules_with(facts);
	struct ff_findings findings = {0};
	json_t *broken = json_array(), *document = json_loads(facts, 0, NULL);
	assert_null(ff_judge_checks(rules, document, &findings, broken));
	assert_int_equal(json_array_size(broken), 0);
	json_t *answer = NULL;
	for (size_t i = 0; i < findings.n; i++) {
		findings.list[i].dropped = strcmp(ff_rules_at(rules, findings.list[i].rule)->cause, cause) != 0;
		if (findings.list[i].dropped)
			continue;
		answer = findings.list[i].answer;
		assert_int_equal(json_object_set_new(answer, "fixes", json_loads(fixes, 0, NULL)), 0);
	}
	assert_non_null(answer);
	assert_null(ff_findings_try(rules, &(struct ff_ground){.facts = document}, &findings));
	json_decref(document);
	json_t *result = json_incref(json_object_get(answer, "fixes"));
	ff_findings_deinit(&findings);
	json_decref(broken);
	ff_rules_destroy(rules);
	return result;
}

static void assert_trial(const char *facts, const char *cause, const char *fix, const char *result)
{
	char fixes[512];
	snprintf(fixes, sizeof(fixes), "[%s]", fix);
	json_t *list = tried(facts, cause, fixes);
	assert_string_equal(ff_json_text(list, "0.tried.result"), result);
	assert_non_null(ff_json_text(list, "0.tried.text"));
	json_decref(list);
}

static void a_variable_selects_another_library(void **state)
{
	(void)state;
	const char *cause = "bnb.binary-missing";
	assert_trial(machine, cause, "{\"effect\": {\"env\": {\"BNB_CUDA_VERSION\": \"121\"}}}", "passes");
	assert_trial(machine, cause, "{\"effect\": {\"env\": {\"BNB_CUDA_VERSION\": \"124\"}}}", "brings");
	assert_trial(machine, cause, "{\"effect\": {\"packages\": {\"bitsandbytes\": \"0.43.0\"}}}", "passes");
	assert_trial(machine, cause, "{\"command\": \"pip install -U bitsandbytes\"}", "unknown");
}

static void a_wheel_brings_its_code(void **state)
{
	(void)state;
	const char *cause = "torch.no-kernel-image";
	assert_trial(machine, cause, "{\"effect\": {\"packages\": {\"torch\": \"2.7.1+cu126\"}}}", "leaves-cause");
	assert_trial(machine, cause, "{\"effect\": {\"packages\": {\"torch\": \"2.7.1+cu128\"}}}", "passes");
	assert_trial(machine, cause, "{\"effect\": {\"packages\": {\"torch\": \"2.7.1+cu999\"}}}", "unknown");
	assert_trial(machine, cause, "{\"effect\": {\"packages\": {\"torch\": \"2.13.0+cu130\"}}}", "unknown");
	assert_trial(machine, cause, "{\"effect\": {\"packages\": {\"torch\": \"nonsense\"}}}", "unknown");
}

static void a_new_error_is_seen(void **state)
{
	(void)state;
	const char *old_driver =
		"{\"gpus\": [{\"compute_capability\": \"8.0\"}], \"driver\": {\"version\": \"470.82.01\"},"
		" \"torch\": {\"version\": \"1.13.1+cu117\", \"cuda\": \"11.7\", \"archs\": [\"sm_90\"]}}";
	assert_trial(old_driver, "torch.no-kernel-image", "{\"effect\": {\"packages\": {\"torch\": \"2.3.1+cu121\"}}}",
		"brings");
	assert_trial(machine, "torch.no-kernel-image",
		"{\"effect\": {\"env\": {\"PYTORCH_CUDA_ALLOC_CONF\": \"throw_on_cudamalloc_oom:True\"}}}",
		"leaves-cause");
	assert_trial(machine, "bnb.binary-missing",
		"{\"effect\": {\"env\": {\"BNB_CUDA_VERSION\": \"121\", \"PYTORCH_CUDA_ALLOC_CONF\": "
		"\"expandable_segment:True\"}}}",
		"brings");
}

static void a_new_driver_and_a_met_requirement_count(void **state)
{
	(void)state;
	const char *facts = "{\"driver\": {\"version\": \"470.82.01\"}, \"torch\": {\"version\": \"2.3.1+cu121\", "
			    "\"cuda\": \"12.1\"}}";
	assert_trial(facts, "torch.driver-too-old", "{\"effect\": {\"facts\": {\"driver.version\": \"550.54.14\"}}}",
		"passes");
	assert_trial(facts, "torch.driver-too-old", "{\"effect\": {\"facts\": {\"driver.version\": \"510.39.01\"}}}",
		"leaves-cause");
	assert_trial(machine, "pip.conflict", "{\"effect\": {\"packages\": {\"torch\": \"2.7.1+cu128\"}}}", "passes");
	assert_trial(
		machine, "pip.conflict", "{\"effect\": {\"packages\": {\"Torch\": \"2.6.0+cu124\"}}}", "leaves-cause");
}

// A cause that no check finds: what the facts show and the fix requires decides, or a line; else it says what would.
static void what_is_asked_for_decides(void **state)
{
	(void)state;
	static const struct {
		const char *goal, *line, *result;
	} rows[] = {
		{"{'what': 'x', 'now': '1', 'then': '2', 'required': true}", "no word of it", "passes"},
		{"{'what': 'x', 'now': '1', 'then': '2'}", "no word of it", "unknown"},
		{"{'what': 'x', 'then': '2', 'required': true}", "no word of it", "unknown"},
		{"{'what': 'x', 'then': '2', 'words': ['x', '2']}", "x must be 2", "passes"},
		{"{'what': 'x', 'then': '2', 'words': ['x', '2']}", "x must be 23", "unknown"},
		{"{'what': 'x', 'then': '2', 'words': ['flash-attn']}", "No module named 'flash_attn'", "passes"},
		{"{'what': 'V', 'now': '/opt/old', 'then': '2', 'fact': 'env.V'}", "in /opt/old/lib", "passes"},
		{"{'what': 'V', 'now': 'abc', 'then': '2', 'fact': 'env.V'}", "abc", "unknown"},
		{"{'what': 'V', 'now': '1', 'then': '2', 'fact': 'driver.version'}", "of a fact", "passes"},
		{"{'what': 'x', 'then': '2', 'words': ['x'], 'cause': 'pip.conflict'}", "x", "unknown"},
		{"{'what': 'x', 'then': '2', 'words': ['x'], 'cause': 'app.bug'}", "x", "passes"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[300];
		snprintf(text, sizeof(text), "[%s]", rows[i].goal);
		for (char *p = text; *p; p++)
			*p = *p == '\'' ? '"' : *p;
		json_t *goals = json_loads(text, 0, NULL);
		json_t *answer = json_pack("{s:[{s:i, s:s}, {s:s}]}", "evidence", "log", 3, "text", rows[i].line,
			"fact", "driver.version");
		assert_non_null(goals);
		json_t *why = ff_goal_decided(goals, answer, "app.bug"), *open = ff_goal_open(goals);
		if ((why != NULL) != (strcmp(rows[i].result, "passes") == 0))
			fail_msg("%s: '%s' should be %s", rows[i].goal, rows[i].line, rows[i].result);
		assert_true(open || json_object_get(json_array_get(goals, 0), "cause"));
		json_decref(why), json_decref(open), json_decref(answer), json_decref(goals);
	}
}

static void fixes_that_fail_go_behind(void **state)
{
	(void)state;
	json_t *fixes = tried(machine, "bnb.binary-missing",
		"[{\"say\": \"a\", \"effect\": {\"env\": {\"BNB_CUDA_VERSION\": \"124\"}}}, {\"say\": \"b\"},"
		" {\"say\": \"c\", \"effect\": {\"env\": {\"BNB_CUDA_VERSION\": \"121\"}}}, {\"say\": \"d\", "
		"\"effect\": {\"env\": {\"X\": null}}}]");
	const char *order[] = {"b", "c", "a", "d"};
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(ff_json_text(json_array_get(fixes, i), "say"), order[i]);
	json_decref(fixes);
}

static void wheels_are_known_by_release_and_tag(void **state)
{
	(void)state;
	json_t *wheel;
	assert_null(ff_know_torch_wheel("2.7.1+cu128", &wheel));
	assert_string_equal(ff_json_text(wheel, "cuda"), "12.8");
	assert_string_equal(ff_json_text(wheel, "archs.5"), "sm_120");
	assert_string_equal(ff_json_text(wheel, "ptx.0"), "compute_120");
	json_decref(wheel);
	assert_null(ff_know_torch_wheel("2.10.0+cu126", &wheel));
	assert_int_equal(json_array_size(json_object_get(wheel, "ptx")), 0);
	json_decref(wheel);
	assert_null(ff_know_torch_wheel("2.3.1+cpu", &wheel));
	assert_true(json_is_null(json_object_get(wheel, "cuda")));
	json_decref(wheel);
	const char *unknown[] = {"2.3.1", "", "2.3.1+rocm6.0", "2.3.1+cu", "x+cu121", "2.3.1+cu1234567"};
	for (size_t i = 0; i < 6; i++) {
		assert_null(ff_know_torch_wheel(unknown[i], &wheel));
		assert_null(wheel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_check_needs_what_it_reads),
		cmocka_unit_test(a_variable_selects_another_library),
		cmocka_unit_test(a_wheel_brings_its_code),
		cmocka_unit_test(a_new_error_is_seen),
		cmocka_unit_test(a_new_driver_and_a_met_requirement_count),
		cmocka_unit_test(what_is_asked_for_decides),
		cmocka_unit_test(fixes_that_fail_go_behind),
		cmocka_unit_test(wheels_are_known_by_release_and_tag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
