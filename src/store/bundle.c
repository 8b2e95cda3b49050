// Bundles over libarchive. Reading treats the file as hostile: only the member `incident.json` is looked at, at most
// INCIDENT_MAX bytes of it, behind at most MEMBERS_MAX others; no path in the archive is ever used.
#include "store/bundle.h"

#include "base/io.h"
#include "host/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

enum { INCIDENT_MAX = 64 << 20, MEMBERS_MAX = 64, BLOCK = 65536 };

static const struct ff_archive *lib; // filled before anything below uses it

static void cleanup_writer(struct archive **a)
{
	lib->archive_write_free(*a);
}

static void cleanup_reader(struct archive **a)
{
	lib->archive_read_free(*a);
}

static void cleanup_entry(struct archive_entry **e)
{
	lib->archive_entry_free(*e);
}

static struct ff_error *archive_says(struct archive *a, const char *path)
{
	const char *text = a ? lib->archive_error_string(a) : NULL;
	return ff_error_create(FF_EOS, "%s: %s", path, text ? text : "archive error");
}

static struct ff_error *add(struct archive *a, const char *path, const char *name, const char *text, size_t n)
{
	FF_CLEANUP(cleanup_entry) struct archive_entry *entry = lib->archive_entry_new();
	if (!entry)
		return &ff_enomem;
	lib->archive_entry_set_pathname(entry, name);
	lib->archive_entry_set_size(entry, (la_int64_t)n);
	lib->archive_entry_set_filetype(entry, AE_IFREG);
	lib->archive_entry_set_perm(entry, 0644);
	lib->archive_entry_set_mtime(entry, time(NULL), 0);
	if (lib->archive_write_header(a, entry) != ARCHIVE_OK || lib->archive_write_data(a, text, n) != (la_ssize_t)n)
		return archive_says(a, path);
	return NULL;
}

static struct ff_error *add_json(struct archive *a, const char *path, const char *name, const json_t *document)
{
	_cleanup_free_ char *text = json_dumps(document, JSON_INDENT(1));
	return text ? add(a, path, name, text, strlen(text)) : &ff_enomem;
}

static struct ff_error *add_all(
	struct archive *a, const char *path, const struct ff_shareable *incident, const char *markdown)
{
	static const char *const tails[][2] = {{"stdout.txt", "tail.stdout"}, {"stderr.txt", "tail.stderr"}};
	const json_t *doc = ff_shareable_document(incident);
	struct ff_error *err = add_json(a, path, "incident.json", doc);
	if (!err)
		err = add_json(a, path, "masked.json", ff_shareable_masked(incident));
	if (!err)
		err = add(a, path, "incident.md", markdown, strlen(markdown));
	for (size_t i = 0; !err && i < 2; i++) {
		const char *tail = ff_json_text(doc, tails[i][1]);
		if (tail)
			err = add(a, path, tails[i][0], tail, strlen(tail));
	}
	return err;
}

static struct ff_error *write_to(int fd, const char *path, const struct ff_shareable *incident, const char *markdown)
{
	FF_CLEANUP(cleanup_writer) struct archive *a = lib->archive_write_new();
	if (!a)
		return &ff_enomem;
	if (lib->archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
		lib->archive_write_add_filter_zstd(a) != ARCHIVE_OK || lib->archive_write_open_fd(a, fd) != ARCHIVE_OK)
		return archive_says(a, path);
	struct ff_error *err = add_all(a, path, incident, markdown);
	if (!err && lib->archive_write_close(a) != ARCHIVE_OK)
		err = archive_says(a, path);
	return err;
}

struct ff_error *ff_bundle_write(const char *path, const struct ff_shareable *incident, const char *markdown)
{
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	struct ff_error *err = ff_archive(&lib);
	if (!err)
		err = ff_new_file_open(path, &file);
	if (!err)
		err = write_to(file.fd, path, incident, markdown);
	return err ? err : ff_new_file_commit(&file, 0600);
}

static struct ff_error *read_member(struct archive *a, const char *path, json_t **ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	char chunk[BLOCK];
	la_ssize_t n;
	while ((n = lib->archive_read_data(a, chunk, sizeof(chunk))) > 0) {
		if (text.n + (size_t)n > INCIDENT_MAX)
			return ff_error_create(
				FF_ELIMIT, "%s: incident.json is larger than %d MiB", path, INCIDENT_MAX >> 20);
		ff_buf_add(&text, chunk, (size_t)n);
	}
	if (n < 0)
		return archive_says(a, path);
	if (text.failed)
		return &ff_enomem;
	return ff_json_parse(path, text.n ? text.p : "", text.n, ret);
}

static struct ff_error *find_member(struct archive *a, const char *path, json_t **ret)
{
	struct archive_entry *entry;
	for (int i = 0; i < MEMBERS_MAX; i++) {
		int code = lib->archive_read_next_header(a, &entry);
		if (code == ARCHIVE_EOF)
			break;
		if (code != ARCHIVE_OK)
			return archive_says(a, path);
		const char *name = lib->archive_entry_pathname(entry);
		if (name && strcmp(name, "incident.json") == 0)
			return read_member(a, path, ret);
	}
	return ff_error_create(FF_EFORMAT, "%s: no incident.json in it; is it a bundle of 'firstfix bundle'?", path);
}

static struct ff_error *read_from(const char *path, json_t **ret)
{
	FF_CLEANUP(cleanup_reader) struct archive *a = lib->archive_read_new();
	if (!a)
		return &ff_enomem;
	if (lib->archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
		lib->archive_read_support_format_tar(a) != ARCHIVE_OK ||
		lib->archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK)
		return archive_says(a, path);
	return find_member(a, path, ret);
}

struct ff_error *ff_bundle_read(const char *path, json_t **ret)
{
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_archive(&lib);
	if (!err)
		err = read_from(path, &doc);
	if (err)
		return err;
	const char *schema = ff_json_text(doc, "schema");
	if (!schema || strcmp(schema, "firstfix.incident/1") != 0)
		return ff_error_create(
			FF_EFORMAT, "%s: not a firstfix.incident/1 but '%.40s'", path, schema ? schema : "nothing");
	*ret = ff_take(&doc);
	return NULL;
}

bool ff_bundle_is(const char *path)
{
	unsigned char magic[4] = {0};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || read(fd, magic, sizeof(magic)) != sizeof(magic))
		return false;
	return memcmp(magic, "\x28\xb5\x2f\xfd", sizeof(magic)) == 0;
}
