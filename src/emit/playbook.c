// One page for each cause: what it looks like, what to check, what fixes it.
#include "emit/playbook.h"

#include "emit/page.h"

static void say_list(struct ff_page *page, const char *title, const json_t *list)
{
	size_t i;
	json_t *item;
	ff_page_section(page, title);
	json_array_foreach (list, i, item)
		ff_page_say(page, FF_MARK_NONE, "", "%s", json_string_value(item));
}

static void say_facts(struct ff_page *page, const json_t *facts)
{
	_cleanup_buf_ struct ff_buf text = {0};
	size_t i;
	json_t *path;
	json_array_foreach (facts, i, path)
		ff_buf_printf(&text, "%s%s", i ? ", " : "", json_string_value(path));
	if (text.n && !text.failed)
		ff_page_say(page, FF_MARK_NONE, "In the report", "%s", text.p);
	page->out.failed |= text.failed;
}

static void say_page(struct ff_page *page, const json_t *cause)
{
	const char *title = ff_json_text(cause, "title"), *id = ff_json_text(cause, "cause");
	size_t i;
	json_t *item;
	ff_page_title(page, title ? title : "?", id ? id : "?");
	say_list(page, "What it looks like", json_object_get(cause, "looks"));
	json_array_foreach (json_object_get(cause, "signatures"), i, item)
		ff_page_say(page, FF_MARK_LIST, "", "%s", json_string_value(item));
	say_list(page, "What to check", json_object_get(cause, "check"));
	say_facts(page, json_object_get(cause, "facts"));
	ff_page_section(page, "What fixes it");
	json_array_foreach (json_object_get(cause, "fixes"), i, item) {
		const char *kind = ff_json_text(item, "kind"), *say = ff_json_text(item, "say");
		const char *command = ff_json_text(item, "command");
		ff_page_say(page, FF_MARK_SETTING, kind ? kind : "?", "%s%s%s", say ? say : "", command ? "  $ " : "",
			command ? command : "");
	}
	ff_page_gap(page);
}

static struct ff_error *write_pages(const json_t *doc, struct ff_page *page, char **ret)
{
	size_t i;
	json_t *cause;
	json_array_foreach (json_object_get(doc, "playbook"), i, cause)
		say_page(page, cause);
	return ff_page_finish(page, ret);
}

struct ff_error *ff_playbook_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	return write_pages(doc, &page, ret);
}

struct ff_error *ff_playbook_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_markdown, .style = style};
	return write_pages(doc, &page, ret);
}

static void say_rule(struct ff_page *page, const json_t *rule)
{
	const char *id = ff_json_text(rule, "id"), *title = ff_json_text(rule, "title"),
		   *file = ff_json_text(rule, "file");
	int64_t line = 0, signatures = 0;
	ff_json_int(rule, "line", &line);
	ff_json_int(rule, "signatures", &signatures);
	ff_page_say(page, FF_MARK_NONE, id ? id : "?", "%s (%s:%lld, %lld signatures%s)", title ? title : "",
		file ? file : "?", (long long)line, (long long)signatures,
		json_is_true(json_object_get(rule, "check")) ? ", check" : "");
}

static void say_case(struct ff_page *page, const json_t *c)
{
	const char *name = ff_json_text(c, "name"), *why = ff_json_text(c, "why"), *file = ff_json_text(c, "file");
	if (json_is_true(json_object_get(c, "ok")))
		ff_page_say(page, FF_MARK_OK, file ? file : "?", "%s", name ? name : "");
	else
		ff_page_say(page, FF_MARK_FAIL, file ? file : "?", "%s: %s", name ? name : "", why ? why : "");
}

struct ff_error *ff_rules_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(doc, "rules"), i, item)
		say_rule(&page, item);
	json_array_foreach (json_object_get(doc, "cases"), i, item)
		say_case(&page, item);
	return ff_page_finish(&page, ret);
}
