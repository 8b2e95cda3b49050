// ELF headers as ld.so reads them: program headers lead to the dynamic section, that to strings and version tables.
// Section headers are asked only for names that have no other way in (.nv_fatbin), since a library works without them.
// How the source lies: patchelf moves tables behind the end of the original file, `strip --only-keep-debug` leaves
// headers whose bytes are gone, auditwheel renames NEEDED entries, and a download cut short has all its headers but not
// its end.
//
//	libtorch_cuda.so: NEEDED libc10_cuda.so, libcudart.so.12, ... RPATH $ORIGIN/../../nvidia/cublas/lib:...
//	                  needs GLIBC_2.17 of libc.so.6, libcudart.so.12 of libcudart.so.12
#include "parse/elf.h"

enum {
	MAX_SEGMENTS = 4096,
	MAX_DYNAMIC = 16384,
	MAX_NEEDED = 4096,
	MAX_VERSIONS = 16384,
	MAX_LOADS = 64,
};

/** A stretch of memory and the file offset it is loaded from. */
struct load {
	uint64_t address, size, offset;
};

struct loads {
	struct load at[MAX_LOADS];
	size_t n;
};

/** What the dynamic section says, still as addresses and string offsets. */
struct dynamic {
	uint64_t strings, strings_n, symbols, versions, needs, needs_n, defines, defines_n;
	uint64_t soname, rpath, runpath; /**< string offset plus one; 0 is none */
	uint64_t needed[MAX_NEEDED];
	size_t needed_n;
};

static struct ff_error *offset_of(
	const struct ff_elf *elf, const struct loads *loads, uint64_t address, const char *what, uint64_t *ret)
{
	for (size_t i = 0; i < loads->n; i++) {
		const struct load *l = &loads->at[i];
		if (address >= l->address && address - l->address < l->size) {
			*ret = l->offset + (address - l->address);
			return NULL;
		}
	}
	return ff_error_format(
		elf->bytes->name, 0, "%s at address 0x%llx lies in no segment", what, (unsigned long long)address);
}

static struct ff_error *read_segment(struct ff_elf *elf, const Elf64_Phdr *p, struct loads *loads, Elf64_Phdr *dynamic)
{
	switch (p->p_type) {
	case PT_LOAD:
		if (loads->n == MAX_LOADS)
			return ff_error_create(
				FF_ELIMIT, "%s: more than %d loaded segments", elf->bytes->name, MAX_LOADS);
		loads->at[loads->n++] = (struct load){p->p_vaddr, p->p_filesz, p->p_offset};
		if (p->p_offset + p->p_filesz > elf->loaded_end)
			elf->loaded_end = p->p_offset + p->p_filesz;
		return NULL;
	case PT_INTERP:
		if (elf->interp || !p->p_filesz)
			return NULL;
		return ff_bytes_text(
			elf->bytes, p->p_offset, p->p_offset + p->p_filesz, "the interpreter's name", &elf->interp);
	case PT_DYNAMIC:
		*dynamic = *p;
		return NULL;
	default:
		return NULL;
	}
}

static struct ff_error *read_segments(
	struct ff_elf *elf, const Elf64_Ehdr *header, struct loads *loads, Elf64_Phdr *dynamic)
{
	if (header->e_phnum > MAX_SEGMENTS)
		return ff_error_create(FF_ELIMIT, "%s: more than %d segments", elf->bytes->name, MAX_SEGMENTS);
	if (header->e_phnum && header->e_phentsize != sizeof(Elf64_Phdr))
		return ff_error_format(elf->bytes->name, offsetof(Elf64_Ehdr, e_phentsize),
			"a program header of %u bytes", header->e_phentsize);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr p;
		struct ff_error *err = ff_bytes_read(
			elf->bytes, header->e_phoff + i * sizeof(p), &p, sizeof(p), "the table of segments");
		if (!err)
			err = read_segment(elf, &p, loads, dynamic);
		if (err)
			return err;
	}
	return NULL;
}

static void note_entry(struct ff_elf *elf, const Elf64_Dyn *d, struct dynamic *dyn)
{
	static const struct {
		Elf64_Sxword tag;
		size_t field;
	} plain[] = {
		{DT_STRTAB, offsetof(struct dynamic, strings)},
		{DT_STRSZ, offsetof(struct dynamic, strings_n)},
		{DT_SYMTAB, offsetof(struct dynamic, symbols)},
		{DT_VERSYM, offsetof(struct dynamic, versions)},
		{DT_VERNEED, offsetof(struct dynamic, needs)},
		{DT_VERNEEDNUM, offsetof(struct dynamic, needs_n)},
		{DT_VERDEF, offsetof(struct dynamic, defines)},
		{DT_VERDEFNUM, offsetof(struct dynamic, defines_n)},
	};
	static const struct {
		Elf64_Sxword tag;
		size_t field;
	} texts[] = {
		{DT_SONAME, offsetof(struct dynamic, soname)},
		{DT_RPATH, offsetof(struct dynamic, rpath)},
		{DT_RUNPATH, offsetof(struct dynamic, runpath)},
	};
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].tag == d->d_tag)
			*(uint64_t *)((char *)dyn + plain[i].field) = d->d_un.d_val;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].tag == d->d_tag)
			*(uint64_t *)((char *)dyn + texts[i].field) = d->d_un.d_val + 1;
	if (d->d_tag == DT_NEEDED && dyn->needed_n < MAX_NEEDED)
		dyn->needed[dyn->needed_n++] = d->d_un.d_val;
	if (d->d_tag == DT_FLAGS_1)
		elf->flags_1 = d->d_un.d_val;
}

static struct ff_error *read_entries(struct ff_elf *elf, const Elf64_Phdr *segment, struct dynamic *dyn)
{
	uint64_t n = segment->p_filesz / sizeof(Elf64_Dyn);
	if (n > MAX_DYNAMIC)
		n = MAX_DYNAMIC;
	for (uint64_t i = 0; i < n; i++) {
		Elf64_Dyn d;
		struct ff_error *err = ff_bytes_read(
			elf->bytes, segment->p_offset + i * sizeof(d), &d, sizeof(d), "the dynamic section");
		if (err)
			return err;
		if (d.d_tag == DT_NULL)
			break;
		note_entry(elf, &d, dyn);
	}
	return NULL;
}

static struct ff_error *text_at(const struct ff_elf *elf, uint64_t index, const char *what, char **ret)
{
	if (index >= elf->at.strings_end - elf->at.strings)
		return ff_error_format(elf->bytes->name, elf->at.strings, "%s lies outside the string table", what);
	return ff_bytes_text(elf->bytes, elf->at.strings + index, elf->at.strings_end, what, ret);
}

static struct ff_error *read_texts(struct ff_elf *elf, const struct dynamic *dyn)
{
	struct ff_error *err = NULL;
	if (dyn->soname)
		err = text_at(elf, dyn->soname - 1, "the soname", &elf->soname);
	if (!err && dyn->rpath)
		err = text_at(elf, dyn->rpath - 1, "the rpath", &elf->rpath);
	if (!err && dyn->runpath)
		err = text_at(elf, dyn->runpath - 1, "the runpath", &elf->runpath);
	if (err || !dyn->needed_n)
		return err;
	elf->needed = calloc(dyn->needed_n, sizeof(*elf->needed));
	if (!elf->needed)
		return &ff_enomem;
	for (; elf->needed_n < dyn->needed_n; elf->needed_n++) {
		err = text_at(elf, dyn->needed[elf->needed_n], "a needed library's name", &elf->needed[elf->needed_n]);
		if (err)
			return err;
	}
	return NULL;
}

/** A list of versions that grows; its array is handed to the view. */
static struct ff_error *add_version(struct ff_elf *elf, struct ff_elf_version **list, size_t *n, char **file,
	char **version, const struct ff_elf_version *rest)
{
	if (*n >= MAX_VERSIONS)
		return ff_error_create(FF_ELIMIT, "%s: more than %d symbol versions", elf->bytes->name, MAX_VERSIONS);
	if (!(*n & (*n - 1))) { // grow at powers of two
		struct ff_elf_version *more = realloc(*list, (*n ? *n * 2 : 1) * sizeof(**list));
		if (!more)
			return &ff_enomem;
		*list = more;
	}
	struct ff_elf_version *v = &(*list)[(*n)++];
	*v = *rest;
	v->file = file ? ff_take(file) : NULL;
	v->version = ff_take(version);
	return NULL;
}

static struct ff_error *read_need(struct ff_elf *elf, uint64_t at, const Elf64_Verneed *need)
{
	at += need->vn_aux;
	for (unsigned i = 0; i < need->vn_cnt; i++) {
		Elf64_Vernaux aux;
		_cleanup_free_ char *file = NULL, *version = NULL;
		struct ff_error *err = ff_bytes_read(elf->bytes, at, &aux, sizeof(aux), "a needed version");
		if (!err)
			err = text_at(elf, need->vn_file, "the library of a needed version", &file);
		if (!err)
			err = text_at(elf, aux.vna_name, "a needed version's name", &version);
		if (!err)
			err = add_version(elf, &elf->needs, &elf->needs_n, &file, &version,
				&(struct ff_elf_version){
					.weak = aux.vna_flags & VER_FLG_WEAK, .index = aux.vna_other & 0x7fff});
		if (err || !aux.vna_next)
			return err;
		at += aux.vna_next;
	}
	return NULL;
}

static struct ff_error *read_needs(struct ff_elf *elf, uint64_t count)
{
	uint64_t at = elf->at.needs;
	for (uint64_t i = 0; i < count && i < MAX_VERSIONS; i++) {
		Elf64_Verneed need;
		struct ff_error *err = ff_bytes_read(elf->bytes, at, &need, sizeof(need), "the needed versions");
		if (!err)
			err = read_need(elf, at, &need);
		if (err || !need.vn_next)
			return err;
		at += need.vn_next;
	}
	return NULL;
}

static struct ff_error *read_defines(struct ff_elf *elf, uint64_t count)
{
	uint64_t at = elf->at.defines;
	for (uint64_t i = 0; i < count && i < MAX_VERSIONS; i++) {
		Elf64_Verdef def;
		Elf64_Verdaux aux;
		_cleanup_free_ char *version = NULL;
		struct ff_error *err = ff_bytes_read(elf->bytes, at, &def, sizeof(def), "the defined versions");
		if (err)
			return err;
		if (!(def.vd_flags & VER_FLG_BASE)) {
			err = ff_bytes_read(elf->bytes, at + def.vd_aux, &aux, sizeof(aux), "a defined version");
			if (!err)
				err = text_at(elf, aux.vda_name, "a defined version's name", &version);
			if (!err)
				err = add_version(elf, &elf->defines, &elf->defines_n, NULL, &version,
					&(struct ff_elf_version){.index = def.vd_ndx & 0x7fff});
			if (err)
				return err;
		}
		if (!def.vd_next)
			return NULL;
		at += def.vd_next;
	}
	return NULL;
}

static struct ff_error *find_tables(struct ff_elf *elf, const struct loads *loads, const struct dynamic *dyn)
{
	const struct {
		uint64_t address;
		const char *what;
		uint64_t *to;
	} tables[] = {
		{dyn->strings, "the string table", &elf->at.strings},
		{dyn->symbols, "the symbol table", &elf->at.symbols},
		{dyn->versions, "the table of symbol versions", &elf->at.versions},
		{dyn->needs, "the table of needed versions", &elf->at.needs},
		{dyn->defines, "the table of defined versions", &elf->at.defines},
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (!tables[i].address)
			continue;
		struct ff_error *err = offset_of(elf, loads, tables[i].address, tables[i].what, tables[i].to);
		if (err)
			return err;
	}
	if (elf->at.strings > elf->bytes->size || dyn->strings_n > elf->bytes->size - elf->at.strings)
		return ff_error_format(elf->bytes->name, elf->at.strings, "the string table is cut short");
	elf->at.strings_end = elf->at.strings + dyn->strings_n;
	return NULL;
}

static struct ff_error *read_dynamic(struct ff_elf *elf, const struct loads *loads, const Elf64_Phdr *segment)
{
	_cleanup_free_ struct dynamic *dyn = calloc(1, sizeof(*dyn));
	if (!dyn)
		return &ff_enomem;
	elf->dynamic = true;
	struct ff_error *err = read_entries(elf, segment, dyn);
	if (!err)
		err = find_tables(elf, loads, dyn);
	if (!err)
		err = read_texts(elf, dyn);
	if (!err && elf->at.needs)
		err = read_needs(elf, dyn->needs_n);
	if (!err && elf->at.defines)
		err = read_defines(elf, dyn->defines_n);
	return err;
}

static struct ff_error *read_identity(struct ff_elf *elf, Elf64_Ehdr *header)
{
	struct ff_bytes *b = elf->bytes;
	unsigned char *ident = header->e_ident;
	struct ff_error *err = ff_bytes_read(b, 0, ident, EI_NIDENT, "the ELF header");
	if (err)
		return err;
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return ff_error_format(b->name, 0, "no ELF file");
	elf->elf_class = ident[EI_CLASS];
	elf->data = ident[EI_DATA];
	elf->os_abi = ident[EI_OSABI];
	if (elf->elf_class != ELFCLASS32 && elf->elf_class != ELFCLASS64)
		return ff_error_format(b->name, EI_CLASS, "ELF class %u is neither 32 nor 64 bits", elf->elf_class);
	// Both classes and byte orders have type and machine at the same place.
	uint8_t kind[4];
	err = ff_bytes_read(b, offsetof(Elf64_Ehdr, e_type), kind, sizeof(kind), "the ELF header");
	if (err)
		return err;
	bool little = elf->data == ELFDATA2LSB;
	elf->type = (uint16_t)(little ? kind[0] | kind[1] << 8 : kind[1] | kind[0] << 8);
	elf->machine = (uint16_t)(little ? kind[2] | kind[3] << 8 : kind[3] | kind[2] << 8);
	if (elf->elf_class == ELFCLASS64 && little)
		err = ff_bytes_read(b, 0, header, sizeof(*header), "the ELF header");
	return err;
}

static struct ff_error *read_elf(struct ff_elf *elf)
{
	Elf64_Ehdr header;
	struct ff_error *err = read_identity(elf, &header);
	if (err || elf->elf_class != ELFCLASS64 || elf->data != ELFDATA2LSB)
		return err;
	elf->at.sections = header.e_shoff;
	elf->at.section_count = header.e_shnum;
	elf->at.section_names = header.e_shstrndx;
	if (header.e_shnum && header.e_shentsize != sizeof(Elf64_Shdr))
		return ff_error_format(elf->bytes->name, offsetof(Elf64_Ehdr, e_shentsize),
			"a section header of %u bytes", header.e_shentsize);

	struct loads loads = {.n = 0};
	Elf64_Phdr dynamic = {0};
	err = read_segments(elf, &header, &loads, &dynamic);
	if (err || dynamic.p_type != PT_DYNAMIC || !dynamic.p_filesz)
		return err;
	return read_dynamic(elf, &loads, &dynamic);
}

struct ff_error *ff_elf_create(struct ff_bytes *bytes, struct ff_elf **ret)
{
	_cleanup_elf_ struct ff_elf *elf = calloc(1, sizeof(*elf));
	if (!elf)
		return &ff_enomem;
	elf->bytes = bytes;
	struct ff_error *err = read_elf(elf);
	if (!err)
		*ret = ff_take(&elf);
	return err;
}

static void free_versions(struct ff_elf_version *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].file);
		free(list[i].version);
	}
	free(list);
}

void ff_elf_destroy(struct ff_elf *elf)
{
	if (!elf)
		return;
	for (size_t i = 0; i < elf->needed_n; i++)
		free(elf->needed[i]);
	free(elf->needed);
	free_versions(elf->needs, elf->needs_n);
	free_versions(elf->defines, elf->defines_n);
	free(elf->interp);
	free(elf->soname);
	free(elf->rpath);
	free(elf->runpath);
	free(elf);
}
