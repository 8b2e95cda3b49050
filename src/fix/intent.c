// The closed vocabulary of intentions: which there are, what fields each may have, which file writes its command.
//
//	{install = "transformers", need = ">=4.51,<5", say = "Install a transformers that knows this model."}
//	{flag = "max_model_len", value = 8192, say = "Ask for a shorter context."}
#include "fix/machine.h"

#include <stdarg.h>

static const struct intention {
	const char *name;
	ff_fix_family *write;
	const char *kind;	// of those that a person acts on
	const char *open;	// what would decide, where the machine at hand gives it no effect
	const char *fields[14]; // besides those that all have
} intentions[] = {
	{"install", ff_fix_install, NULL, "which release of it would be taken is not known",
		{"need", "with", "fresh", "alone", "build", "extra", "older", "arch", "absent", "replace", "index",
			"newest", "importer"}},
	{"link", ff_fix_link, NULL, "whether the project can be built here, its installation shows", {"source"}},
	{"remove", ff_fix_remove, NULL, "whether it is installed here is not known", {NULL}},
	{"rebuild", ff_fix_rebuild, NULL, "whether it compiles and loads here, the build shows",
		{"need", "jobs", "arch"}},
	{"conda", ff_fix_conda, NULL, "no table says what this package of conda brings", {"need"}},
	{"set", ff_fix_set, NULL, "whether the variable is read, the next start shows", {NULL}},
	{"unset", ff_fix_unset, NULL, "whether the variable is set where the worker runs is not known", {NULL}},
	{"drop", ff_fix_drop, NULL, "what stands on that variable is not known", {"entry", "like"}},
	{"prepend", ff_fix_prepend, NULL, "what lies in that folder is not known", {"entry", "holds"}},
	{"flag", ff_fix_flag, NULL, "whether this value is enough, the next start shows",
		{"value", "engine", "toward", "spelled", "stated", "also"}},
	{"argument", ff_fix_argument, NULL, "what the code gives it now is not known", {"value"}},
	{"limit", ff_fix_limit, NULL, "how high the limit is where the worker runs is not known", {"value"}},
	{"container", ff_fix_container, NULL, "how the container was started is not known", {"value"}},
	{"setting", ff_fix_setting, NULL,
		"what the facts hold of it is not enough: its command shows whether it worked", {"index", "need"}},
	{"free", ff_fix_free, NULL, "who holds it is not known here",
		{"pid", "port", "path", "gpu", "variable", "listed"}},
	{"fetch", ff_fix_fetch, NULL, "whether the copy that is fetched is whole, fetching it shows",
		{"path", "repo", "lfs", "only"}},
	{"move", ff_fix_move, NULL, "whether another copy is found then, the next start shows", {"to"}},
	{"edit", ff_fix_edit, NULL, "what the file holds is not known", {"from", "by", "line_ends", "shebang"}},
	{"grant", ff_fix_grant, NULL, "how the file's rights are now is not known", {"run"}},
	{"image", ff_fix_image, NULL, "what the other image brings is in no table", {"need", "arch"}},
	{"remount", ff_fix_remount, NULL, "how it is mounted is not known", {NULL}},
	{"renew", ff_fix_renew, NULL, "whether its packages run under that interpreter, the next start shows",
		{"python"}},
	{"system", ff_fix_system, NULL, "whether it is installed is not known", {"need", "variables"}},
	{"driver", ff_fix_driver, "driver", "which driver would be installed is not known", {"need"}},
	{"toolkit", ff_fix_toolkit, "toolkit", "which toolkit is here is not known", {"need"}},
	{"restart", ff_fix_restart, "restart", "a restart changes nothing that facts hold: the next start shows",
		{NULL}},
	{"login", ff_fix_login, "auth", "whether the account has access, the server shows", {"need"}},
	{"code", ff_fix_words, "code", "only the changed code can show it", {NULL}},
	{"network", ff_fix_words, "network", "what is reached from there, only a connection shows", {NULL}},
	{"host", ff_fix_words, "os", "what must be done there, its administrator decides", {NULL}},
	{"hardware", ff_fix_words, "hardware", "it takes another machine", {NULL}},
	{"wait", ff_fix_words, "wait", "time shows it", {NULL}},
};

static const char *const common[] = {"say", "kind", "automatic", "side_effects", "effect", "computed", "cond"};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct intention *find(const char *name)
{
	for (size_t i = 0; i < COUNT(intentions); i++)
		if (ff_span_eq(ff_span_of(intentions[i].name), name))
			return &intentions[i];
	return NULL;
}

static bool listed(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n && list[i]; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

bool ff_intention_known(const char *intention, const char *field)
{
	const struct intention *found = find(intention ? intention : field);
	if (!intention || !found)
		return found != NULL;
	return strcmp(intention, field) == 0 || listed(field, found->fields, COUNT(found->fields)) ||
		listed(field, common, COUNT(common));
}

const char *ff_intention_names(void)
{
	return "install, link, remove, rebuild, conda, set, unset, drop, prepend, flag, argument, limit, container, "
	       "setting, "
	       "free, fetch, move, edit, grant, image, remount, renew, system, driver, toolkit, restart, login, code, "
	       "network, host, hardware, wait";
}

// ---- kinds of the contract ----

static const char *const plain_kinds[] = {"driver", "toolkit", "code", "hardware", "disk", "auth", "restart",
	"free-gpu", "wait", "conda", "os", "network", "free-port"};
static const char *const named_kinds[] = {
	"env:", "pip:", "pip-downgrade:", "apt:", "container-flag:", "param:", "rebuild:"};

bool ff_fix_kind_ok(const char *kind)
{
	if (listed(kind, plain_kinds, COUNT(plain_kinds)))
		return true;
	for (size_t i = 0; i < COUNT(named_kinds); i++)
		if (ff_starts(kind, named_kinds[i]) && kind[strlen(named_kinds[i])])
			return true;
	return false;
}

struct ff_error *ff_fix_kind(json_t *fix, const char *family, const char *name)
{
	if (json_object_get(fix, "kind"))
		return NULL;
	json_t *kind = name ? json_sprintf("%s:%s", family, name) : json_string(family);
	return kind && json_object_set_new(fix, "kind", kind) == 0 ? NULL : &ff_enomem;
}

// ---- what all families say ----

struct ff_error *ff_fix_command(json_t *fix, struct ff_buf *command)
{
	_cleanup_free_ char *text = NULL;
	struct ff_error *err = ff_buf_finish(command, &text);
	if (err)
		return err;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return NULL; // a fact or a log has put another line into it
	return json_object_set_new(fix, "command", ff_json_string(text, strlen(text))) == 0 ? NULL : &ff_enomem;
}

__attribute__((format(printf, 4, 0))) static struct ff_error *sentence(
	json_t *fix, const char *key, bool list, const char *format, va_list args)
{
	json_t *text = json_vsprintf(format, args);
	if (!text)
		return &ff_enomem;
	if (!list)
		return json_object_set_new(fix, key, text) == 0 ? NULL : &ff_enomem;
	json_t *all = json_object_get(fix, key);
	if (!all && json_object_set_new(fix, key, all = json_array()) < 0) {
		json_decref(text);
		return &ff_enomem;
	}
	return json_array_append_new(all, text) == 0 ? NULL : &ff_enomem;
}

struct ff_error *ff_fix_refuse(json_t *fix, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct ff_error *err = sentence(fix, "refused", false, format, args);
	va_end(args);
	return err;
}

struct ff_error *ff_fix_side_effect(json_t *fix, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct ff_error *err = sentence(fix, "side_effects", true, format, args);
	va_end(args);
	return err;
}

struct ff_error *ff_fix_say_more(json_t *fix, const char *sentence_more)
{
	json_t *text = json_sprintf("%s %s", ff_json_text(fix, "say"), sentence_more);
	return text && json_object_set_new(fix, "say", text) == 0 ? NULL : &ff_enomem;
}

// Keys may hold dots (paths of facts, names of packages), so no dotted path is used here.
struct ff_error *ff_fix_effect(json_t *fix, const char *group, const char *key, json_t *value)
{
	json_t *effect = json_object_get(fix, "effect");
	if (!effect && json_object_set_new(fix, "effect", effect = json_object()) < 0)
		effect = NULL;
	json_t *of = json_object_get(effect, group);
	if (effect && !of && json_object_set_new(effect, group, of = json_object()) < 0)
		of = NULL;
	return of && json_object_set_new(of, key, value) == 0 ? NULL : &ff_enomem;
}

struct ff_error *ff_fix_words(const struct ff_fix_machine *machine, const json_t *intention, json_t *fix)
{
	(void)machine, (void)intention, (void)fix; // one sentence says who must do what; there is no command
	return NULL;
}

// ---- one intention ----

static const struct intention *intention_of(const json_t *intention)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)intention, key, value) {
		const struct intention *found = find(key);
		if (found && !json_is_null(value) && !json_is_false(value))
			return found;
	}
	return NULL;
}

// What the rule itself says it does to the facts: paths and values, beside what the family knows.
static struct ff_error *stated_effect(const json_t *intention, json_t *fix)
{
	const char *path;
	json_t *value;
	struct ff_error *err = NULL;
	json_object_foreach (json_object_get(intention, "effect"), path, value) {
		if (!err)
			err = ff_fix_effect(fix, "facts", path, json_incref(value));
	}
	return err;
}

// A field that nobody reads would be lost without a word.
static struct ff_error *check_fields(const struct intention *what, const json_t *intention)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)intention, key, value) {
		if (!ff_intention_known(what->name, key))
			return ff_error_create(FF_EUSAGE, "a fix of '%s' has no field '%s'", what->name, key);
	}
	return NULL;
}

// What a command of these fetches comes from elsewhere. A proxy, an index or wheels on this machine may stand for it.
static bool over_network(const struct ff_fix_machine *m, const struct intention *what)
{
	static const char *const reaching[] = {"install", "rebuild", "conda", "fetch", "system", "login"};
	static const char *const nearer[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HF_ENDPOINT",
		"PIP_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_FIND_LINKS"};
	for (size_t i = 0; i < COUNT(nearer); i++)
		if (m->facts && ff_json_text(json_object_get(m->facts, "env"), nearer[i]))
			return false;
	return listed(what->name, reaching, COUNT(reaching));
}

static struct ff_error *refuse_alone(const struct ff_fix_machine *m, const struct intention *what, json_t *fix)
{
	const json_t *interfaces = m->facts ? ff_json_at(m->facts, "system.network.interfaces") : NULL;
	const char *first = json_string_value(json_array_get(interfaces, 0));
	bool alone = json_array_size(interfaces) == 1 && first && strcmp(first, "lo") == 0;
	if (!alone || !json_object_get(fix, "command") || json_object_get(fix, "refused") || !over_network(m, what))
		return NULL;
	return ff_fix_refuse(fix, "it would fetch something, and no network is here but the loopback");
}

struct ff_error *ff_fix_write(const struct ff_fix_machine *machine, const json_t *intention, json_t **ret)
{
	const struct intention *what = intention_of(intention);
	const char *say = ff_json_text(intention, "say"), *kind = ff_json_text(intention, "kind");
	if (!what || !say)
		return ff_error_create(FF_EUSAGE, "a fix needs 'say' and one of: %s", ff_intention_names());
	struct ff_error *err = check_fields(what, intention);
	if (err)
		return err;
	json_t *computed = json_object_get(intention, "computed");
	_cleanup_json_ json_t *fix = json_pack("{s:s, s:b, s:O*, s:O*}", "say", say, "automatic",
		json_is_true(json_object_get(intention, "automatic")), "side_effects",
		json_object_get(intention, "side_effects"), "computed", computed);
	if (!fix || (kind && json_object_set_new(fix, "kind", json_string(kind)) < 0))
		return &ff_enomem;
	err = what->write(machine, intention, fix);
	if (!err)
		err = refuse_alone(machine, what, fix);
	if (!err && what->kind)
		err = ff_fix_kind(fix, what->kind, NULL);
	if (!err)
		err = stated_effect(intention, fix);
	if (!err && !json_object_get(fix, "open"))
		err = ff_fix_open(fix, "%s", what->open);
	if (err)
		return err;
	const char *made = ff_json_text(fix, "kind");
	if (!made || !ff_fix_kind_ok(made))
		return ff_error_create(FF_EUSAGE, "'%s' is no kind of fix (see causes.tsv)", made ? made : "");
	*ret = json_incref(fix);
	return NULL;
}
