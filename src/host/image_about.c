// What is said of an image as a whole, and what the runtime adds when it starts one.
//
//	USER app   ->   "uid": 1000, "gid": 1000, HOME=/home/app
#include "host/image_private.h"

#include <sys/stat.h>

static bool field_of(struct ff_span line, unsigned index, struct ff_span *ret)
{
	for (unsigned i = 0; ff_span_next(&line, ':', ret); i++) {
		if (i == index)
			return true;
	}
	return false;
}

// A line of /etc/passwd or /etc/group by its name or number.
static bool line_of(const struct ff_image *image, const char *file, struct ff_span who, struct ff_span *ret)
{
	struct ff_span text, field;
	ff_tree_place at = ff_tree_find(image->tree, file, true, NULL);
	if (at < 0 || !ff_image_bytes(image, ff_tree_at(image->tree, at), &text) || text.n > FF_IMAGE_DOCUMENT_MAX)
		return false;
	while (ff_span_next(&text, '\n', ret)) {
		for (unsigned i = 0; i <= 2; i += 2) {
			if (field_of(*ret, i, &field) && ff_span_same(field, who))
				return true;
		}
	}
	return false;
}

static bool number(struct ff_span text, json_t *into, const char *key)
{
	uint64_t value;
	if (!ff_span_u64(text, &value) || value > UINT32_MAX)
		return false;
	json_object_set_new(into, key, json_integer((json_int_t)value));
	return true;
}

// USER "app", "1000", "app:staff": uid, gid and HOME, as the runtime finds them.
static void put_user(struct ff_image *image)
{
	json_t *about = json_object_get(image->live, "image"), *env = json_object_get(image->live, "env");
	const char *user = ff_json_text(about, "user");
	struct ff_span rest = ff_span_of(user && *user ? user : "0"), who = {0}, group = {0}, line, field;
	ff_span_next(&rest, ':', &who);
	ff_span_next(&rest, ':', &group);
	bool found = line_of(image, "etc/passwd", who, &line);
	if (!(found && field_of(line, 2, &field) && number(field, about, "uid")) && !number(who, about, "uid"))
		return;
	if (!(found && field_of(line, 3, &field) && number(field, about, "gid")))
		json_object_set_new(about, "gid", json_integer(0));
	if (group.n && !number(group, about, "gid") && line_of(image, "etc/group", group, &line) &&
		field_of(line, 2, &field))
		number(field, about, "gid");
	const bool has_home = line_of(image, "etc/passwd", who, &line) && field_of(line, 5, &field) && field.n;
	if (env && !json_object_get(env, "HOME"))
		json_object_set_new(env, "HOME", has_home ? ff_json_string(field.p, field.n) : json_string("/"));
}

static const char usual_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What the runtime gives a process besides: PATH, HOME, the folder that it is started in.
static struct ff_error *put_start(struct ff_image *image)
{
	json_t *env = json_object_get(image->live, "env");
	const char *folder = ff_json_text(image->live, "image.working_dir");
	put_user(image);
	if (env && !json_object_get(env, "PATH"))
		json_object_set_new(env, "PATH", json_string(usual_path));
	const struct ff_tree_entry cwd = {.mode = S_IFLNK | 0777, .link = folder};
	if (!folder || folder[0] != '/' || !folder[1] || ff_tree_find(image->tree, "proc/self", false, NULL) >= 0)
		return NULL;
	return ff_tree_put(image->tree, "proc/self/cwd", &cwd) == -ENOMEM ? &ff_enomem : NULL;
}

struct ff_error *ff_image_describe(
	struct ff_image *image, const char *kind, const char *tag, size_t layers, uint64_t size, size_t others)
{
	json_t *about = json_object_get(image->live, "image");
	json_t *more = json_pack("{s:s, s:s, s:s*, s:I, s:I, s:I, s:I}", "name", image->name, "kind", kind, "tag", tag,
		"layers", (json_int_t)layers, "size", (json_int_t)size, "files", (json_int_t)ff_tree_count(image->tree),
		"not_kept", (json_int_t)image->u.left_out);
	if (!more || json_object_update(about, more) < 0) {
		json_decref(more);
		return &ff_enomem;
	}
	json_decref(more);
	if (others)
		json_object_set_new(about, "others", json_integer((json_int_t)others));
	return put_start(image);
}
