// Writes the book of the built-in rules (src/diagnose/book.h) as C. Run by the build only:
//
//	rulec OUT.c HEALTHY.txt
//
// Every rule is read and checked here, so that no start has to; a wrong one ends the build. The databases come in two
// forms: one that serves every machine of the architecture, and a wide one for those with AVX2. HEALTHY.txt tells which
// texts are common in healthy logs, so that the filter looks for others.
#include "base/io.h"
#include "diagnose/book.h"
#include "diagnose/diagnose.h"
#include "diagnose/finding.h"
#include "diagnose/matcher.h"

#include <ctype.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>

// As text: a compiler reads that ten times as fast as a list of numbers.
static void put_bytes(FILE *out, const char *name, size_t number, const char *bytes, size_t n)
{
	fprintf(out, "_Alignas(%d) static const char %s_%zu[%zu] =", FF_BOOK_ALIGNMENT, name, number, n);
	for (size_t i = 0; i < n; i++)
		fprintf(out, i % 64 ? "\\%03o" : i ? "\"\n\"\\%03o" : "\n\"\\%03o", (unsigned char)bytes[i]);
	fputs("\";\n", out);
}

static void put_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c > '~' || strchr("\"\\?", *c))
			fprintf(out, "\\%03o", *c);
		else
			fputc(*c, out);
	}
	fputs("\", ", out);
}

// ---- databases, and the scratch behind them ----

enum { SCRATCH = FF_BOOK_DATABASES * FF_BOOK_FORMS, IMAGES };

static struct ff_error *put_databases(FILE *out, struct ff_rules *rules, struct ff_span healthy, size_t sizes[IMAGES])
{
	struct ff_matcher_images images = {0};
	struct ff_error *err = ff_matcher_images(rules, healthy, &images);
	for (size_t i = 0; i < IMAGES; i++) {
		const struct ff_matcher_image *image =
			i == SCRATCH ? &images.scratch : &images.databases[i / FF_BOOK_FORMS][i % FF_BOOK_FORMS];
		sizes[i] = image->n;
		if (!err && image->n)
			put_bytes(out, "image", i, image->bytes, image->n);
		free(image->bytes);
	}
	return err;
}

// ---- code ----

static int add_code(lua_State *L, const void *bytes, size_t n, void *context)
{
	struct ff_buf *code = context;
	(void)L;
	ff_buf_add(code, bytes, n);
	return code->failed;
}

// With line numbers, for messages of rules that fail.
static struct ff_error *put_code(FILE *out, const char *file, size_t number)
{
	_cleanup_buf_ struct ff_buf code = {0};
	lua_State *L = luaL_newstate();
	struct ff_error *err = L ? ff_book_load(L, file) : &ff_enomem;
	if (!err && lua_dump(L, add_code, &code, 0) != 0)
		err = &ff_enomem;
	if (!err)
		put_bytes(out, "code", number, code.p, code.n);
	if (L)
		lua_close(L);
	return err;
}

static struct ff_error *put_files(FILE *out, size_t *ret_n)
{
	char name[FF_BOOK_NAME_MAX];
	size_t n = 0;
	struct ff_error *err = put_code(out, FF_BOOK_PRELUDE, n++);
	for (; !err && ff_book_rules_name(n - 1, name); n++)
		err = put_code(out, name, n);
	fputs("static const struct ff_book_file files[] = {\n", out);
	for (size_t i = 0; i < n; i++) {
		fputs("\t{", out);
		put_text(out, i && ff_book_rules_name(i - 1, name) ? name : FF_BOOK_PRELUDE);
		fprintf(out, "{code_%zu, sizeof(code_%zu)}},\n", i, i);
	}
	fputs("};\n", out);
	*ret_n = n;
	return err;
}

// ---- rules ----

static struct ff_error *put_reads(FILE *out, struct ff_rules *rules, size_t rule)
{
	_cleanup_json_ json_t *paths = NULL;
	struct ff_error *err = ff_judge_reads(rules, rule, &paths);
	const char *path;
	json_t *read;
	if (err || !json_object_size(paths))
		return err;
	fputs(".reads =", out);
	json_object_foreach (paths, path, read)
		fprintf(out, " \"%s\\0\"", path);
	fputs(", ", out);
	return NULL;
}

static struct ff_error *put_rules(FILE *out, struct ff_rules *rules)
{
	fputs("static const struct ff_rule rules[] = {\n", out);
	for (size_t i = 0; i < ff_rules_count(rules); i++) {
		const struct ff_rule *r = ff_rules_at(rules, i);
		if (!r->id)
			return ff_error_create(FF_EUSAGE, "a built-in rule stands twice (number %zu)", i + 1);
		fputs("\t{", out);
		put_text(out, r->id);
		put_text(out, r->cause);
		put_text(out, r->title);
		put_text(out, r->file);
		fprintf(out, ".line = %d, .role = %d, .warning = %d, .has_when = %d, .has_check = %d, .ended = %d, ",
			r->line, r->role, r->warning, r->has_when, r->has_check, r->ended);
		struct ff_error *err = r->has_check ? put_reads(out, rules, i) : NULL;
		if (err)
			return err;
		fprintf(out,
			".ref = LUA_NOREF, .built_in = true, .in_book = true, .first_signature = %zu, .signature_count "
			"= %zu},\n",
			r->first_signature, r->signature_count);
	}
	fputs("};\n", out);
	return NULL;
}

static void put_signatures(FILE *out, struct ff_rules *rules)
{
	fputs("static const struct ff_signature signatures[] = {\n", out);
	for (size_t i = 0; i < ff_rules_signature_count(rules); i++) {
		const struct ff_signature *s = ff_rules_signature_at(rules, i);
		fprintf(out, "\t{%zu, ", s->rule);
		put_text(out, s->name);
		put_text(out, s->pattern);
		fprintf(out, ".built_in = true, .in_book = true, .context = %d},\n", s->context);
	}
	fputs("};\n", out);
}

static struct ff_error *put_book(FILE *out, struct ff_rules *rules, struct ff_span healthy)
{
	size_t sizes[IMAGES] = {0}, files = 0;
	fputs("// Made by tools/rulec: do not edit.\n#include \"diagnose/book.h\"\n#include <lauxlib.h>\n", out);
	struct ff_error *err = put_databases(out, rules, healthy, sizes);
	if (!err)
		err = put_files(out, &files);
	if (!err)
		err = put_rules(out, rules);
	if (err)
		return err;
	put_signatures(out, rules);
	fputs("const struct ff_book ff_book = {\n\t.lua = ", out);
	put_text(out, lua_ident);
	fputs("\n\t.databases = {", out);
	for (size_t i = 0; i < SCRATCH; i++) {
		if (sizes[i])
			fprintf(out, "[%zu][%zu] = {image_%zu, sizeof(image_%zu)}, ", i / FF_BOOK_FORMS,
				i % FF_BOOK_FORMS, i, i);
	}
	fputs("},\n", out);
	if (sizes[SCRATCH])
		fprintf(out, "\t.scratch = {image_%d, sizeof(image_%d)},\n", SCRATCH, SCRATCH);
	fprintf(out, "\t.files = files, .rules = rules, .signatures = signatures, .file_count = %zu,", files);
	fprintf(out, " .rule_count = %zu, .signature_count = %zu};\n", ff_rules_count(rules),
		ff_rules_signature_count(rules));
	return NULL;
}

static struct ff_error *read_healthy(const char *path, struct ff_buf *ret)
{
	enum { SAMPLE_MAX = 1 << 20 };
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ff_error *err = fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, SAMPLE_MAX, ret);
	for (size_t i = 0; i < ret->n; i++)
		ret->p[i] = (char)(isdigit((unsigned char)ret->p[i]) ? '0' : tolower((unsigned char)ret->p[i]));
	return err;
}

static struct ff_error *compile_to(const char *path, const char *sample)
{
	struct ff_rules *rules = NULL;
	_cleanup_buf_ struct ff_buf healthy = {0};
	_cleanup_fclose_ FILE *out = fopen(path, "w");
	struct ff_error *err = out ? ff_rules_load(NULL, true, &rules) : ff_error_os(errno, "%s", path);
	if (!err)
		err = read_healthy(sample, &healthy);
	if (!err)
		err = put_book(out, rules, (struct ff_span){healthy.p, healthy.n});
	if (!err && ferror(out))
		err = ff_error_os(EIO, "%s", path);
	ff_rules_destroy(rules);
	return err;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: rulec OUT.c HEALTHY.txt\n", stderr);
		return 2;
	}
	struct ff_error *err = compile_to(argv[1], argv[2]);
	if (!err)
		return 0;
	fprintf(stderr, "rulec: %s\n", err->message);
	ff_error_destroy(err);
	return 1;
}
