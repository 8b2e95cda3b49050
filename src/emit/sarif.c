// A diagnosis is a result, its cause a rule, and the lines that it speaks of are locations.
//
//	{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "firstfix", "rules": [{"id": "torch.driver-too-old", ...}]}},
//	  "results": [{"ruleId": "torch.driver-too-old", "level": "error", "message": {"text": "..."},
//	    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "requirements.txt"}, "region": {"startLine": 3}}}]}]}]}
#include "emit/sarif.h"

#include "base/str.h"

static const char schema[] = "https://json.schemastore.org/sarif-2.1.0.json";

// A path as part of a URI: what is no plain character is written as %XX.
static json_t *uri_of(const char *path)
{
	_cleanup_buf_ struct ff_buf uri = {0};
	ff_buf_str(&uri, path[0] == '/' ? "file://" : "");
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			strchr("-._~/", *p);
		if (plain)
			ff_buf_char(&uri, (char)*p);
		else
			ff_buf_printf(&uri, "%%%02X", *p);
	}
	return uri.failed ? NULL : ff_json_string(uri.p ? uri.p : "", uri.n);
}

static json_t *location(const char *file, int64_t line)
{
	return json_pack("{s:{s:{s:o}, s:{s:I}}}", "physicalLocation", "artifactLocation", "uri", uri_of(file),
		"region", "startLine", (json_int_t)(line > 0 ? line : 1));
}

static json_t *locations_of(const json_t *doc, const json_t *d)
{
	json_t *list = json_array(), *pin;
	const char *whole = ff_json_text(doc, "file");
	size_t i;
	json_array_foreach (json_object_get(d, "lines"), i, pin) {
		const char *file = ff_json_text(pin, "file");
		int64_t line = 1;
		ff_json_int(pin, "line", &line);
		if (file)
			json_array_append_new(list, location(file, line));
	}
	if (!json_array_size(list) && whole)
		json_array_append_new(list, location(whole, 1));
	return list;
}

static json_t *message_of(const json_t *d)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const char *title = ff_json_text(d, "title"), *why = ff_json_text(d, "why"),
		   *say = ff_json_text(d, "fixes.0.say"), *command = ff_json_text(d, "fixes.0.command");
	ff_buf_str(&text, why && *why ? why : title ? title : "");
	if (say)
		ff_buf_printf(&text, "\n\nFix to try first: %s", say);
	if (command)
		ff_buf_printf(&text, "\n\n    %s", command);
	return text.failed ? NULL : ff_json_string(text.p ? text.p : "", text.n);
}

// The index of the rule, or how many there are.
static size_t index_of(const json_t *rules, const char *id)
{
	size_t i;
	json_t *rule;
	json_array_foreach (rules, i, rule) {
		if (strcmp(ff_json_text(rule, "id"), id) == 0)
			return i;
	}
	return json_array_size(rules);
}

static void add_result(const json_t *doc, const json_t *d, json_t *rules, json_t *results)
{
	const char *cause = ff_json_text(d, "cause"), *title = ff_json_text(d, "title"),
		   *severity = ff_json_text(d, "severity");
	if (!cause)
		return;
	size_t at = index_of(rules, cause);
	if (at == json_array_size(rules))
		json_array_append_new(rules,
			json_pack("{s:s, s:{s:s}}", "id", cause, "shortDescription", "text", title ? title : cause));
	json_array_append_new(results,
		json_pack("{s:s, s:I, s:s, s:{s:o}, s:o, s:{s:O*}}", "ruleId", cause, "ruleIndex", (json_int_t)at,
			"level", severity && strcmp(severity, "warning") == 0 ? "warning" : "error", "message", "text",
			message_of(d), "locations", locations_of(doc, d), "properties", "confidence",
			json_object_get(d, "confidence")));
}

struct ff_error *ff_emit_sarif(const json_t *doc, char **ret)
{
	const char *what = ff_json_text(doc, "schema");
	json_t *rules = json_array(), *results = json_array(), *d;
	size_t i;
	if (!what || strcmp(what, "firstfix.diagnosis/1") != 0) {
		json_decref(rules);
		json_decref(results);
		return ff_error_create(FF_EFORMAT, "SARIF is written of a diagnosis alone");
	}
	json_array_foreach (json_object_get(doc, "diagnoses"), i, d)
		add_result(doc, d, rules, results);
	_cleanup_json_ json_t *sarif = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o}]}", "$schema", schema,
		"version", "2.1.0", "runs", "tool", "driver", "name", "firstfix", "version", FF_VERSION, "rules", rules,
		"results", results);
	_cleanup_free_ char *text = sarif ? json_dumps(sarif, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
	struct ff_buf b = {0};
	if (!text)
		return &ff_enomem;
	ff_buf_printf(&b, "%s\n", text);
	return ff_buf_finish(&b, ret);
}
