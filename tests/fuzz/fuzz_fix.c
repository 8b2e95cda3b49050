// Words of any bytes in every place where a log or a fact may put one into a command: they stand in it quoted, or not
// at all.
#include "base/str.h"
#include "fix/fix.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORD_MAX = 4096 };

// %s is the word; a JSON string of it is put there.
static const char *const intentions[] = {
	"{\"say\": \"x\", \"install\": %s}",
	"{\"say\": \"x\", \"install\": \"torch\", \"need\": %s}",
	"{\"say\": \"x\", \"install\": \"torch\", \"arch\": %s}",
	"{\"say\": \"x\", \"install\": \"numpy\", \"need\": %s, \"extra\": %s, \"with\": [%s]}",
	"{\"say\": \"x\", \"install\": \"numpy\", \"fresh\": true, \"with\": {\"scipy\": %s}}",
	"{\"say\": \"x\", \"remove\": %s}",
	"{\"say\": \"x\", \"rebuild\": \"flash-attn\", \"arch\": %s, \"need\": %s}",
	"{\"say\": \"x\", \"conda\": \"python\", \"need\": %s}",
	"{\"say\": \"x\", \"conda\": \"mkl\", \"need\": %s}",
	"{\"say\": \"x\", \"set\": {\"HF_HOME\": %s}}",
	"{\"say\": \"x\", \"unset\": [%s]}",
	"{\"say\": \"x\", \"drop\": \"LD_LIBRARY_PATH\", \"entry\": %s}",
	"{\"say\": \"x\", \"prepend\": \"PATH\", \"entry\": %s}",
	"{\"say\": \"x\", \"move\": %s, \"to\": %s}",
	"{\"say\": \"x\", \"fetch\": true, \"path\": %s}",
	"{\"say\": \"x\", \"free\": \"port\", \"port\": %s}",
	"{\"say\": \"x\", \"system\": %s}",
	"{\"say\": \"x\", \"restart\": %s}",
};

static const char *const facts[] = {
	"{}",
	("{\"complete\": [\"python.packages\"], \"env\": {\"LD_LIBRARY_PATH\": %s, \"PYTHONPATH\": %s}, \"python\": "
	 "{\"executable\": %s,"
	 " \"prefix\": %s, \"kind\": \"conda\", \"packages\": {\"pip\": {\"version\": %s}, \"numpy\": {\"version\": "
	 "%s, "
	 "\"location\": %s},"
	 " \"torch\": {\"version\": %s}}, \"required_by\": {\"numpy\": {%s: %s}}}, \"torch\": {\"version\": %s, "
	 "\"cuda\": %s},"
	 " \"driver\": {\"version\": %s}, \"gpus\": [{\"name\": %s}]}"),
	("{\"complete\": [\"python.packages\"], \"python\": {\"executable\": %s, \"tools\": {\"uv\": %s}, "
	 "\"packages\": "
	 "{%s: {\"version\": \"1\"}}}}"),
};

static json_t *filled(const char *format, const char *word)
{
	_cleanup_buf_ struct ff_buf b = {0};
	for (const char *at; (at = strstr(format, "%s")); format = at + 2) {
		ff_buf_add(&b, format, (size_t)(at - format));
		ff_buf_str(&b, word);
	}
	ff_buf_str(&b, format);
	json_t *doc = NULL;
	ff_error_destroy(ff_json_parse("fuzz", b.p, b.n, &doc));
	return doc;
}

// What of a command stands outside of single quotes.
static void unquoted(const char *command, struct ff_buf *ret)
{
	bool inside = false;
	for (; *command; command++) {
		if (*command == '\'')
			inside = !inside;
		else if (!inside && *command == '\\' && command[1] == '\'')
			command++;
		else if (!inside)
			ff_buf_char(ret, *command);
		if ((unsigned char)*command < ' ')
			abort();
	}
	if (inside)
		abort();
}

static void check(const json_t *fix, const char *word)
{
	const char *command = ff_json_text(fix, "command");
	_cleanup_buf_ struct ff_buf outside = {0};
	if (!command)
		return;
	unquoted(command, &outside);
	bool windows = strlen(word) % 2; // where a space or a backslash ends nothing
	bool special = word[strcspn(word, windows ? "!\"#$&'()*;<>?[]^`{|}~" : " !\"#$&'()*;<>?[\\]^`{|}~\t")];
	if (special && outside.p && strstr(outside.p, word))
		abort();
}

static void write_one(const json_t *machine_facts, const char *format, const char *word, const char *quoted)
{
	_cleanup_json_ json_t *intention = filled(format, quoted), *fix = NULL;
	_cleanup_json_ json_t *said = json_pack("{s:s}", "platform", strlen(word) % 2 ? "windows" : "linux");
	_cleanup_fix_machine_ struct ff_fix_machine *machine = NULL;
	if (!intention || ff_fix_machine_create(machine_facts, said, &machine))
		return;
	_cleanup_error_ struct ff_error *err = ff_fix_write(machine, intention, &fix);
	if (!err)
		check(fix, word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct ff_buf b = {0};
	ff_buf_str(&b, "qz");
	ff_buf_add(&b, data, size < WORD_MAX ? size : WORD_MAX);
	_cleanup_json_ json_t *word = ff_json_string(b.p, b.n);
	_cleanup_free_ char *quoted = json_dumps(word, JSON_ENCODE_ANY);
	for (size_t f = 0; quoted && f < sizeof(facts) / sizeof(*facts); f++) {
		_cleanup_json_ json_t *doc = filled(facts[f], quoted);
		for (size_t i = 0; i < sizeof(intentions) / sizeof(*intentions); i++)
			write_one(doc, intentions[i], json_string_value(word), quoted);
	}
	return 0;
}
