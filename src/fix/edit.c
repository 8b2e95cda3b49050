// A word in a file of the user's own, and who may read one.
//
//	{"edit": "/app/serve.py", "from": "./models/lama", "by": "./models/llama"}
//	                                    ->  sed -i 's|\./models/lama\b|./models/llama|g' /app/serve.py
//	{"edit": "/app/start.sh", "line_ends": true}  ->  sed -i 's/\r$//' /app/start.sh
//	{"edit": "/app/start.sh", "shebang": true}    ->  sed -i '1i #!/bin/sh' /app/start.sh
//	{"grant": "/app/model"}             ->  chmod -R a+rX /app/model
//	{"grant": "/app/start.sh", "run": true}       ->  chmod +x /app/start.sh
//
// Both texts and the path come from the facts, or are found in them: a log alone changes no file.
#include "fix/machine.h"

#include "parse/chars.h"

enum { WORD_LENGTH_MAX = 200, PATH_LENGTH_MAX = 1024 };

static bool is_plain(const char *text, size_t max)
{
	if (!text || !*text || *text == '-' || strlen(text) > max)
		return false;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			return false;
	return true;
}

static bool is_word(char c)
{
	return ff_is_alnum(c) || c == '_';
}

// Every byte that means something to sed stands for itself; a word is not changed within a longer one.
static void sed_text(struct ff_buf *b, const char *text, const char *special, bool bounds)
{
	if (bounds && is_word(text[0]))
		ff_buf_str(b, "\\b");
	for (const char *p = text; *p; p++) {
		if (strchr(special, *p))
			ff_buf_char(b, '\\');
		ff_buf_char(b, *p);
	}
	if (bounds && is_word(text[strlen(text) - 1]))
		ff_buf_str(b, "\\b");
}

struct ff_error *ff_fix_edit(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *path = ff_json_text(intention, "edit"), *from = ff_json_text(intention, "from"),
		   *by = ff_json_text(intention, "by");
	_cleanup_buf_ struct ff_buf script = {0}, b = {0};
	struct ff_error *err = ff_fix_kind(fix, "code", NULL);
	bool line_ends = json_is_true(json_object_get(intention, "line_ends")),
	     shebang = json_is_true(json_object_get(intention, "shebang"));
	bool gnu = m->platform != FF_PLATFORM_WINDOWS && m->platform != FF_PLATFORM_MACOS;
	bool words = is_plain(from, WORD_LENGTH_MAX) && is_plain(by, WORD_LENGTH_MAX);
	if (err || !gnu || !is_plain(path, PATH_LENGTH_MAX) || (!words && !line_ends && !shebang))
		return err;
	if (shebang) {
		ff_buf_str(&script, "1i #!/bin/sh");
	} else if (line_ends) {
		ff_buf_str(&script, "s/\\r$//");
	} else {
		ff_buf_str(&script, "s|");
		sed_text(&script, from, "\\.*[]^$|", true);
		ff_buf_char(&script, '|');
		sed_text(&script, by, "\\&|", false);
		ff_buf_str(&script, "|g");
	}
	if (script.failed)
		return &ff_enomem;
	ff_buf_str(&b, "sed -i ");
	ff_shell_word(&b, script.p);
	ff_buf_char(&b, ' ');
	ff_shell_word(&b, path);
	err = words ? NULL : ff_fix_script_effect(m, path, shebang, fix);
	if (!err && !shebang)
		err = ff_fix_side_effect(fix, "Changes that file wherever it says so.");
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_grant(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *path = ff_json_text(intention, "grant");
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "os", NULL);
	if (err || m->platform == FF_PLATFORM_WINDOWS || !is_plain(path, PATH_LENGTH_MAX))
		return err;
	if (json_is_true(json_object_get(intention, "run"))) {
		ff_buf_str(&b, "chmod +x ");
		ff_shell_word(&b, path);
		return ff_fix_command(fix, &b);
	}
	if (*path != '/')
		return NULL;
	ff_buf_printf(&b, "%schmod -R a+rX ", m->root ? "" : "sudo ");
	ff_shell_word(&b, path);
	err = ff_fix_side_effect(fix, "Every user of this machine may read them then.");
	return err ? err : ff_fix_command(fix, &b);
}
