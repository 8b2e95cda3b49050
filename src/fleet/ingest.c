// Files and folders of many workers into the database.
//
//	firstfix fleet ingest collector/logs.json incidents/*.tar.zst /mnt/workers
//
// What a file is shows its content: a bundle (zstd), OTLP/JSON or documents of firstfix (one a line, or one of many
// lines); a folder with firstfix.db in it is a state folder, any other is walked.
//
// How the source lies: a file may be written while it is read (its last line is half a record), be no record at all, be
// a FIFO, or hold a line without end; links are not followed on the way down.
#include "fleet/database.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/str.h"
#include "store/bundle.h"
#include "store/store.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LINE_MAX_BYTES = 16 << 20, CHUNK = 1 << 16, WHOLE_MAX = 64 << 20, DEPTH_MAX = 8, BATCH = 20000 };
enum { NAME_BYTES = 256, CLOCK_SLACK_MS = 600000 };

struct ingest {
	struct ff_fleet *fleet;
	struct ff_fleet_counts *counts;
	struct ff_fleet_sink sink;
	void (*told)(const char *path, const char *why);
	uint64_t ceiling_ms;
	unsigned in_batch;
	char worker[NAME_BYTES];
};

static struct ff_error *take(void *to, const struct ff_fleet_record *record)
{
	struct ingest *in = to;
	struct ff_error *err = ff_fleet_put(in->fleet, record, in->ceiling_ms, in->counts);
	if (err || ++in->in_batch < BATCH)
		return err;
	in->in_batch = 0;
	err = ff_fleet_end(in->fleet);
	return err ? err : ff_fleet_begin(in->fleet);
}

static void tell(const struct ingest *in, const char *path, const char *why)
{
	if (in->told)
		in->told(path, why);
}

static struct ff_error *unread(struct ingest *in, const char *path, struct ff_error *err)
{
	const char *why = err->message;
	size_t n = strlen(path);
	if (ff_starts(why, path) && ff_starts(why + n, ": ")) // the path is told already
		why += n + 2;
	tell(in, path, why);
	in->counts->files_unread++;
	ff_error_destroy(err);
	return NULL;
}

static struct ff_error *take_document(struct ingest *in, const json_t *document)
{
	bool known = true;
	struct ff_error *err = ff_fleet_is_otlp(document) ? ff_fleet_read_otlp(document, &in->sink)
							  : ff_fleet_read_document(document, &in->sink, &known);
	in->counts->other += !known;
	return err;
}

// One line; `last` says that the file ends in it, without a newline.
static struct ff_error *take_line(struct ingest *in, struct ff_span line, bool last)
{
	line = ff_span_trim(line);
	if (!line.n)
		return NULL;
	_cleanup_json_ json_t *document = json_loadb(line.p, line.n, 0, NULL);
	if (document)
		return take_document(in, document);
	if (last)
		in->counts->cut++;
	else
		in->counts->broken++;
	return NULL;
}

// Documents that stand in one text one after the other, over several lines each.
static struct ff_error *take_whole(struct ingest *in, struct ff_span text)
{
	struct ff_error *err = NULL;
	while (!err && (text = ff_span_trim(text)).n) {
		json_error_t where;
		_cleanup_json_ json_t *document = json_loadb(text.p, text.n, JSON_DISABLE_EOF_CHECK, &where);
		if (!document) {
			bool early = json_error_code(&where) == json_error_premature_end_of_input;
			in->counts->cut += early;
			in->counts->broken += !early;
			return NULL;
		}
		err = take_document(in, document);
		text.p += where.position;
		text.n -= (size_t)where.position;
	}
	return err;
}

// Lines of a stream that may have no end; what is longer than a record can be is passed over.
static struct ff_error *take_lines(struct ingest *in, FILE *file, struct ff_buf *line)
{
	_cleanup_free_ char *chunk = malloc(CHUNK);
	bool skipping = false;
	size_t n;
	while (chunk && (n = fread(chunk, 1, CHUNK, file)) > 0) {
		struct ff_span rest = {chunk, n};
		const char *end;
		while ((end = memchr(rest.p, '\n', rest.n)) != NULL) {
			size_t length = (size_t)(end - rest.p);
			ff_buf_add(line, rest.p, skipping ? 0 : length);
			struct ff_error *err =
				skipping ? NULL : take_line(in, (struct ff_span){line->p, line->n}, false);
			if (err)
				return err;
			line->n = 0;
			skipping = false;
			rest = (struct ff_span){end + 1, rest.n - length - 1};
		}
		if (!skipping && line->n + rest.n > LINE_MAX_BYTES) {
			in->counts->too_long++;
			skipping = true;
			line->n = 0;
		}
		ff_buf_add(line, rest.p, skipping ? 0 : rest.n);
		if (line->failed)
			return &ff_enomem;
	}
	return chunk ? take_line(in, (struct ff_span){line->p, skipping ? 0 : line->n}, true) : &ff_enomem;
}

// A document whose first line is none by itself is written over several.
static bool is_pretty(FILE *file, off_t size)
{
	char first[CHUNK];
	if (size > WHOLE_MAX || !fgets(first, sizeof(first), file))
		return false;
	rewind(file);
	struct ff_span line = ff_span_trim(ff_span_of(first));
	json_t *document = json_loadb(line.p, line.n, 0, NULL);
	json_decref(document);
	return !document && line.n && line.n <= 2;
}

static struct ff_error *take_text(struct ingest *in, const char *path, FILE *file, off_t size)
{
	_cleanup_buf_ struct ff_buf text = {0};
	int c;
	while ((c = getc(file)) != EOF && isspace(c))
		;
	if (c != EOF && c != '{') {
		tell(in, path, "neither JSON, a bundle nor a state folder");
		in->counts->files_other++;
		return NULL;
	}
	rewind(file);
	in->counts->files++;
	if (!is_pretty(file, size))
		return take_lines(in, file, &text);
	struct ff_error *err = ff_read_all(fileno(file), path, WHOLE_MAX, &text);
	return err ? unread(in, path, err) : take_whole(in, (struct ff_span){text.p, text.n});
}

static struct ff_error *take_bundle(struct ingest *in, const char *path)
{
	_cleanup_json_ json_t *document = NULL;
	struct ff_error *err = ff_bundle_read(path, &document);
	if (err)
		return unread(in, path, err);
	in->counts->files++;
	return take_document(in, document);
}

static struct ff_error *take_state(struct ingest *in, const char *path)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *list = NULL, *good = NULL;
	size_t i;
	json_t *row;
	char whole[PATH_MAX]; // SQLite refuses a path with a link in it
	struct ff_error *err = realpath(path, whole) ? NULL : ff_error_os(errno, "%s", path);
	if (!err)
		err = ff_store_open(whole, true, &store);
	if (!err)
		err = ff_store_list(store, &list);
	if (err)
		return unread(in, path, err);
	in->counts->files++;
	json_array_foreach (list, i, row) {
		_cleanup_json_ json_t *document = NULL;
		err = ff_store_get(store, ff_json_text(row, "id"), &document);
		err = err ? unread(in, path, err) : take_document(in, document);
		if (err)
			return err;
	}
	err = ff_store_get_good(store, NULL, &good);
	if (!err)
		return ff_fleet_read_good_start(good, &in->sink);
	ff_error_destroy(err); // there was none yet
	return NULL;
}

// "workers/gpu-17" -> "gpu-17", "x/gpu-17.tar.zst" -> "gpu-17": the worker of a document that does not say it.
static void name_worker(struct ingest *in, const char *path)
{
	static const char *const endings[] = {".zst", ".tar", ".json", ".jsonl"};
	char whole[PATH_MAX];
	const char *known = realpath(path, whole) ? whole : path, *slash = strrchr(known, '/');
	snprintf(in->worker, sizeof(in->worker), "%.*s", NAME_BYTES - 1, slash ? slash + 1 : known);
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (ff_ends(in->worker, endings[i]) && strlen(in->worker) > strlen(endings[i]))
			in->worker[strlen(in->worker) - strlen(endings[i])] = '\0';
}

static uint64_t ms_of(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct ff_error *take_file(struct ingest *in, const char *path, const struct stat *st)
{
	uint64_t written = ms_of(st->st_mtim), today = ff_clock_epoch_ns() / 1000000;
	in->ceiling_ms = (written < today ? written : today) + CLOCK_SLACK_MS;
	if (ff_bundle_is(path))
		return take_bundle(in, path);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	return file ? take_text(in, path, file, st->st_size) : unread(in, path, ff_error_os(errno, "%s", path));
}

static struct ff_error *take_path(struct ingest *in, const char *path, int depth);

static struct ff_error *take_folder(struct ingest *in, const char *path, int depth)
{
	_cleanup_closedir_ DIR *folder = opendir(path);
	const struct dirent *entry;
	if (!folder || depth > DEPTH_MAX)
		return unread(in, path, ff_error_os(folder ? ELOOP : errno, "%s", path));
	while ((entry = readdir(folder)) != NULL) {
		char inner[PATH_MAX];
		if (entry->d_name[0] == '.' ||
			snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name) >= (int)sizeof(inner))
			continue;
		struct ff_error *err = take_path(in, inner, depth + 1);
		if (err)
			return err;
	}
	return NULL;
}

static struct ff_error *take_path(struct ingest *in, const char *path, int depth)
{
	char database[PATH_MAX];
	struct stat st, db;
	int failed = depth ? lstat(path, &st) : stat(path, &st);
	if (failed < 0)
		return unread(in, path, ff_error_os(errno, "%s", path));
	if (snprintf(database, sizeof(database), "%s/firstfix.db", path) >= (int)sizeof(database))
		return unread(in, path, ff_error_os(ENAMETOOLONG, "%s", path));
	name_worker(in, path);
	if (S_ISDIR(st.st_mode) && lstat(database, &db) == 0 && S_ISREG(db.st_mode)) {
		in->ceiling_ms = ff_clock_epoch_ns() / 1000000;
		return take_state(in, path);
	}
	if (S_ISDIR(st.st_mode))
		return take_folder(in, path, depth);
	if (S_ISREG(st.st_mode))
		return take_file(in, path, &st);
	in->counts->files_other++;
	return NULL;
}

struct ff_error *ff_fleet_ingest(struct ff_fleet *fleet, const char *const *paths, size_t n, const char *name,
	void (*told)(const char *path, const char *why), struct ff_fleet_counts *ret)
{
	struct ingest in = {.fleet = fleet, .counts = ret, .told = told};
	in.sink = (struct ff_fleet_sink){.take = take, .to = &in, .counts = ret, .worker = in.worker, .fleet = name};
	struct ff_error *err = ff_fleet_begin(fleet);
	for (size_t i = 0; !err && i < n; i++)
		err = take_path(&in, paths[i], 0);
	return err ? err : ff_fleet_end(fleet);
}
