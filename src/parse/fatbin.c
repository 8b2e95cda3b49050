// GPU architectures from fat binary headers. A section is a row of containers, each a row of entries (header, code);
// only headers are read. The format is not published; fields were found by building known input with nvcc and reading
// it back (tests/wheels/test_libs.py compares with cuobjdump on real wheels):
//
//	container  u32 magic 0xba55ed50, u16 version, u16 header size, u64 bytes of all entries
//	entry      u16 kind (1 PTX, 2 SASS, 8 LTO), u16, u32 header size, u64 code size, u32 compressed size, u32,
//	           u16 PTX minor, u16 PTX major, u32 architecture, u32 x2, u64 flags, u64, u64 unpacked size
//	flags      0x2000 LZ4, 0x8000 zstd, 0x100000 'a' (this chip only), 0x200000 'f' (this family)
// How the source lies: cuobjdump names sm_100f code "sm_100"; one library holds thousands of entries for seven
// architectures.
#include "parse/fatbin.h"

#include <stdio.h>

enum {
	MAGIC = 0xba55ed50,
	CONTAINER_HEADER = 16,
	ENTRY_READ = 64,
	MAX_ENTRIES = 262144, // libcublasLt 13 has 5,424
	MAX_GAP = 65536,
	FLAGS_COMPRESSED = 0x2000 | 0x8000,
	FLAG_ARCH_ONLY = 0x100000,
	FLAG_FAMILY = 0x200000,
};

static const char hip_magic[24] = "__CLANG_OFFLOAD_BUNDLE__";
static const char hip_packed[4] = "CCOB";

static int compare(const struct ff_gpu_code *a, const struct ff_gpu_code *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->arch != b->arch)
		return a->arch < b->arch ? -1 : 1;
	return strcmp(a->name, b->name);
}

/** Find or make the place of a code in the sorted list; false when the list is full. */
static bool add_code(struct ff_fatbin *f, const struct ff_gpu_code *code)
{
	size_t i = 0;
	while (i < f->n && compare(&f->codes[i], code) < 0)
		i++;
	if (i == f->n || compare(&f->codes[i], code) != 0) {
		if (f->n == FF_FATBIN_MAX_CODES)
			return false;
		memmove(&f->codes[i + 1], &f->codes[i], (f->n - i) * sizeof(f->codes[0]));
		f->codes[i] = *code;
		f->n++;
		return true;
	}
	struct ff_gpu_code *seen = &f->codes[i];
	seen->entries += code->entries;
	seen->bytes += code->bytes;
	if (code->ptx_major > seen->ptx_major ||
		(code->ptx_major == seen->ptx_major && code->ptx_minor > seen->ptx_minor)) {
		seen->ptx_major = code->ptx_major;
		seen->ptx_minor = code->ptx_minor;
	}
	return true;
}

/** The fields of an entry header that say something. */
struct entry {
	uint16_t kind, ptx_minor, ptx_major;
	uint32_t header_size, arch;
	uint64_t size, flags;
};

static struct entry entry_of(const uint8_t raw[static ENTRY_READ])
{
	struct entry e;
	memcpy(&e.kind, raw, 2);
	memcpy(&e.header_size, raw + 4, 4);
	memcpy(&e.size, raw + 8, 8);
	memcpy(&e.ptx_minor, raw + 24, 2);
	memcpy(&e.ptx_major, raw + 26, 2);
	memcpy(&e.arch, raw + 28, 4);
	memcpy(&e.flags, raw + 40, 8);
	return e;
}

static struct ff_error *note_entry(struct ff_bytes *b, uint64_t at, const struct entry *e, struct ff_fatbin *into)
{
	static const struct {
		uint16_t kind;
		enum ff_code_kind code;
		const char *prefix;
	} kinds[] = {
		{1, FF_CODE_PTX, "compute_"},
		{2, FF_CODE_SASS, "sm_"},
		{16, FF_CODE_SASS, "sm_"},
		{8, FF_CODE_LTO, "lto_"},
	};
	if (e->arch == 0 || e->arch > 9999)
		return ff_error_format(b->name, at + 28, "architecture %u in a fat binary", e->arch);
	if (e->flags & FLAGS_COMPRESSED)
		into->compressed_entries++;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].kind != e->kind)
			continue;
		struct ff_gpu_code code = {.kind = kinds[i].code, .arch = e->arch, .entries = 1, .bytes = e->size};
		if (e->flags & FLAG_ARCH_ONLY)
			code.suffix = 'a';
		else if (e->flags & FLAG_FAMILY)
			code.suffix = 'f';
		if (code.kind == FF_CODE_PTX) {
			code.ptx_major = e->ptx_major;
			code.ptx_minor = e->ptx_minor;
		}
		snprintf(code.name, sizeof(code.name), "%s%u%.1s", kinds[i].prefix, e->arch, &code.suffix);
		if (!add_code(into, &code))
			return ff_error_create(
				FF_ELIMIT, "%s: code for more than %d architectures", b->name, FF_FATBIN_MAX_CODES);
	}
	return NULL;
}

/** A container's header and, since one read costs as much as the next, its first entry's. */
struct container {
	uint64_t at, end; // of the entries
	uint8_t first[ENTRY_READ];
	bool has_first;
};

static struct ff_error *walk_entries(
	struct ff_bytes *b, const struct container *c, uint64_t *entries, struct ff_fatbin *into)
{
	for (uint64_t at = c->at; at < c->end;) {
		uint8_t raw[ENTRY_READ];
		struct ff_error *err = NULL;
		if (c->end - at < sizeof(raw))
			return ff_error_format(b->name, at, "a fat binary entry is cut short");
		if (at == c->at && c->has_first)
			memcpy(raw, c->first, sizeof(raw));
		else
			err = ff_bytes_read_far(b, at, raw, sizeof(raw), "a fat binary entry");
		if (err)
			return err;
		struct entry e = entry_of(raw);
		if (e.header_size < sizeof(raw) || e.header_size > c->end - at || e.size > c->end - at - e.header_size)
			return ff_error_format(b->name, at,
				"a fat binary entry of %u + %llu bytes does not fit its container", e.header_size,
				(unsigned long long)e.size);
		err = note_entry(b, at, &e, into);
		if (err)
			return err;
		if (++*entries > MAX_ENTRIES)
			return ff_error_create(FF_ELIMIT, "%s: more than %d fat binary entries", b->name, MAX_ENTRIES);
		at += e.header_size + e.size;
	}
	return NULL;
}

/** Read the header at `at`; *ret_padding is set when there is none but padding of the linker. */
static struct ff_error *open_container(
	struct ff_bytes *b, uint64_t at, uint64_t end, struct container *ret, bool *ret_padding)
{
	uint8_t raw[CONTAINER_HEADER + ENTRY_READ];
	bool whole = end - at >= sizeof(raw);
	struct ff_error *err =
		ff_bytes_read_far(b, at, raw, whole ? sizeof(raw) : CONTAINER_HEADER, "a fat binary header");
	if (err)
		return err;
	uint32_t magic;
	uint16_t header_size;
	uint64_t body;
	memcpy(&magic, raw, 4);
	memcpy(&header_size, raw + 6, 2);
	memcpy(&body, raw + 8, 8);
	*ret_padding = magic == 0;
	if (magic == 0)
		return NULL;
	if (magic != MAGIC)
		return ff_error_format(b->name, at, "no fat binary header where one is due (0x%08x)", magic);
	if (header_size < CONTAINER_HEADER || header_size > end - at || body > end - at - header_size)
		return ff_error_format(
			b->name, at, "a fat binary of %llu bytes goes past its section", (unsigned long long)body);
	ret->at = at + header_size;
	ret->end = ret->at + body;
	ret->has_first = whole && header_size == CONTAINER_HEADER;
	memcpy(ret->first, raw + CONTAINER_HEADER, sizeof(ret->first));
	return NULL;
}

struct ff_error *ff_fatbin_walk(struct ff_bytes *bytes, uint64_t offset, uint64_t size, struct ff_fatbin *into)
{
	uint64_t end, entries = 0, gap = 0;
	if (__builtin_add_overflow(offset, size, &end))
		return ff_error_format(
			bytes->name, offset, "a fat binary section of %llu bytes", (unsigned long long)size);
	for (uint64_t at = offset; end - at >= CONTAINER_HEADER;) {
		struct container c = {0};
		bool padding = false;
		struct ff_error *err = open_container(bytes, at, end, &c, &padding);
		if (err)
			return err;
		if (padding) {
			if ((gap += 8) > MAX_GAP)
				return ff_error_format(bytes->name, at, "nothing but zeros in a fat binary section");
			at += 8;
			continue;
		}
		if (++entries > MAX_ENTRIES)
			return ff_error_create(FF_ELIMIT, "%s: more than %d fat binaries", bytes->name, MAX_ENTRIES);
		into->containers++;
		err = walk_entries(bytes, &c, &entries, into);
		if (err)
			return err;
		at = c.end;
		gap = 0;
	}
	return NULL;
}

/** One "hipv4-amdgcn-amd-amdhsa--gfx90a:xnack-" of a bundle: its place behind `at`, and how far its code reaches. */
static struct ff_error *note_hip_target(
	struct ff_bytes *b, uint64_t *at, uint64_t end, uint64_t *reach, struct ff_fatbin *into)
{
	uint64_t field[3]; // offset in the bundle, size, length of the name
	char id[128];
	struct ff_error *err = ff_bytes_read(b, *at, field, sizeof(field), "an offload bundle entry");
	if (err)
		return err;
	if (field[2] >= sizeof(id) || field[2] > end - *at)
		return ff_error_format(
			b->name, *at, "a bundle target's name of %llu bytes", (unsigned long long)field[2]);
	err = ff_bytes_read(b, *at + sizeof(field), id, field[2], "a bundle target's name");
	if (err)
		return err;
	id[field[2]] = '\0';
	uint64_t stop;
	if (__builtin_add_overflow(field[0], field[1], &stop))
		return ff_error_format(b->name, *at, "a bundle entry of %llu bytes", (unsigned long long)field[1]);
	if (stop > *reach)
		*reach = stop;
	*at += sizeof(field) + field[2];
	const char *name = strstr(id, "--gfx");
	if (!ff_starts(id, "hip") || !name)
		return NULL;
	struct ff_gpu_code code = {.kind = FF_CODE_HIP, .entries = 1, .bytes = field[1]};
	snprintf(code.name, sizeof(code.name), "%.40s", name + 2);
	if (!add_code(into, &code))
		return ff_error_create(
			FF_ELIMIT, "%s: code for more than %d architectures", b->name, FF_FATBIN_MAX_CODES);
	return NULL;
}

static struct ff_error *walk_bundle(
	struct ff_bytes *b, uint64_t start, uint64_t end, uint64_t *ret_next, struct ff_fatbin *into)
{
	uint64_t n = 0, at = start + sizeof(hip_magic) + 8, reach = 0;
	struct ff_error *err = ff_bytes_read(b, start + sizeof(hip_magic), &n, 8, "an offload bundle");
	if (err)
		return err;
	if (n > 1024)
		return ff_error_format(b->name, start, "an offload bundle of %llu targets", (unsigned long long)n);
	for (uint64_t i = 0; !err && i < n; i++)
		err = note_hip_target(b, &at, end, &reach, into);
	if (err)
		return err;
	if (reach > end - start)
		return ff_error_format(b->name, start, "an offload bundle goes past its section");
	into->containers++;
	*ret_next = start + reach > at ? start + reach : at;
	return NULL;
}

struct ff_error *ff_fatbin_walk_hip(struct ff_bytes *bytes, uint64_t offset, uint64_t size, struct ff_fatbin *into)
{
	uint64_t end;
	if (__builtin_add_overflow(offset, size, &end))
		return ff_error_format(bytes->name, offset, "a bundle section of %llu bytes", (unsigned long long)size);
	for (uint64_t at = offset, bundles = 0; end - at >= sizeof(hip_magic) + 8;) {
		char magic[sizeof(hip_magic)];
		struct ff_error *err = ff_bytes_read(bytes, at, magic, sizeof(magic), "an offload bundle");
		if (err)
			return err;
		if (memcmp(magic, hip_packed, sizeof(hip_packed)) == 0) {
			into->opaque++;
			return NULL;
		}
		if (memcmp(magic, hip_magic, sizeof(magic)) != 0)
			return ff_error_format(bytes->name, at, "no offload bundle where one is due");
		if (++bundles > MAX_ENTRIES / 8)
			return ff_error_create(
				FF_ELIMIT, "%s: more than %d offload bundles", bytes->name, MAX_ENTRIES / 8);
		uint64_t next = 0;
		err = walk_bundle(bytes, at, end, &next, into);
		if (err)
			return err;
		next = offset + (next - offset + 4095) / 4096 * 4096; // bundles start at pages of the section
		at = next > end ? end : next;
	}
	return NULL;
}

struct ff_error *ff_fatbin_of_elf(const struct ff_elf *elf, struct ff_fatbin *into)
{
	static const struct {
		const char *section;
		struct ff_error *(*walk)(
			struct ff_bytes *bytes, uint64_t offset, uint64_t size, struct ff_fatbin *into);
	} kinds[] = {
		{".nv_fatbin", ff_fatbin_walk},
		{"__nv_relfatbin", ff_fatbin_walk},
		{".hip_fatbin", ff_fatbin_walk_hip},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool found;
		struct ff_elf_section s;
		struct ff_error *err = ff_elf_find_section(elf, kinds[i].section, &found, &s);
		if (!err && found)
			err = kinds[i].walk(elf->bytes, s.offset, s.size, into);
		if (err)
			return err;
	}
	return NULL;
}
