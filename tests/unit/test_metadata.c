// parse: files beside installed Python packages, requirements, markers, Python literals.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parse/metadata.h"
#include "parse/pyliteral.h"
#include "parse/requirement.h"

#define assert_span(span, text) assert_true(ff_span_eq(span, text))

static void headers_end_at_the_blank_line(void **state)
{
	(void)state;
	struct ff_span text = FF_SPAN("Name: torch\r\nSummary: a\n  b\nVersion:2.3.1\n\nName: not me\n");
	struct ff_headers headers = {.rest = text};
	struct ff_span key, value;
	assert_true(ff_header_next(&headers, &key, &value));
	assert_span(key, "Name");
	assert_span(value, "torch");
	assert_true(ff_header_next(&headers, &key, &value));
	assert_span(value, "a\n  b");
	assert_true(ff_header_next(&headers, &key, &value));
	assert_span(value, "2.3.1");
	assert_false(ff_header_next(&headers, &key, &value));
	assert_false(headers.malformed);
	assert_int_equal(ff_headers_end(text), text.n - strlen("Name: not me\n"));
	headers = (struct ff_headers){.rest = FF_SPAN("<html>: no\n")};
	assert_false(ff_header_next(&headers, &key, &value));
	assert_true(headers.malformed);
}

static void egg_sections_are_extras_and_markers(void **state)
{
	(void)state;
	struct ff_egg_requires egg = {.rest = FF_SPAN("six>=1.0\n\n[:python_version<'3']\nfutures\n[test]\npytest\n")};
	struct ff_span line;
	assert_true(ff_egg_requires_next(&egg, &line));
	assert_span(line, "six>=1.0");
	assert_true(ff_egg_requires_next(&egg, &line));
	assert_span(egg.extra, "");
	assert_span(egg.marker, "python_version<'3'");
	assert_true(ff_egg_requires_next(&egg, &line));
	assert_span(line, "pytest");
	assert_span(egg.extra, "test");
	assert_false(ff_egg_requires_next(&egg, &line));
}

static void pth_lines_are_paths_or_code(void **state)
{
	(void)state;
	struct ff_span rest = FF_SPAN("# comment\n\n/src/app \r\nimport sys; x()\nimportant"), line;
	assert_int_equal(ff_pth_next(&rest, &line), FF_PTH_PATH);
	assert_span(line, "/src/app");
	assert_int_equal(ff_pth_next(&rest, &line), FF_PTH_IMPORT);
	assert_int_equal(ff_pth_next(&rest, &line), FF_PTH_PATH);
	assert_span(line, "important");
	assert_int_equal(ff_pth_next(&rest, &line), FF_PTH_END);
}

static void pyvenv_keys_have_any_case(void **state)
{
	(void)state;
	struct ff_span value, text = FF_SPAN("Home = /usr/bin\nversion=3.10.12\nversion = 3.11.7\n# x = y\n");
	assert_true(ff_ini_find(text, "home", &value));
	assert_span(value, "/usr/bin");
	assert_true(ff_ini_find(text, "version", &value));
	assert_span(value, "3.11.7");
	assert_false(ff_ini_find(text, "x", &value));
}

static void direct_url_says_editable_and_commit(void **state)
{
	(void)state;
	struct ff_direct_url d;
	assert_null(ff_direct_url_parse(
		"direct_url.json", FF_SPAN("{\"url\": \"file:///src/app\", \"dir_info\": {\"editable\": true}}"), &d));
	assert_string_equal(d.url, "file:///src/app");
	assert_true(d.editable);
	assert_null(d.vcs);
	ff_direct_url_deinit(&d);
	struct ff_error *err = ff_direct_url_parse("direct_url.json", FF_SPAN("[1]"), &d);
	assert_non_null(err);
	ff_error_destroy(err);
}

static void literals_of_torch_version_py(void **state)
{
	(void)state;
	struct ff_span source =
		FF_SPAN("__all__ = ['__version__', 'cuda']\n__version__ = '2.3.1+cu121'\ndebug = False\n"
			"cuda: Optional[str] = '12.1'\nhip: Optional[str] = None\nx = 'a' + b\n"
			"cudas = 'no'\n");
	struct ff_py_value v;
	assert_true(ff_py_assigned(source, "__version__", &v));
	assert_span(v.text, "2.3.1+cu121");
	assert_true(ff_py_assigned(source, "cuda", &v));
	assert_span(v.text, "12.1");
	assert_true(ff_py_assigned(source, "hip", &v));
	assert_int_equal(v.kind, FF_PY_NONE);
	assert_true(ff_py_assigned(source, "debug", &v));
	assert_int_equal(v.kind, FF_PY_FALSE);
	assert_false(ff_py_assigned(source, "x", &v));
	assert_false(ff_py_assigned(source, "__all__", &v));
}

static void pairs_of_a_dict_literal(void **state)
{
	(void)state;
	struct ff_span rest = FF_SPAN(
		"# \"no\": \"no\"\ndeps = {\n    \"Pillow\": \"Pillow>=10.0\", # c\n    'torch': 'torch',\n}\n");
	struct ff_span key, value;
	assert_true(ff_py_dict_next(&rest, &key, &value));
	assert_span(key, "Pillow");
	assert_span(value, "Pillow>=10.0");
	assert_true(ff_py_dict_next(&rest, &key, &value));
	assert_span(key, "torch");
	assert_false(ff_py_dict_next(&rest, &key, &value));
}

static void requirements_are_cut_apart(void **state)
{
	(void)state;
	struct ff_requirement r;
	assert_null(ff_requirement_parse("f", FF_SPAN("Foo.Bar [a, b] (>=1.0,<2) ; extra == 'x'"), &r));
	assert_span(r.name, "Foo.Bar");
	assert_span(r.extras, "a, b");
	assert_span(r.specifiers, ">=1.0,<2");
	assert_span(r.marker, "extra == 'x'");
	assert_null(ff_requirement_parse("f", FF_SPAN("pip @ https://x/y;z ; os_name == 'nt'"), &r));
	assert_span(r.url, "https://x/y;z");
	assert_true(ff_package_name_equal(FF_SPAN("Foo__Bar"), FF_SPAN("foo.bar")));
	assert_false(ff_package_name_equal(FF_SPAN("foo"), FF_SPAN("foo-")));
	struct ff_error *err = ff_requirement_parse("METADATA", FF_SPAN("???"), &r);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "METADATA"));
	ff_error_destroy(err);
}

static void markers_answer_yes_no_unknown(void **state)
{
	(void)state;
	struct ff_marker_env env = {.values = {[FF_MARKER_PYTHON_VERSION] = "3.11", [FF_MARKER_EXTRA] = ""}};
	enum ff_satisfies answer;
	assert_null(ff_marker_evaluate("f", FF_SPAN("python_version < '3.12' and extra == ''"), &env, &answer));
	assert_int_equal(answer, FF_SATISFIES_YES);
	assert_null(ff_marker_evaluate("f", FF_SPAN("platform_machine == 'x86_64'"), &env, &answer));
	assert_int_equal(answer, FF_SATISFIES_UNKNOWN);
	assert_null(ff_marker_evaluate("f", FF_SPAN("(platform_machine=='x') and python_version<'3'"), &env, &answer));
	assert_int_equal(answer, FF_SATISFIES_NO);
	struct ff_error *err = ff_marker_evaluate("f", FF_SPAN("python_version <"), &env, &answer);
	assert_non_null(err);
	ff_error_destroy(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_end_at_the_blank_line),
		cmocka_unit_test(egg_sections_are_extras_and_markers),
		cmocka_unit_test(pth_lines_are_paths_or_code),
		cmocka_unit_test(pyvenv_keys_have_any_case),
		cmocka_unit_test(direct_url_says_editable_and_commit),
		cmocka_unit_test(literals_of_torch_version_py),
		cmocka_unit_test(pairs_of_a_dict_literal),
		cmocka_unit_test(requirements_are_cut_apart),
		cmocka_unit_test(markers_answer_yes_no_unknown),
	};
	return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}
