// Does what was found fit? Symbol versions as ld.so checks them at start ("version `GLIBC_2.38' not found"), and
// symbols of one library in another, which ld.so checks only when they are bound ("undefined symbol:
// __nvJitLinkComplete_12_4").
// How the source lies: a library without version definitions satisfies every demand (ld.so only warns), and a version
// may be there while a symbol that carries it is not: all of CUDA 12's nvJitLink symbols carry "libnvJitLink.so.12".
#include "host/bytes.h"
#include "host/loader_private.h"

enum { SYMBOLS_MAX = 100000 };

static bool defines(const struct ff_elf *elf, const char *version)
{
	for (size_t i = 0; i < elf->defines_n; i++)
		if (strcmp(elf->defines[i].version, version) == 0)
			return true;
	return elf->defines_n == 0;
}

void ff_loader_check_versions(const struct ff_loader *ld, size_t object,
	void (*each)(const struct ff_ld_version_miss *miss, void *arg), void *arg)
{
	const struct ff_elf *elf = ld->objects[object].elf;
	for (size_t i = 0; i < elf->needs_n; i++) {
		const struct ff_elf_version *v = &elf->needs[i];
		ssize_t library = ff_loader_find(ld, v->file);
		if (library < 0 || defines(ld->objects[library].elf, v->version))
			continue; // a library that is missing altogether is told elsewhere
		each(&(struct ff_ld_version_miss){object, library, v->version, v->file, v->weak}, arg);
	}
}

/** Names, sorted, in one block of text. */
struct symbol_list {
	struct ff_buf text;
	size_t *at; // into text, while it grows
	size_t n, cap;
	bool failed;
	const struct ff_elf *of;
	const char *file; // only symbols with a version of this library; NULL: all that are defined
};

static bool has_version_of(const struct symbol_list *list, uint16_t index)
{
	for (size_t i = 0; i < list->of->needs_n; i++)
		if (list->of->needs[i].index == index && strcmp(list->of->needs[i].file, list->file) == 0)
			return true;
	return false;
}

static bool collect(const struct ff_elf_symbol *symbol, void *arg)
{
	struct symbol_list *list = arg;
	bool wanted = list->file ? symbol->undefined && !symbol->weak && has_version_of(list, symbol->version)
				 : !symbol->undefined;
	if (!wanted)
		return true;
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 256;
		size_t *more = realloc(list->at, cap * sizeof(*more));
		list->failed = !more;
		if (!more)
			return false;
		list->at = more;
		list->cap = cap;
	}
	list->at[list->n++] = list->text.n;
	ff_buf_add(&list->text, symbol->name, strlen(symbol->name) + 1);
	return true;
}

static int compare_symbols(const void *a, const void *b, void *text)
{
	return strcmp((const char *)text + *(const size_t *)a, (const char *)text + *(const size_t *)b);
}

static struct ff_error *symbols_of(struct ff_loader *ld, size_t object, struct symbol_list *list)
{
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	struct ff_error *err = ff_file_open(ld->host, ld->objects[object].path, &file);
	if (!err)
		err = ff_elf_create(&file.bytes, &elf);
	if (!err)
		err = ff_elf_each_symbol(elf, SYMBOLS_MAX, collect, list);
	if (!err && (list->failed || list->text.failed))
		err = &ff_enomem;
	if (!err && list->n)
		qsort_r(list->at, list->n, sizeof(*list->at), compare_symbols, list->text.p);
	return err;
}

/** Symbols of `want` that are not in `have`; both are sorted. */
static void tell_difference(const struct symbol_list *want, const struct symbol_list *have,
	void (*each)(const char *symbol, void *arg), void *arg)
{
	for (size_t i = 0, k = 0; i < want->n; i++) {
		const char *name = want->text.p + want->at[i];
		while (k < have->n && strcmp(have->text.p + have->at[k], name) < 0)
			k++;
		if (k == have->n || strcmp(have->text.p + have->at[k], name) != 0)
			each(name, arg);
	}
}

struct ff_error *ff_loader_check_symbols(
	struct ff_loader *ld, size_t object, size_t library, void (*each)(const char *symbol, void *arg), void *arg)
{
	const char *soname = ld->objects[library].elf->soname;
	struct symbol_list want = {.of = ld->objects[object].elf, .file = soname ? soname : ld->objects[library].name};
	struct symbol_list have = {.of = ld->objects[library].elf};
	struct ff_error *err = symbols_of(ld, object, &want);
	if (!err && want.n)
		err = symbols_of(ld, library, &have);
	if (!err)
		tell_difference(&want, &have, each, arg);
	ff_buf_deinit(&want.text);
	ff_buf_deinit(&have.text);
	free(want.at);
	free(have.at);
	return err;
}
