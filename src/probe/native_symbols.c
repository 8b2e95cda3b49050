// Symbols that an extension takes from torch and that the torch beside it does not have: "undefined symbol" before the
// start, and of which torch it was built for. The atlas knows what changed from release to release, so torch's own
// libraries (a hundred thousand names) are read only where it finds something.
//
//	{"missing_symbols": [{"symbol": "_ZN3c105ErrorC2ENS_14SourceLocationESs", "library": "libc10"}],
//	 "built_for": {"package": "torch", "first": "2.1.2", "last": "2.6.0"}}
// How the source lies: the builds of one release differ (C++ ABI), so the libraries on disk have the last word; a weak
// symbol may be missing, and one that any library of the closure gives is not.
#include "probe/native.h"

#include "know/atlas_ask.h"

enum { SYMBOLS_MAX = 300000, MISSING_MAX = 8 };

struct wanted {
	const struct ff_atlas *atlas;
	struct ff_atlas_package torch;
	int at;	      // the release that is here
	uint64_t fit; // releases that have all that is listed
	char *missing[MISSING_MAX];
	struct ff_span libraries[MISSING_MAX];
	size_t n;
	bool failed;
};

static bool want(const struct ff_elf_symbol *symbol, void *arg)
{
	struct wanted *w = arg;
	struct ff_span library;
	uint64_t set = symbol->undefined && !symbol->weak
		? ff_atlas_symbol_in(w->atlas, &w->torch, symbol->name, &library)
		: 0;
	if (!set)
		return true;
	w->fit &= set;
	if (set >> w->at & 1 || w->n == MISSING_MAX)
		return true;
	w->libraries[w->n] = library;
	w->missing[w->n] = strdup(symbol->name);
	w->failed = !w->missing[w->n];
	w->n += !w->failed;
	return !w->failed;
}

static bool strike(const struct ff_elf_symbol *symbol, void *arg)
{
	struct wanted *w = arg;
	for (size_t i = 0; !symbol->undefined && i < w->n; i++) {
		if (strcmp(w->missing[i], symbol->name) != 0)
			continue;
		free(w->missing[i]);
		w->missing[i] = w->missing[--w->n];
		w->libraries[i] = w->libraries[w->n];
	}
	return w->n > 0;
}

static struct ff_error *each_symbol(struct ff_host *host, const char *path,
	bool (*each)(const struct ff_elf_symbol *symbol, void *arg), struct wanted *w)
{
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	struct ff_error *err = ff_file_open(host, path, &file);
	if (!err)
		err = ff_elf_create(&file.bytes, &elf);
	if (!err)
		err = ff_elf_each_symbol(elf, SYMBOLS_MAX, each, w);
	return err ? err : w->failed ? &ff_enomem : NULL;
}

static bool is_torch(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && (ff_starts(slash, "/libtorch") || ff_starts(slash, "/libc10"));
}

// Takes away what the libraries on disk do have; *ret_torch: torch's own were among them.
static struct ff_error *confirm(
	struct ff_host *host, const struct ff_loader *ld, size_t root, struct wanted *w, bool *ret_torch)
{
	_cleanup_free_ size_t *list = NULL;
	size_t n = 0;
	struct ff_error *err = ff_loader_closure(ld, root, &list, &n);
	for (size_t i = 1; !err && w->n && i < n; i++) {
		const struct ff_ld_object *o = ff_loader_object(ld, list[i]);
		*ret_torch |= is_torch(o->path);
		err = each_symbol(host, o->path, strike, w);
	}
	return err;
}

static struct ff_error *tell(const struct wanted *w, json_t *into)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < w->n; i++)
		json_array_append_new(list,
			json_pack("{s:o*, s:s%}", "symbol", ff_native_text(w->missing[i]), "library", w->libraries[i].p,
				w->libraries[i].n));
	if (!list || json_object_set_new(into, "missing_symbols", list) < 0)
		return &ff_enomem;
	struct ff_atlas_answer fit = {0};
	ff_atlas_answer_set(w->atlas, &w->torch, w->fit, ff_atlas_string(w->atlas, w->torch.releases[w->at]), &fit);
	if (fit.state != FF_ATLAS_CHANGED)
		return NULL;
	return json_object_set_new(into, "built_for",
		       json_pack("{s:s, s:s, s:s, s:s, s:s}", "package", "torch", "first", fit.first, "last", fit.last,
			       "newer", fit.newer, "older", fit.older)) < 0
		? &ff_enomem
		: NULL;
}

struct ff_error *ff_native_torch_symbols(
	struct ff_host *host, const struct ff_loader *ld, size_t root, const char *torch, json_t *into)
{
	const struct ff_ld_object *o = ff_loader_object(ld, root);
	struct wanted w = {.atlas = ff_atlas(), .fit = UINT64_MAX};
	bool same = false, linked = false, read = false;
	for (size_t i = 0; i < o->elf->needed_n; i++)
		linked |= ff_starts(o->elf->needed[i], "libtorch") || ff_starts(o->elf->needed[i], "libc10");
	if (!linked || !torch || !w.atlas || o->elf->machine != EM_X86_64 ||
		!ff_atlas_libraries(w.atlas, "torch", &w.torch))
		return NULL;
	w.at = ff_atlas_position(w.atlas, &w.torch, torch, &same);
	if (!same)
		return NULL;
	struct ff_error *err = each_symbol(host, o->path, want, &w);
	if (!err && w.n)
		err = confirm(host, ld, root, &w, &read);
	if (!err && w.n && read)
		err = tell(&w, into);
	while (w.n)
		free(w.missing[--w.n]);
	return err;
}
