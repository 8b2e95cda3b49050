// An atlas from its first byte: opening it, and every question about it. The check of the head is made right, so that
// what is behind it is reached. The last bytes of the input are the words asked for.
#include "know/atlas_ask.h"

#include <stdlib.h>

static const char *version_of(void *arg, const char *package)
{
	(void)package;
	return arg;
}

static bool found(void *arg, const struct ff_atlas_lack *lack)
{
	(void)arg;
	return lack->module && strlen(lack->package) < 1000000;
}

static void ask(const struct ff_atlas *a, const char *word)
{
	struct ff_atlas_package p;
	struct ff_atlas_answer answer;
	struct ff_span library;
	struct ff_atlas_flag flag;
	ff_atlas_ask_flag(a, "acme", word, "1.1", &flag);
	ff_atlas_ask_flag(a, "acme", "--tp", NULL, &flag);
	ff_atlas_ask_symbol(a, "_ZN4acme4openESs", "1.1", &answer, &library);
	for (size_t i = 0; i < 64 && ff_atlas_package_at(a, i, &p); i++) {
		static char version[] = "1.1.5";
		ff_atlas_ask_name(a, p.modules, word, "1.1", &answer);
		ff_atlas_ask_name(a, "acme_hub", word, NULL, &answer);
		ff_atlas_ask_attribute(a, p.name, "Client", word, version, &answer);
		ff_atlas_ask_parameter(a, p.name, "Client.__init__", word, i & 1, NULL, &answer);
		ff_atlas_ask_beside(a, p.name, version, "acme-hub", "2.0", &answer);
		ff_atlas_lacks(a, p.name, version, version_of, found, version);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_atlas a;
	uint64_t n = size;
	uint8_t *bytes = malloc(size + 1); // aligned as an atlas must be
	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	if (size > 24)
		memcpy(bytes + 8, &n, sizeof(n));
	ff_atlas_seal(bytes, size);
	struct ff_error *err = ff_atlas_open(bytes, size, &a);
	if (!err) {
		ask(&a, "Folder");
		ask(&a, "token");
		struct ff_atlas_message m;
		struct ff_span tail = {(const char *)bytes + size - (size < 200 ? size : 200), size < 200 ? size : 200};
		ff_atlas_ask_message(&a, "acme-hub", tail, &m);
		ff_atlas_ask_printed(&a, tail, &m);
		ff_atlas_ask_message(&a, "acme-hub", FF_SPAN("The store requires --page-size 4 or a larger one"), &m);
	}
	ff_error_destroy(err);
	free(bytes);
	return 0;
}
