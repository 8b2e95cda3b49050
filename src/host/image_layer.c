// Reads a tar with libarchive and notes what stands in it. Bytes of an archive that lies in memory as it is are not
// copied: the place where libarchive says they are is theirs. Of what comes unpacked or through a pipe, what probes
// read is kept (image_keep.h) in a file without a name.
//
//	etc/os-release, usr/lib/.wh.libold.so, opt/app/.wh..wh..opq
//
// How the source lies: paths climb out (../../etc/passwd), a few kilobytes unpack to terabytes, a header claims a size
// that never comes, a hole of 2^60 bytes costs nothing, a million entries cost memory. Each has a bound here.
#include "host/image_layer.h"

#include "host/image_keep.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { ENTRIES_MAX = 1 << 20, BLOCK = 1 << 20, PACKED_AT_MOST = 200, FOLDERS_MAX = 256 };
static const uint64_t NAMES_MAX = 256u << 20, SPOOL_MAX = UINT64_C(3) << 30, PLACES_MAX = UINT64_C(1) << 42,
		      UNPACKED_MAX = UINT64_C(1) << 40, UNPACKED_FREE = UINT64_C(1) << 30;

struct reading {
	struct ff_unpack *u;
	const struct ff_layer_from *from;
	struct ff_layer *layer;
	struct archive *a;
	uint64_t number; // of the entry
	char path[PATH_MAX];
};

void ff_layer_deinit(struct ff_layer *layer)
{
	ff_buf_deinit(&layer->text);
	free(layer->entries);
	*layer = (struct ff_layer){0};
}

static struct ff_error *trouble(const struct reading *r, enum ff_code code, const char *what, const char *remedy)
{
	bool layer = r->from->name[0];
	if (!layer && !r->path[0]) // its first bytes already
		return ff_error_create(code, "%s: %s; %s", r->u->name, what, remedy);
	return ff_error_create(code, "%s:%s%.80s entry %llu '%.200s': %s; %s", r->u->name, layer ? " layer " : "",
		r->from->name, (unsigned long long)r->number, r->path, what, remedy);
}

static const char damaged[] = "it is cut short, damaged or no image: save it anew ('docker save IMAGE -o FILE')";
static const char hostile[] = "no runtime unpacks that: do not run this image";

static struct ff_error *archive_says(const struct reading *r)
{
	const char *text = r->u->lib->archive_error_string(r->a);
	return trouble(r, FF_EFORMAT, text ? text : "cannot be read", damaged);
}

// "./usr//lib/x/" -> "usr/lib/x"; false for one that climbs out, is too long or too deep.
static bool normalize(const char *path, char ret[PATH_MAX])
{
	size_t n = 0;
	unsigned depth = 0;
	struct ff_span rest = ff_span_of(path), name;
	while (ff_span_next(&rest, '/', &name)) {
		if (!name.n || ff_span_eq(name, "."))
			continue;
		if (ff_span_eq(name, "..") || name.n > NAME_MAX || n + name.n + 2 > PATH_MAX || ++depth > FOLDERS_MAX)
			return false;
		if (n)
			ret[n++] = '/';
		memcpy(ret + n, name.p, name.n);
		n += name.n;
	}
	ret[n] = 0;
	return true;
}

static struct ff_error *spool_open(struct ff_unpack *u)
{
	const char *folder = secure_getenv("TMPDIR");
	if (u->spool >= 0)
		return NULL;
	u->spool = open(folder && *folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (u->spool < 0)
		u->spool = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (u->spool < 0) // a file system that knows no such files, or one that may not be written
		u->spool = memfd_create("firstfix-image", MFD_CLOEXEC);
	return u->spool < 0 ? ff_error_os(errno, "a temporary file") : NULL;
}

struct putting {
	struct ff_unpack *u;
	uint64_t at; // of the file in the spool
	bool full;
};

static struct ff_error *put(void *arg, uint64_t at, const uint8_t *bytes, size_t n)
{
	struct putting *p = arg;
	if (p->full || p->u->spool_used + n > SPOOL_MAX) {
		p->full = true;
		return NULL;
	}
	p->u->spool_used += n;
	while (n) {
		ssize_t done = pwrite(p->u->spool, bytes, n, (off_t)(p->at + at));
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) { // no room on that disk: the file counts as not looked at
			p->full = true;
			return NULL;
		}
		bytes += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return NULL;
}

// True when the unpacked bytes stand in no proportion to the packed ones.
static bool is_bomb(const struct reading *r)
{
	la_int64_t packed = r->u->lib->archive_filter_bytes(r->a, -1), plain = r->u->lib->archive_filter_bytes(r->a, 0);
	return plain > 0 && (uint64_t)plain > UNPACKED_FREE && plain / PACKED_AT_MOST > packed;
}

static struct ff_error *count_unpacked(struct reading *r, uint64_t n)
{
	r->u->unpacked += n;
	r->layer->unpacked += n;
	if (r->u->unpacked > UNPACKED_MAX)
		return trouble(r, FF_ELIMIT, "more than 1 TiB in it", "no image is that large");
	if (is_bomb(r))
		return trouble(r, FF_ELIMIT, "it unpacks to more than 200 times its size", hostile);
	return NULL;
}

static bool within(const struct ff_layer_from *from, const void *p, size_t n)
{
	const uint8_t *begin = p;
	return from->p && begin >= from->p && n <= from->n && (size_t)(begin - from->p) <= from->n - n;
}

// What comes in pieces: unpacked, from a pipe, or with holes.
static struct ff_error *keep_content(
	struct reading *r, struct ff_keep *keep, const void *bytes, size_t n, la_int64_t at, struct ff_tree_bytes *ret)
{
	struct putting to = {.u = r->u, .at = r->u->spool_end};
	struct ff_error *err = spool_open(r->u);
	uint64_t came = 0;
	while (!err) {
		err = ff_keep_feed(keep, (uint64_t)at, bytes, n, put, &to);
		came += n;
		if (!err)
			err = count_unpacked(r, n);
		int code = err ? ARCHIVE_EOF : r->u->lib->archive_read_data_block(r->a, &bytes, &n, &at);
		if (code == ARCHIVE_EOF)
			break;
		if (code < ARCHIVE_WARN)
			err = archive_says(r);
	}
	bool holes = came < keep->size; // they read as zeros, as they should
	if (err || to.full || (holes && keep->size > SPOOL_MAX)) {
		r->u->left_out += to.full;
		return err;
	}
	*ret = (struct ff_tree_bytes){.held = ff_keep_held(keep), .at = to.at};
	r->u->spool_end += (keep->size + 4095) & ~UINT64_C(4095);
	return NULL;
}

static struct ff_error *content(struct reading *r, uint64_t size, struct ff_tree_bytes *ret)
{
	struct ff_keep keep;
	const void *bytes;
	size_t n;
	la_int64_t at;
	enum ff_tree_held held = ff_keep_begin(&keep, r->path, size);
	if (size == 0) {
		ret->held = FF_TREE_WHOLE;
		return NULL;
	}
	if (!r->from->p && held == FF_TREE_NOTHING)
		return count_unpacked(r, size);
	int code = r->u->lib->archive_read_data_block(r->a, &bytes, &n, &at);
	if (code == ARCHIVE_EOF)
		return NULL; // one hole
	if (code < ARCHIVE_WARN)
		return archive_says(r);
	if (at == 0 && n == size && within(r->from, bytes, n)) {
		ret->map = r->from->map;
		ret->held = FF_TREE_WHOLE;
		ret->at = r->from->map_at + (uint64_t)((const uint8_t *)bytes - r->from->p);
		return NULL;
	}
	if (held == FF_TREE_NOTHING)
		return count_unpacked(r, size);
	if (size > PLACES_MAX || r->u->spool_end > PLACES_MAX - size) {
		r->u->left_out++;
		return NULL;
	}
	return keep_content(r, &keep, bytes, n, at, ret);
}

static struct ff_layer_entry *new_entry(struct ff_layer *layer)
{
	if (layer->n == layer->cap) {
		size_t cap = layer->cap ? 2 * layer->cap : 256;
		struct ff_layer_entry *grown = reallocarray(layer->entries, cap, sizeof(*grown));
		if (!grown)
			return NULL;
		layer->entries = grown;
		layer->cap = cap;
	}
	struct ff_layer_entry *e = &layer->entries[layer->n++];
	*e = (struct ff_layer_entry){0};
	return e;
}

static size_t add_text(struct ff_layer *layer, const char *text)
{
	if (!layer->text.n)
		ff_buf_char(&layer->text, 0); // place 0 is no text
	size_t at = layer->text.n;
	ff_buf_add(&layer->text, text, strlen(text) + 1);
	return at;
}

// The text of a name in the archive: as bytes, else (where this locale cannot say it) as UTF-8.
#define NAME_OF(r, e, what)                                                  \
	({                                                                   \
		const char *name_ = (r)->u->lib->archive_entry_##what(e);    \
		name_ ? name_ : (r)->u->lib->archive_entry_##what##_utf8(e); \
	})

static struct ff_error *note(struct reading *r, struct archive_entry *e)
{
	const char *hard = NAME_OF(r, e, hardlink), *soft = NAME_OF(r, e, symlink);
	mode_t type = hard ? S_IFREG : r->u->lib->archive_entry_filetype(e);
	la_int64_t size = r->u->lib->archive_entry_size(e);
	const struct ff_layer_from *from = r->from;
	char target[PATH_MAX];
	if (!type || size < 0)
		return trouble(r, FF_EFORMAT, "of no kind that files have", damaged);
	if ((hard || soft) && strlen(hard ? hard : soft) >= PATH_MAX)
		return trouble(r, FF_EFORMAT, "a link to nowhere", damaged);
	if (hard && !normalize(hard, target))
		return trouble(r, FF_EFORMAT, "a hard link out of the image", hostile);
	if ((hard || soft) && from->alias && from->alias(from->taken_arg, r->path, hard ? target : soft))
		return NULL;
	struct ff_tree_entry entry = {.mode = type | (r->u->lib->archive_entry_perm(e) & 07777),
		.uid = (uid_t)r->u->lib->archive_entry_uid(e),
		.gid = (gid_t)r->u->lib->archive_entry_gid(e),
		.size = type == S_IFREG && !hard ? (uint64_t)size : 0};
	struct ff_error *err = NULL;
	if (type == S_IFREG && !hard && from->taken && from->taken(from->taken_arg, r->path, entry.size, r->a, &err))
		return err;
	if (!err && type == S_IFREG && !hard)
		err = content(r, entry.size, &entry.bytes);
	struct ff_layer_entry *noted = err ? NULL : new_entry(r->layer);
	if (!noted)
		return err ? err : &ff_enomem;
	noted->entry = entry;
	noted->hard = hard;
	noted->path = add_text(r->layer, r->path);
	noted->link = hard ? add_text(r->layer, target) : soft && type == S_IFLNK ? add_text(r->layer, soft) : 0;
	return r->layer->text.failed ? &ff_enomem : NULL;
}

static struct ff_error *each_entry(struct reading *r)
{
	struct archive_entry *e;
	int code;
	struct ff_error *err = NULL;
	while (!err && (code = r->u->lib->archive_read_next_header(r->a, &e)) != ARCHIVE_EOF) {
		r->number++;
		if (code < ARCHIVE_WARN)
			return archive_says(r);
		const char *path = NAME_OF(r, e, pathname);
		snprintf(r->path, sizeof(r->path), "%s", path ? path : "");
		if (!path || !normalize(path, r->path))
			return trouble(r, FF_EFORMAT, "a path out of the image, or too long", hostile);
		if (++r->u->entries > ENTRIES_MAX)
			return trouble(r, FF_ELIMIT, "more than 1048576 entries", "no image has so many");
		if (r->layer->text.n > NAMES_MAX)
			return trouble(r, FF_ELIMIT, "more than 256 MiB of names", "no image has so many");
		err = note(r, e);
	}
	return err;
}

static int open_archive(struct archive *a, const struct ff_archive *lib, const struct ff_layer_from *from)
{
	if (lib->archive_read_support_format_tar(a) < ARCHIVE_WARN ||
		lib->archive_read_support_filter_gzip(a) < ARCHIVE_WARN ||
		lib->archive_read_support_filter_zstd(a) < ARCHIVE_WARN)
		return ARCHIVE_FATAL;
	return from->p ? lib->archive_read_open_memory(a, from->p, from->n)
		       : lib->archive_read_open(a, from->arg, NULL, from->read, NULL);
}

struct ff_error *ff_layer_read(struct ff_unpack *u, const struct ff_layer_from *from, struct ff_layer *ret)
{
	_cleanup_layer_ struct ff_layer layer = {0};
	struct reading r = {.u = u, .from = from, .layer = &layer, .a = u->lib->archive_read_new()};
	if (!r.a)
		return &ff_enomem;
	struct ff_error *err = NULL;
	if (from->p && from->n == 0)
		err = trouble(&r, FF_EFORMAT, "empty", damaged);
	else if (open_archive(r.a, u->lib, from) != ARCHIVE_OK)
		err = archive_says(&r);
	else
		err = each_entry(&r);
	u->lib->archive_read_free(r.a);
	if (err)
		return err;
	*ret = layer;
	layer = (struct ff_layer){0};
	return NULL;
}

static const char whiteout[] = ".wh.", opaque[] = ".wh..wh..opq";

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void take_away(const char *path, struct ff_tree *tree)
{
	const char *name = base_name(path);
	char gone[PATH_MAX];
	int folder = (int)(name - path);
	if (strcmp(name, opaque) == 0) {
		snprintf(gone, sizeof(gone), "%.*s", folder, path);
		ff_tree_remove(tree, gone, true);
	} else if (ff_starts(name, whiteout) && name[strlen(whiteout)]) {
		snprintf(gone, sizeof(gone), "%.*s%s", folder, path, name + strlen(whiteout));
		ff_tree_remove(tree, gone, false);
	}
}

static int bring(const struct ff_layer *layer, const struct ff_layer_entry *e, struct ff_tree *tree)
{
	struct ff_tree_entry entry = e->entry;
	const char *path = layer->text.p + e->path, *link = e->link ? layer->text.p + e->link : NULL;
	if (e->hard) {
		ff_tree_place at = ff_tree_find(tree, link, false, NULL);
		if (at < 0)
			return 0; // its file was left out, or comes never: as if there were none
		entry = *ff_tree_at(tree, at);
		if (S_ISDIR(entry.mode))
			return 0;
		char target[PATH_MAX];
		snprintf(target, sizeof(target), "%s", entry.link ? entry.link : "");
		if (entry.link)
			entry.link = target;
		return ff_tree_put(tree, path, &entry);
	}
	entry.link = link;
	return ff_tree_put(tree, path, &entry);
}

struct ff_error *ff_layer_apply(
	struct ff_unpack *u, const struct ff_layer *layer, const char *name, struct ff_tree *tree)
{
	int err = 0;
	size_t i = 0;
	for (; i < layer->n; i++)
		take_away(layer->text.p + layer->entries[i].path, tree);
	for (i = 0; i < layer->n && !err; i++) {
		if (!ff_starts(base_name(layer->text.p + layer->entries[i].path), whiteout))
			err = bring(layer, &layer->entries[i], tree);
	}
	if (!err)
		return NULL;
	if (err == -ENOMEM)
		return &ff_enomem;
	return ff_error_create(FF_EFORMAT, "%s: layer %.80s: entry '%.200s': %s; %s", u->name, name,
		layer->text.p + layer->entries[i - 1].path, strerror(-err), hostile);
}
