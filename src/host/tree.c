// Nodes in an array, found by (folder, name) in a hash table of their numbers; siblings are a list. A node that was
// taken away stays in the array and is unlinked: an image takes away little.
//
// How the source lies: a layer may put a file below what an earlier one made a link (lib -> usr/lib) or a file, and
// links may lead in circles.
#include "host/tree.h"

#include "base/cleanup.h"
#include "base/hash.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

// Half a million files in a bucket of their own each: a chain of a hundred was made on purpose.
enum { LINKS_MAX = 40, FIRST_NODES = 1024, DEPTH_MAX = 512, CHAIN_MAX = 100 };

struct node {
	struct ff_tree_entry entry;
	char *name; // its link's text lies behind it
	uint32_t parent, first_child, next, previous;
	uint32_t next_in_bucket;
	bool gone;
};

struct ff_tree {
	struct node *nodes;
	size_t n, cap;
	uint32_t *buckets; // a power of two, as many as nodes have room
};

struct ff_error *ff_tree_create(struct ff_tree **ret)
{
	struct ff_tree *tree = calloc(1, sizeof(*tree));
	struct node *nodes = calloc(FIRST_NODES, sizeof(*nodes));
	uint32_t *buckets = calloc(FIRST_NODES, sizeof(*buckets));
	if (!tree || !nodes || !buckets) {
		free(tree);
		free(nodes);
		free(buckets);
		return &ff_enomem;
	}
	nodes[0].entry.mode = S_IFDIR | 0755;
	*tree = (struct ff_tree){.nodes = nodes, .n = 1, .cap = FIRST_NODES, .buckets = buckets};
	*ret = tree;
	return NULL;
}

void ff_tree_destroy(struct ff_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->n; i++)
		free(tree->nodes[i].name);
	free(tree->nodes);
	free(tree->buckets);
	free(tree);
}

size_t ff_tree_count(const struct ff_tree *tree)
{
	return tree->n;
}

static uint32_t *bucket_of(const struct ff_tree *tree, uint32_t parent, struct ff_span name)
{
	uint64_t hash = ff_hash(name, false) + parent * UINT64_C(0x9e3779b97f4a7c15);
	return &tree->buckets[(hash ^ hash >> 29) & (tree->cap - 1)];
}

static uint32_t child(const struct ff_tree *tree, uint32_t parent, struct ff_span name)
{
	uint32_t at = *bucket_of(tree, parent, name);
	while (at && (tree->nodes[at].parent != parent || !ff_span_eq(name, tree->nodes[at].name)))
		at = tree->nodes[at].next_in_bucket;
	return at;
}

static void into_bucket(struct ff_tree *tree, uint32_t at)
{
	struct node *node = &tree->nodes[at];
	uint32_t *bucket = bucket_of(tree, node->parent, ff_span_of(node->name));
	node->next_in_bucket = *bucket;
	*bucket = at;
}

static int grow(struct ff_tree *tree)
{
	size_t cap = tree->cap * 2;
	struct node *nodes = cap < UINT32_MAX ? reallocarray(tree->nodes, cap, sizeof(*nodes)) : NULL;
	if (!nodes)
		return -ENOMEM;
	tree->nodes = nodes;
	uint32_t *buckets = calloc(cap, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(tree->buckets);
	tree->buckets = buckets;
	tree->cap = cap;
	for (uint32_t i = 1; i < tree->n; i++) {
		if (!tree->nodes[i].gone)
			into_bucket(tree, i);
	}
	return 0;
}

static bool is_crowded(const struct ff_tree *tree, uint32_t parent, struct ff_span name)
{
	unsigned length = 0;
	for (uint32_t at = *bucket_of(tree, parent, name); at; at = tree->nodes[at].next_in_bucket)
		length++;
	return length > CHAIN_MAX;
}

static ff_tree_place add(struct ff_tree *tree, uint32_t parent, struct ff_span name)
{
	int err = tree->n == tree->cap ? grow(tree) : 0;
	if (!err && is_crowded(tree, parent, name))
		return -E2BIG;
	char *copy = err ? NULL : ff_span_dup(name);
	if (!copy)
		return -ENOMEM;
	uint32_t at = (uint32_t)tree->n++, second = tree->nodes[parent].first_child;
	tree->nodes[at] = (struct node){.name = copy, .parent = parent, .next = second};
	tree->nodes[at].entry.mode = S_IFDIR | 0755;
	tree->nodes[parent].first_child = at;
	if (second)
		tree->nodes[second].previous = at;
	into_bucket(tree, at);
	return at;
}

static void unlink_node(struct ff_tree *tree, uint32_t at)
{
	struct node *node = &tree->nodes[at];
	if (node->previous)
		tree->nodes[node->previous].next = node->next;
	else
		tree->nodes[node->parent].first_child = node->next;
	if (node->next)
		tree->nodes[node->next].previous = node->previous;
	uint32_t *link = bucket_of(tree, node->parent, ff_span_of(node->name));
	while (*link != at)
		link = &tree->nodes[*link].next_in_bucket;
	*link = node->next_in_bucket;
	node->gone = true;
}

// What was below it cannot be reached any more, but through a list that is cut here too.
static void cut(struct ff_tree *tree, uint32_t top, bool contents_only)
{
	uint32_t at = top;
	for (;;) {
		uint32_t below = tree->nodes[at].first_child;
		if (below) {
			at = below;
			continue;
		}
		if (at == top)
			break;
		uint32_t parent = tree->nodes[at].parent;
		unlink_node(tree, at);
		at = parent;
	}
	if (!contents_only && top)
		unlink_node(tree, top);
}

static bool is_folder(const struct ff_tree *tree, uint32_t at)
{
	return S_ISDIR(tree->nodes[at].entry.mode);
}

// A path being walked: where we are, and what is left of it, which links put their text in front of.
struct walk {
	uint32_t at;
	unsigned links;
	char todo[PATH_MAX];
};

static int walk_link(const struct ff_tree *tree, struct walk *w, uint32_t link, const char *rest)
{
	const char *target = tree->nodes[link].entry.link;
	char joined[PATH_MAX];
	int n = snprintf(joined, sizeof(joined), "%s/%s", target, rest);
	if (n < 0 || (size_t)n >= sizeof(joined))
		return -ENAMETOOLONG;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	memcpy(w->todo, joined, (size_t)n + 1);
	if (target[0] == '/')
		w->at = 0;
	return 0;
}

// Cuts the next name off; false at the end. `name` points into a copy that lives until the next call.
static bool walk_name(struct walk *w, char name[PATH_MAX], bool *ret_last)
{
	const char *from = w->todo + strspn(w->todo, "/");
	size_t n = strcspn(from, "/");
	memcpy(name, from, n);
	name[n] = 0;
	const char *rest = from + n;
	memmove(w->todo, rest, strlen(rest) + 1);
	*ret_last = !w->todo[strspn(w->todo, "/")];
	return n;
}

static int path_of(const struct ff_tree *tree, uint32_t at, char *ret)
{
	char text[PATH_MAX];
	size_t begin = sizeof(text) - 1;
	text[begin] = 0;
	for (; at; at = tree->nodes[at].parent) {
		size_t n = strlen(tree->nodes[at].name);
		if (begin < n + 1)
			return -ENAMETOOLONG;
		begin -= n;
		memcpy(text + begin, tree->nodes[at].name, n);
		text[--begin] = '/';
	}
	if (!text[begin])
		text[--begin] = '/';
	memcpy(ret, text + begin, sizeof(text) - begin);
	return 0;
}

ff_tree_place ff_tree_find(const struct ff_tree *tree, const char *path, bool follow, char *ret_path)
{
	struct walk w = {0};
	char name[PATH_MAX];
	bool last;
	if (strlen(path) >= sizeof(w.todo))
		return -ENAMETOOLONG;
	strcpy(w.todo, path);
	while (walk_name(&w, name, &last)) {
		if (!is_folder(tree, w.at))
			return -ENOTDIR;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			w.at = tree->nodes[w.at].parent;
			continue;
		}
		uint32_t found = child(tree, w.at, ff_span_of(name));
		if (!found)
			return -ENOENT;
		int err = 0;
		if (tree->nodes[found].entry.link && (!last || follow))
			err = walk_link(tree, &w, found, w.todo);
		else
			w.at = found;
		if (err)
			return err;
	}
	int err = ret_path ? path_of(tree, w.at, ret_path) : 0;
	return err ? err : (ff_tree_place)w.at;
}

const struct ff_tree_entry *ff_tree_at(const struct ff_tree *tree, ff_tree_place place)
{
	return &tree->nodes[place].entry;
}

ff_tree_place ff_tree_next(const struct ff_tree *tree, ff_tree_place folder, ff_tree_place after, const char **ret_name)
{
	uint32_t at = after ? tree->nodes[after].next : tree->nodes[folder].first_child;
	*ret_name = tree->nodes[at].name;
	return at;
}

// The folder that the last name of a path lies in, made where it is not there; what is no folder gives way to one.
static ff_tree_place folder_for(struct ff_tree *tree, struct walk *w, char name[PATH_MAX])
{
	bool last;
	unsigned depth = 0;
	while (walk_name(w, name, &last)) {
		if (last)
			return w->at;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) { // out of a link: paths of entries have none
			w->at = tree->nodes[w->at].parent;
			continue;
		}
		uint32_t found = child(tree, w->at, ff_span_of(name));
		if (found && tree->nodes[found].entry.link) {
			int err = walk_link(tree, w, found, w->todo);
			if (err)
				return err;
			continue;
		}
		if (found && !is_folder(tree, found)) {
			unlink_node(tree, found);
			found = 0;
		}
		ff_tree_place at = found ? (ff_tree_place)found : add(tree, w->at, ff_span_of(name));
		if (at < 0 || ++depth > DEPTH_MAX)
			return at < 0 ? at : -ENAMETOOLONG;
		w->at = (uint32_t)at;
	}
	return -EINVAL;
}

static int fill(struct node *node, const struct ff_tree_entry *entry)
{
	struct ff_tree_entry copy = *entry;
	if (entry->link) { // its text behind the name, in one piece of memory
		size_t name_n = strlen(node->name) + 1, link_n = strlen(entry->link) + 1;
		char *grown = realloc(node->name, name_n + link_n);
		if (!grown)
			return -ENOMEM;
		node->name = grown;
		memcpy(grown + name_n, entry->link, link_n);
		copy.link = grown + name_n;
	}
	node->entry = copy;
	return 0;
}

int ff_tree_put(struct ff_tree *tree, const char *path, const struct ff_tree_entry *entry)
{
	struct walk w = {0};
	char name[PATH_MAX];
	if (strlen(path) >= sizeof(w.todo))
		return -ENAMETOOLONG;
	strcpy(w.todo, path);
	ff_tree_place folder = folder_for(tree, &w, name);
	if (folder == -EINVAL) { // the root itself
		if (S_ISDIR(entry->mode))
			tree->nodes[0].entry = *entry;
		return 0;
	}
	if (folder < 0)
		return (int)folder;
	uint32_t old = child(tree, (uint32_t)folder, ff_span_of(name));
	if (old && !(S_ISDIR(entry->mode) && is_folder(tree, old)))
		cut(tree, old, true);
	ff_tree_place at = old ? (ff_tree_place)old : add(tree, (uint32_t)folder, ff_span_of(name));
	return at < 0 ? (int)at : fill(&tree->nodes[at], entry);
}

void ff_tree_remove(struct ff_tree *tree, const char *path, bool contents_only)
{
	ff_tree_place at = ff_tree_find(tree, path, false, NULL);
	if (at >= 0 && (at > 0 || contents_only))
		cut(tree, (uint32_t)at, contents_only);
}
