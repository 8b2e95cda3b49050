// The requirements.txt of the folder that a worker starts in: what it asks for, and pins that exclude each other, which
// an installer would refuse.
//
//	transformers==4.46.3      {"workdir": {"requirements": {"file": "/srv/app/requirements.txt",
//	tokenizers==0.19.1    ->      "asks": {"transformers": "==4.46.3", "tokenizers": "==0.19.1", "einops": ""},
//	einops                        "conflicts": [{"package": "transformers", "requires": "tokenizers<0.21,>=0.20",
//	                                             "found": "0.19.1", "pin": "tokenizers==0.19.1"}]}}}
//
// How the source lies: what is installed may be of another file, so that the worker runs all the same. Another spelling
// of a name than the file's own leaves `pin` out.
#include "api/api.h"

#include "base/io.h"
#include "base/str.h"

#include <fcntl.h>

enum { TEXT_MAX = 1 << 20, ASKS_MAX = 256 };

static struct ff_error *read_text(const char *path, struct ff_buf *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ff_error_create(FF_EABSENT, "%s: not there", path);
	return ff_read_all(fd, path, TEXT_MAX, ret);
}

// The name that a requirement begins with.
static struct ff_span name_of(const char *requires)
{
	return (struct ff_span){
		requires, strspn(requires, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")};
}

static bool is_pinned(const json_t *pins, const char *name)
{
	size_t i;
	json_t *pin;
	json_array_foreach (pins, i, pin) {
		const char *of = ff_json_text(pin, "name");
		if (of && strcmp(of, name) == 0)
			return true;
	}
	return false;
}

// One of two packages that the file itself names, with the text that stands there.
static void keep(const json_t *conflict, const json_t *pins, const char *text, json_t *list)
{
	const char *package = ff_json_text(conflict, "package"), *requires = ff_json_text(conflict, "requires"),
		   *found = ff_json_text(conflict, "found");
	if (!package || !requires || !found || !is_pinned(pins, package))
		return;
	_cleanup_buf_ struct ff_buf pin = {0};
	struct ff_span name = name_of(requires);
	ff_buf_printf(&pin, "%.*s==%s", (int)name.n, name.p, found);
	json_t *copy = json_deep_copy(conflict);
	if (!pin.failed && strstr(text, pin.p))
		json_object_set_new(copy, "pin", json_string(pin.p));
	json_array_append_new(list, copy);
}

// Bounds by name; a name that stands twice keeps what was said first.
static json_t *asks_of(const json_t *pins)
{
	json_t *asks = json_object(), *pin;
	size_t i;
	json_array_foreach (pins, i, pin) {
		const char *name = ff_json_text(pin, "name"), *version = ff_json_text(pin, "version"),
			   *needs = ff_json_text(pin, "needs");
		if (!name || json_object_get(asks, name) || json_object_size(asks) >= ASKS_MAX)
			continue;
		json_object_set_new(
			asks, name, version ? json_sprintf("==%s", version) : json_string(needs ? needs : ""));
	}
	return asks;
}

struct ff_error *ff_requirements_beside(json_t *doc)
{
	const char *folder = ff_json_text(doc, "workdir.folder");
	_cleanup_buf_ struct ff_buf path = {0}, text = {0};
	_cleanup_json_ json_t *facts = NULL, *list = json_array();
	ff_buf_printf(&path, "%s/requirements.txt", folder ? folder : "");
	if (path.failed || !list)
		return &ff_enomem;
	_cleanup_error_ struct ff_error *none = folder ? read_text(path.p, &text) : NULL;
	_cleanup_error_ struct ff_error *unread = none || !folder ? NULL : ff_requirements_facts(path.p, NULL, &facts);
	if (!facts || !text.n)
		return NULL; // no business of who collects facts: `check --requirements` says what is wrong with it
	size_t i;
	json_t *conflict;
	json_array_foreach (ff_json_at(facts, "python.conflicts"), i, conflict)
		keep(conflict, ff_json_at(facts, "requirements.pins"), text.p, list);
	struct ff_error *err = ff_json_put(doc, "workdir.requirements.file", json_string(path.p));
	if (!err)
		err = ff_json_put(doc, "workdir.requirements.asks", asks_of(ff_json_at(facts, "requirements.pins")));
	if (!err && json_array_size(list))
		err = ff_json_put(doc, "workdir.requirements.conflicts", ff_take(&list));
	return err;
}
