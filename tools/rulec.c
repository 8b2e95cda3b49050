// Compiles the signatures of all built-in rules into one Vectorscan database and writes it as C. Run by the build only:
//
//	rulec OUT.c
//
// The database is for the generic member of the architecture, so the same program serves every machine of it; its key lets the
// program see that it was made from exactly the rules that travel beside it.
#include "base/io.h"
#include "diagnose/diagnose.h"
#include "diagnose/matcher.h"

#include <stdio.h>

static struct ff_error *write_c(const char *path, const char *bytes, size_t n, uint64_t key)
{
	_cleanup_fclose_ FILE *out = fopen(path, "w");
	if (!out)
		return ff_error_os(errno, "%s", path);
	fputs("// Made by tools/rulec: do not edit.\n#include <stddef.h>\n#include <stdint.h>\n", out);
	fputs("extern const unsigned char ff_signature_db[];\nextern const size_t ff_signature_db_size;\n"
	      "extern const uint64_t ff_signature_db_key;\n",
		out);
	fprintf(out, "const size_t ff_signature_db_size = %zu;\nconst uint64_t ff_signature_db_key = 0x%llxu;\n", n,
		(unsigned long long)key);
	fputs("_Alignas(64) const unsigned char ff_signature_db[] = {\n", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%u,%s", (unsigned char)bytes[i], i % 32 == 31 ? "\n" : "");
	fputs("\n};\n", out);
	return ferror(out) ? ff_error_os(EIO, "%s", path) : NULL;
}

static struct ff_error *compile_to(const char *path)
{
	struct ff_rules *rules = NULL;
	struct ff_matcher *matcher = NULL;
	char *bytes = NULL;
	size_t n = 0;
	struct ff_error *err = ff_rules_load(NULL, true, &rules);
	if (!err)
		err = ff_matcher_create(rules, &matcher);
	if (!err)
		err = ff_matcher_serialize(matcher, &bytes, &n);
	uint64_t key = 0;
	if (!err)
		err = ff_matcher_key(rules, &key);
	if (!err)
		err = write_c(path, bytes, n, key);
	free(bytes);
	ff_matcher_destroy(matcher);
	ff_rules_destroy(rules);
	return err;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: rulec OUT.c\n", stderr);
		return 2;
	}
	struct ff_error *err = compile_to(argv[1]);
	if (!err)
		return 0;
	fprintf(stderr, "rulec: %s\n", err->message);
	ff_error_destroy(err);
	return 1;
}
