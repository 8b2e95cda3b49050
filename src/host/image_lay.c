// Lays the layers of an image one over the other.
//
//	blobs/sha256/ab12... index.json manifest.json oci-layout     docker 25, podman, skopeo
//	ab12.../layer.tar cd34.json manifest.json repositories       older dockers
//	bin etc usr/...                                              docker export
//
// How the source lies: the documents that say which member is a layer stand behind the layers, so all are read in the
// order of the archive and laid when that is known; the same layer lies there once and is linked to.
#include "base/io.h"
#include "host/image_json.h"
#include "host/image_private.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum { MEMBERS_MAX = 4096, HEX = 64 };

void ff_image_members_deinit(struct ff_image *image)
{
	for (size_t i = 0; i < image->members_n; i++) {
		struct ff_image_member *m = &image->members[i];
		free(m->name);
		free(m->alias);
		free(m->own);
		ff_layer_deinit(&m->layer);
	}
	free(image->members);
	image->members = NULL;
	image->members_n = 0;
}

// ---- members of an archive ----

static struct ff_image_member *find_member(const struct ff_image *image, const char *name)
{
	for (int links = 0; links < 8; links++) {
		struct ff_image_member *found = NULL;
		for (size_t i = 0; i < image->members_n && !found; i++) {
			if (strcmp(image->members[i].name, name) == 0)
				found = &image->members[i];
		}
		if (!found || !found->alias)
			return found;
		name = found->alias;
	}
	return NULL;
}

static struct ff_image_member *add_member(struct ff_image *image, const char *name)
{
	if (image->members_n == MEMBERS_MAX)
		return NULL;
	if (!image->members && !(image->members = calloc(MEMBERS_MAX, sizeof(*image->members))))
		return NULL;
	struct ff_image_member *m = &image->members[image->members_n];
	*m = (struct ff_image_member){.name = strdup(name)};
	if (!m->name)
		return NULL;
	image->members_n++;
	return m;
}

// manifest.json, blobs/sha256/HEX, HEX.json, HEX/layer.tar, sha256:HEX: what the root of a file system never has.
static bool is_member(const char *path)
{
	static const char *const documents[] = {"manifest.json", "index.json", "oci-layout", "repositories"};
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (strcmp(path, documents[i]) == 0)
			return true;
	}
	if (ff_starts(path, "blobs/sha256/"))
		path += strlen("blobs/sha256/");
	else if (ff_starts(path, "sha256:"))
		path += strlen("sha256:");
	return strspn(path, "0123456789abcdef") == HEX;
}

struct nested {
	struct ff_image *image;
	struct archive *outer;
	const void *first; // a block that was read to see what it is
	size_t first_n;
};

static la_ssize_t read_nested(struct archive *a, void *arg, const void **ret)
{
	struct nested *n = arg;
	size_t size = n->first_n;
	la_int64_t at;
	(void)a;
	*ret = n->first;
	n->first_n = 0;
	if (size)
		return (la_ssize_t)size;
	int code = n->image->u.lib->archive_read_data_block(n->outer, ret, &size, &at);
	return code == ARCHIVE_EOF ? 0 : code < ARCHIVE_WARN ? -1 : (la_ssize_t)size;
}

static struct ff_error *read_document(struct nested *n, struct ff_image_member *m)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const void *bytes;
	la_ssize_t got;
	while ((got = read_nested(NULL, n, &bytes)) > 0) {
		if (text.n + (size_t)got > FF_IMAGE_DOCUMENT_MAX)
			return ff_error_create(
				FF_ELIMIT, "%s: %.120s: a document of more than 8 MiB", n->image->name, m->name);
		ff_buf_add(&text, bytes, (size_t)got);
	}
	if (got < 0)
		return ff_error_create(FF_EFORMAT, "%s: %.120s: cut short", n->image->name, m->name);
	m->n = text.n;
	struct ff_error *err = ff_buf_finish(&text, &m->own);
	m->p = (const uint8_t *)m->own;
	return err;
}

static struct ff_error *read_member(struct nested *n, struct ff_image_member *m, uint64_t size)
{
	const struct ff_image_map *map = n->image->maps_n > 1 ? &n->image->maps[n->image->maps_n - 1] : NULL;
	la_int64_t at;
	if (size == 0)
		return NULL;
	int code = n->image->u.lib->archive_read_data_block(n->outer, &n->first, &n->first_n, &at);
	const uint8_t *p = n->first;
	if (code < ARCHIVE_WARN || code == ARCHIVE_EOF)
		return ff_error_create(
			FF_EFORMAT, "%s: %.120s: cut short; save the image anew", n->image->name, m->name);
	if (map && p >= map->p && p < map->p + map->n && n->first_n == size) {
		m->p = p;
		m->n = (size_t)size;
		m->map = n->image->maps_n - 1;
		m->map_at = (uint64_t)(p - map->p);
		return NULL;
	}
	if (n->first_n && (*p == '{' || *p == '[') && size <= FF_IMAGE_DOCUMENT_MAX)
		return read_document(n, m);
	if (ff_ends(m->name, "json") || ff_ends(m->name, "VERSION") || ff_ends(m->name, "repositories") ||
		ff_ends(m->name, "oci-layout"))
		return read_document(n, m);
	m->is_layer = true;
	const struct ff_layer_from from = {.name = m->name, .read = read_nested, .arg = n};
	return ff_layer_read(&n->image->u, &from, &m->layer);
}

static bool take_member(void *arg, const char *path, uint64_t size, struct archive *a, struct ff_error **ret_err)
{
	struct ff_image *image = arg;
	struct nested n = {.image = image, .outer = a};
	if (!is_member(path))
		return false;
	struct ff_image_member *m = add_member(image, path);
	*ret_err = m ? read_member(&n, m, size)
		     : ff_error_create(FF_ELIMIT, "%s: more than %d members", image->name, MEMBERS_MAX);
	return true;
}

// "HEX/layer.tar" -> "../HEX/layer.tar": docker's old archives say a layer once.
static bool take_alias(void *arg, const char *path, const char *target)
{
	struct ff_image *image = arg;
	if (!is_member(path))
		return false;
	struct ff_image_member *m = add_member(image, path);
	if (m)
		m->alias = strdup(ff_starts(target, "../") ? target + strlen("../") : target);
	return true;
}

// ---- OCI's layout as a folder ----

// Names are those that ff_image_plan() made of digests; one of docker's manifest lies in no such folder.
static struct ff_error *member_of_layout(struct ff_image *image, const char *name, struct ff_image_member **ret)
{
	struct ff_image_map *map;
	*ret = NULL;
	if (!is_member(name) || strstr(name, "..") || faccessat(image->layout_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	struct ff_error *err = ff_image_map_file(image, image->layout_fd, name, &map);
	struct ff_image_member *m = err ? NULL : add_member(image, name);
	if (!m)
		return err ? err : &ff_enomem;
	m->p = map->p;
	m->n = map->n;
	m->map = image->maps_n - 1;
	*ret = m;
	return NULL;
}

static struct ff_error *member_of(struct ff_image *image, const char *name, struct ff_image_member **ret)
{
	*ret = find_member(image, name);
	return *ret || image->layout_fd < 0 ? NULL : member_of_layout(image, name, ret);
}

static struct ff_error *document_of(void *arg, const char *name, json_t **ret)
{
	struct ff_image *image = arg;
	struct ff_image_member *m;
	struct ff_error *err = member_of(image, name, &m);
	if (err || !m)
		return err;
	if (m->is_layer || m->n > FF_IMAGE_DOCUMENT_MAX)
		return ff_error_create(FF_EFORMAT, "%s: %.120s is no document; save the image anew", image->name, name);
	char place[PATH_MAX];
	snprintf(place, sizeof(place), "%s: %.120s", image->name, name);
	return ff_json_parse(place, m->p ? (const char *)m->p : "", m->n, ret);
}

// ---- layers ----

// Files that hold secrets by what they are; what stands in them decides (api/image.c).
static const char *const suspicious[] = {"/.netrc", "/.git-credentials", "/.aws/credentials", "/.docker/config.json",
	"/.npmrc", "/.pypirc", "/pip.conf", "/.env", "/.huggingface/token", "/huggingface/token", "/id_rsa",
	"/id_ed25519", "/id_ecdsa", "/application_default_credentials.json", "/.kube/config", "/.config/pip/pip.conf"};

static void note_suspects(struct ff_image *image, const struct ff_layer *layer, const char *name)
{
	for (size_t i = 0; i < layer->n && image->suspects_n < FF_IMAGE_SUSPECTS; i++) {
		const char *path = layer->text.p + layer->entries[i].path;
		const struct ff_tree_entry *entry = &layer->entries[i].entry;
		if (!S_ISREG(entry->mode) || !entry->size || layer->entries[i].hard)
			continue;
		for (size_t k = 0; k < sizeof(suspicious) / sizeof(suspicious[0]); k++) {
			if (!ff_ends(path, suspicious[k]) && strcmp(path, suspicious[k] + 1) != 0)
				continue;
			struct ff_image_suspect *s = &image->suspects[image->suspects_n];
			*s = (struct ff_image_suspect){strdup(path), strdup(name), *entry};
			image->suspects_n++;
			break;
		}
	}
}

static struct ff_error *lay(struct ff_image *image, struct ff_image_member *m, uint64_t *size)
{
	struct ff_error *err = NULL;
	_cleanup_layer_ struct ff_layer read = {0};
	struct ff_layer *layer = &m->layer;
	if (!m->is_layer && m->n) {
		const struct ff_layer_from from = {
			.name = m->name, .p = m->p, .n = m->n, .map = m->map, .map_at = m->map_at};
		err = ff_layer_read(&image->u, &from, &read);
		layer = &read;
	}
	if (err)
		return err;
	note_suspects(image, layer, m->name);
	for (size_t i = 0; i < layer->n; i++)
		*size += layer->entries[i].entry.size;
	return ff_layer_apply(&image->u, layer, m->name, image->tree);
}

static struct ff_error *lay_all(struct ff_image *image, const struct ff_image_plan *plan, uint64_t *size)
{
	size_t i;
	json_t *name;
	json_array_foreach (plan->layers, i, name) {
		struct ff_image_member *m = NULL;
		struct ff_error *err = member_of(image, json_string_value(name), &m);
		if (!err && m)
			err = lay(image, m, size);
		else if (!err)
			err = ff_error_create(FF_EFORMAT,
				"%s: layer %.120s is named and not in it; save the image anew ('docker save IMAGE -o "
				"FILE')",
				image->name, json_string_value(name));
		if (err)
			return err;
	}
	return NULL;
}

// Kept bytes are read through a mapping, which helpers inherit.
static struct ff_error *map_spool(struct ff_image *image)
{
	struct stat st;
	if (image->u.spool < 0 || fstat(image->u.spool, &st) < 0 || image->u.spool_end == 0)
		return NULL;
	if (ftruncate(image->u.spool, (off_t)image->u.spool_end) < 0)
		return ff_error_os(errno, "a temporary file");
	void *p = mmap(NULL, (size_t)image->u.spool_end, PROT_READ, MAP_SHARED, image->u.spool, 0);
	if (p == MAP_FAILED)
		return ff_error_os(errno, "mmap");
	image->maps[0] = (struct ff_image_map){.p = p, .n = (size_t)image->u.spool_end};
	return NULL;
}

struct ff_error *ff_image_lay(struct ff_image *image, const struct ff_layer *flat)
{
	_cleanup_image_plan_ struct ff_image_plan plan = {0};
	struct utsname u;
	uint64_t size = 0;
	bool layered = image->layout_fd >= 0 || find_member(image, "manifest.json") || find_member(image, "index.json");
	struct ff_error *err = ff_tree_create(&image->tree);
	if (!err && layered)
		err = ff_image_plan(image->name, uname(&u) == 0 ? u.machine : NULL, document_of, image, &plan);
	if (!err && layered)
		err = lay_all(image, &plan, &size);
	else if (!err && image->members_n && !flat->n)
		err = ff_error_create(
			FF_EFORMAT, "%s: neither manifest.json nor index.json in it; save the image anew", image->name);
	else if (!err)
		err = ff_layer_apply(&image->u, flat, "", image->tree);
	if (!err && !layered)
		note_suspects(image, flat, "the archive");
	for (size_t i = 0; !err && !layered && i < flat->n; i++)
		size += flat->entries[i].entry.size;
	if (!err)
		err = map_spool(image);
	if (!err && layered)
		err = ff_image_live_of(plan.config, &image->live);
	else if (!err && !(image->live = json_pack("{s:{s:b}}", "image", "configured", 0)))
		err = &ff_enomem;
	if (!err)
		err = ff_image_describe(image, layered ? plan.kind : "file system", plan.tag,
			layered ? json_array_size(plan.layers) : 1, size, plan.others);
	ff_image_members_deinit(image);
	return err;
}

struct ff_error *ff_image_read(struct ff_image *image, struct ff_layer_from *from)
{
	_cleanup_layer_ struct ff_layer flat = {0};
	from->name = "";
	from->taken = take_member;
	from->alias = take_alias;
	from->taken_arg = image;
	struct ff_error *err = ff_layer_read(&image->u, from, &flat);
	return err ? err : ff_image_lay(image, &flat);
}
