// Compiles the signatures of all built-in rules into one Vectorscan database and writes it as C. Run by the build only:
//
//	rulec OUT.c
//
// One database serves every machine of the architecture, a second one (wide) those with AVX2; the key lets the program see that
// they were made from exactly the rules that travel beside them.
#include "base/io.h"
#include "diagnose/diagnose.h"
#include "diagnose/matcher.h"

#include <stdio.h>

static void write_array(FILE *out, const char *name, const char *bytes, size_t n)
{
	fprintf(out, "extern const unsigned char %s[];\nextern const size_t %s_size;\n", name, name);
	fprintf(out, "const size_t %s_size = %zu;\n_Alignas(64) const unsigned char %s[] = {\n", name, n, name);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%u,%s", (unsigned char)bytes[i], i % 32 == 31 ? "\n" : "");
	fputs(n ? "\n};\n" : "0};\n", out);
}

static struct ff_error *write_database(FILE *out, const char *name, struct ff_rules *rules, bool wide)
{
	char *bytes = NULL;
	size_t n = 0;
	struct ff_error *err = ff_matcher_serialize(rules, wide, &bytes, &n);
	if (!err)
		write_array(out, name, bytes, n);
	free(bytes);
	return err;
}

static struct ff_error *compile_to(const char *path)
{
	struct ff_rules *rules = NULL;
	uint64_t key = 0;
	_cleanup_fclose_ FILE *out = fopen(path, "w");
	struct ff_error *err = out ? ff_rules_load(NULL, true, &rules) : ff_error_os(errno, "%s", path);
	if (!err)
		err = ff_matcher_key(rules, &key);
	if (!err) {
		fputs("// Made by tools/rulec: do not edit.\n#include <stddef.h>\n#include <stdint.h>\n", out);
		fprintf(out,
			"extern const uint64_t ff_signature_db_key;\nconst uint64_t ff_signature_db_key = 0x%llxu;\n",
			(unsigned long long)key);
		err = write_database(out, "ff_signature_db", rules, false);
	}
	if (!err)
		err = write_database(out, "ff_signature_db_wide", rules, true);
	if (!err && ferror(out))
		err = ff_error_os(EIO, "%s", path);
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
