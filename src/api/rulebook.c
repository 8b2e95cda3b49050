// The third part of the facade: the rules themselves, for those who write and read them.
#include <firstfix/firstfix.h>

#include "base/json.h"
#include "base/nearest.h"
#include "diagnose/casetest.h"
#include "diagnose/diagnose.h"
#include "diagnose/playbook.h"
#include "emit/emit.h"

#include <sys/stat.h>

static void cleanup_rules(struct ff_rules **rules)
{
	ff_rules_destroy(*rules);
}

#define _cleanup_rules_ __attribute__((__cleanup__(cleanup_rules)))

struct ff_error *ff_rules_render(const char *rules_dir, enum ff_format format, const struct ff_style *style, char **ret)
{
	_cleanup_rules_ struct ff_rules *rules = NULL;
	struct ff_error *err = ff_rules_load(rules_dir, false, &rules);
	if (err)
		return err;
	_cleanup_json_ json_t *doc =
		json_pack("{s:s, s:o}", "schema", "firstfix.rules/1", "rules", ff_rules_listed(rules));
	return ff_emit_masked(doc, format, style, ret);
}

struct ff_error *ff_rules_lint(const char *path)
{
	_cleanup_rules_ struct ff_rules *rules = NULL;
	struct stat st;
	struct ff_error *err = ff_rules_load(NULL, true, &rules);
	if (err)
		return err;
	if (stat(path, &st) < 0)
		return ff_error_create(FF_EUSAGE, "%s: %s", path, strerror(errno));
	return S_ISDIR(st.st_mode) ? ff_rules_add_dir(rules, path) : ff_rules_add_file(rules, path);
}

struct ff_error *ff_rules_run_cases(
	const char *dir, enum ff_format format, const struct ff_style *style, size_t *ret_failed, char **ret)
{
	json_t *list = NULL, *entry;
	size_t i, failed = 0;
	struct ff_error *err = ff_rules_test(dir, &list);
	if (err)
		return err;
	json_array_foreach (list, i, entry)
		failed += !json_is_true(json_object_get(entry, "ok"));
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:o}", "schema", "firstfix.cases/1", "cases", list);
	err = ff_emit_masked(doc, format, style, ret);
	if (!err)
		*ret_failed = failed;
	return err;
}

static struct ff_error *no_cause(struct ff_rules *rules, const char *cause)
{
	char hint[128];
	size_t i;
	json_t *id;
	_cleanup_json_ json_t *causes = ff_causes(rules);
	struct ff_nearest near = {.wrong = ff_span_of(cause)};
	json_array_foreach (causes, i, id)
		ff_nearest_try(&near, json_string_value(id));
	return ff_error_create(FF_EUSAGE, "no cause '%s'; 'firstfix playbook' without one lists them%s", cause,
		ff_nearest_hint(&near, hint));
}

static struct ff_error *add_page(struct ff_rules *rules, const char *cause, json_t *pages)
{
	json_t *page = NULL;
	struct ff_error *err = ff_playbook(rules, cause, &page);
	if (!err && !page)
		err = no_cause(rules, cause);
	if (!err && json_array_append_new(pages, page) < 0)
		err = &ff_enomem;
	return err;
}

struct ff_error *ff_playbook_render(
	const char *cause, const char *rules_dir, enum ff_format format, const struct ff_style *style, char **ret)
{
	_cleanup_rules_ struct ff_rules *rules = NULL;
	_cleanup_json_ json_t *pages = json_array(), *causes = NULL;
	size_t i;
	json_t *id;
	struct ff_error *err = ff_rules_load(rules_dir, false, &rules);
	if (err)
		return err;
	causes = cause ? json_pack("[s]", cause) : ff_causes(rules);
	json_array_foreach (causes, i, id) {
		if (!err)
			err = add_page(rules, json_string_value(id), pages);
	}
	if (err)
		return err;
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:O}", "schema", "firstfix.playbook/1", "playbook", pages);
	return ff_emit_masked(doc, format, style, ret);
}
