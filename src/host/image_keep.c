// Keeps of a stream what the probes read: small files whole, large text whole, of ELF files all but the code, of other
// large files both ends, of a model's weights the header.
//
// Half of an image of an inference engine is code for GPUs, in containers (parse/fatbin.h) of whose entries only the
// headers count: they are followed here as they come by, so that 1.2 GB of libtorch_cuda.so become some megabytes.
//
// How the source lies: a word in a table of constants may look like the begin of a container. Where the fields behind
// it make no sense, everything is kept until the next one.
#include "host/image_keep.h"

#include <elf.h>

enum {
	SMALL = 256 << 10,
	TEXT_LARGE = 64 << 20,
	END = 64 << 10,
	FATBIN_MAGIC = (int)0xba55ed50,
	CONTAINER_HEADER = 16,
	ENTRY_HEADER = 64,
	ENTRY_HEADER_MAX = 4096,
	SAFETENSORS_HEAD = 32 << 20,
	GGUF_HEAD = 64 << 20,
};

// Of these nobody reads a byte, and there are many.
static const char *const unread_endings[] = {".pyc", ".pyi", ".js", ".css", ".html", ".map", ".png", ".svg", ".jpg",
	".gif", ".ttf", ".woff2", ".mo", ".po", ".gz", ".xz", ".h", ".hpp", ".cuh", ".inl", ".cc", ".cpp", ".cu", ".a",
	".o", ".pyx", ".ipynb"};
static const char *const unread_folders[] = {"/__pycache__/", "usr/share/doc/", "usr/share/man/", "usr/share/locale/",
	"usr/share/icons/", "usr/share/perl", "usr/share/zoneinfo/", "usr/src/", "var/lib/apt/", "var/cache/apt/"};
// Headers that say a version.
static const char *const read_headers[] = {"/cuda.h", "/cudnn_version.h", "/nccl.h", "/patchlevel.h", "/pyconfig.h",
	"/NvInferVersion.h", "/cuda_runtime_api.h"};
static const char *const text_endings[] = {".json", ".txt", ".py", ".cfg", ".conf", ".toml", ".yaml", ".yml", ".pth",
	".cmake", "/RECORD", "/METADATA", "/PKG-INFO", "/ld.so.cache", "/status", ".list", ".sh"};

static const struct {
	const char *ending;
	uint64_t head;
} weights[] = {{".safetensors", SAFETENSORS_HEAD}, {".gguf", GGUF_HEAD}};

static bool ends_with_any(const char *path, const char *const *endings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ff_ends(path, endings[i]))
			return true;
	}
	return false;
}

#define ENDS_WITH_ANY(path, list) ends_with_any(path, list, sizeof(list) / sizeof((list)[0]))

static bool is_unread(const char *path)
{
	for (size_t i = 0; i < sizeof(unread_folders) / sizeof(unread_folders[0]); i++) {
		if (strstr(path, unread_folders[i]))
			return true;
	}
	return ENDS_WITH_ANY(path, unread_endings) && !ENDS_WITH_ANY(path, read_headers);
}

enum ff_tree_held ff_keep_begin(struct ff_keep *keep, const char *path, uint64_t size)
{
	*keep = (struct ff_keep){.how = FF_KEEP_ENDS, .size = size};
	if (is_unread(path))
		keep->how = FF_KEEP_NOTHING;
	else if (size <= SMALL || (size <= TEXT_LARGE && ENDS_WITH_ANY(path, text_endings)))
		keep->how = FF_KEEP_ALL;
	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
		if (keep->how != FF_KEEP_ENDS || !ff_ends(path, weights[i].ending))
			continue;
		keep->how = FF_KEEP_HEAD;
		keep->head = weights[i].head;
	}
	return ff_keep_held(keep);
}

enum ff_tree_held ff_keep_held(const struct ff_keep *keep)
{
	return keep->how == FF_KEEP_NOTHING ? FF_TREE_NOTHING
		: keep->how == FF_KEEP_ALL  ? FF_TREE_WHOLE
					    : FF_TREE_PARTS;
}

// A segment of code alone: one that also holds the file's headers holds tables and constants too.
static void begin_elf(struct ff_keep *keep, const uint8_t *bytes, size_t n)
{
	Elf64_Ehdr header;
	memcpy(&header, bytes, sizeof(header));
	keep->how = FF_KEEP_ELF;
	for (unsigned i = 0; i < header.e_phnum && keep->code_n < FF_KEEP_SEGMENTS; i++) {
		Elf64_Phdr segment;
		uint64_t at = header.e_phoff + (uint64_t)i * sizeof(segment);
		if (at > n || n - at < sizeof(segment))
			return;
		memcpy(&segment, bytes + at, sizeof(segment));
		bool code = segment.p_type == PT_LOAD && segment.p_flags & PF_X && segment.p_offset >= n;
		if (!code || segment.p_filesz > keep->size || segment.p_offset > keep->size - segment.p_filesz)
			continue;
		keep->code[keep->code_n].from = segment.p_offset;
		keep->code[keep->code_n++].to = segment.p_offset + segment.p_filesz;
	}
}

static bool is_elf(const uint8_t *bytes, size_t n)
{
	return n >= sizeof(Elf64_Ehdr) && memcmp(bytes, ELFMAG, SELFMAG) == 0 && bytes[EI_CLASS] == ELFCLASS64 &&
		bytes[EI_DATA] == ELFDATA2LSB;
}

// The container's or entry's header is there: what follows, and up to where.
static void next_inside(struct ff_keep *keep, uint64_t at)
{
	uint16_t version_size[2];
	uint32_t header_size;
	uint64_t size;
	memcpy(version_size, keep->gathered + 4, sizeof(version_size));
	memcpy(&header_size, keep->gathered + 4, sizeof(header_size));
	memcpy(&size, keep->gathered + 8, sizeof(size));
	bool container = keep->inside == FF_KEEP_CONTAINER;
	uint64_t room = container ? keep->size - at : keep->container_end - at;
	keep->inside = FF_KEEP_PLAIN;
	keep->gathered_n = 0;
	if (size > room)
		return;
	if (container && version_size[1] == CONTAINER_HEADER && size >= ENTRY_HEADER) {
		keep->container_end = at + size;
		keep->inside = FF_KEEP_ENTRY;
	} else if (!container && header_size >= ENTRY_HEADER && header_size <= ENTRY_HEADER_MAX) {
		keep->until = at - ENTRY_HEADER + header_size + size;
		keep->inside = keep->until <= keep->container_end ? FF_KEEP_PAYLOAD : FF_KEEP_PLAIN;
	}
}

// The end of what is plain: the next word that looks like a container's begin, or n.
static size_t plain_end(uint64_t at, const uint8_t *bytes, size_t n)
{
	for (size_t i = (size_t)(-at & 7); i + 4 <= n; i += 8) {
		uint32_t word;
		memcpy(&word, bytes + i, sizeof(word));
		if (word == (uint32_t)FATBIN_MAGIC)
			return i;
	}
	return n;
}

// One piece of data of one kind; returns how long it is, *ret_kept says whether it is wanted.
static size_t piece(struct ff_keep *keep, uint64_t at, const uint8_t *bytes, size_t n, bool *ret_kept)
{
	*ret_kept = true;
	if (keep->inside == FF_KEEP_PAYLOAD) {
		size_t left = keep->until - at < n ? (size_t)(keep->until - at) : n;
		*ret_kept = false;
		if (at + left == keep->until)
			keep->inside =
				keep->container_end - keep->until >= ENTRY_HEADER ? FF_KEEP_ENTRY : FF_KEEP_PLAIN;
		return left;
	}
	if (keep->inside == FF_KEEP_PLAIN) {
		size_t plain = plain_end(at, bytes, n);
		if (plain < n)
			keep->inside = FF_KEEP_CONTAINER;
		if (plain)
			return plain;
	}
	if (keep->inside == FF_KEEP_PLAIN)
		return n;
	size_t whole = keep->inside == FF_KEEP_CONTAINER ? CONTAINER_HEADER : ENTRY_HEADER;
	size_t take = whole - keep->gathered_n < n ? whole - keep->gathered_n : n;
	memcpy(keep->gathered + keep->gathered_n, bytes, take);
	keep->gathered_n += take;
	if (keep->gathered_n == whole)
		next_inside(keep, at + take);
	return take;
}

typedef struct ff_error *put_fn(void *arg, uint64_t at, const uint8_t *bytes, size_t n);

static struct ff_error *feed_elf(
	struct ff_keep *keep, uint64_t at, const uint8_t *bytes, size_t n, put_fn *put, void *arg)
{
	struct ff_error *err = NULL;
	while (n && !err) {
		size_t take = n;
		bool kept = true, code = false;
		for (size_t i = 0; i < keep->code_n; i++) {
			if (at >= keep->code[i].from && at < keep->code[i].to) {
				code = true;
				take = keep->code[i].to - at < n ? (size_t)(keep->code[i].to - at) : n;
			} else if (at < keep->code[i].from && keep->code[i].from - at < take) {
				take = (size_t)(keep->code[i].from - at);
			}
		}
		if (!code)
			take = piece(keep, at, bytes, take, &kept);
		if (!code && kept)
			err = put(arg, at, bytes, take);
		at += take;
		bytes += take;
		n -= take;
	}
	return err;
}

// The part of [at, at+n) that lies in [from, to).
static struct ff_error *put_within(
	uint64_t from, uint64_t to, uint64_t at, const uint8_t *bytes, size_t n, put_fn *put, void *arg)
{
	uint64_t begin = at > from ? at : from, end = at + n < to ? at + n : to;
	return begin < end ? put(arg, begin, bytes + (begin - at), (size_t)(end - begin)) : NULL;
}

struct ff_error *ff_keep_feed(struct ff_keep *keep, uint64_t at, const uint8_t *bytes, size_t n,
	struct ff_error *(*put)(void *arg, uint64_t at, const uint8_t *bytes, size_t n), void *arg)
{
	if (at > keep->size || n > keep->size - at)
		return NULL; // more than it said: the reader's trouble, not ours
	if (at == 0 && keep->how == FF_KEEP_ENDS && is_elf(bytes, n))
		begin_elf(keep, bytes, n);
	if (keep->how == FF_KEEP_ELF)
		return feed_elf(keep, at, bytes, n, put, arg);
	if (keep->how == FF_KEEP_ALL)
		return put(arg, at, bytes, n);
	if (keep->how == FF_KEEP_NOTHING)
		return NULL;
	uint64_t head = keep->how == FF_KEEP_HEAD ? keep->head : END;
	struct ff_error *err = put_within(0, head, at, bytes, n, put, arg);
	uint64_t tail = keep->size > head + END ? keep->size - END : head;
	return err ? err : put_within(tail, keep->size, at, bytes, n, put, arg);
}
