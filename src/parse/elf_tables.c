// The parts of an ELF file that only some readers want: sections by name, dynamic symbols, names of machines.
// How the source lies: the section count of a file with more than 65279 sections stands in section 0; a section may
// claim to lie past the end of the file (stripped debug files, cut downloads).
#include "parse/elf.h"

#include <stdio.h>

enum { MAX_SECTIONS = 65536 };

static struct ff_error *read_section(const struct ff_elf *elf, uint64_t index, Elf64_Shdr *ret)
{
	uint64_t at = index * sizeof(*ret);
	if (__builtin_add_overflow(at, elf->at.sections, &at))
		return ff_error_format(elf->bytes->name, offsetof(Elf64_Ehdr, e_shoff),
			"section %llu lies outside the file", (unsigned long long)index);
	return ff_bytes_read(elf->bytes, at, ret, sizeof(*ret), "the table of sections");
}

/** The two numbers that a file with very many sections keeps in its section 0. */
static struct ff_error *section_numbers(const struct ff_elf *elf, uint64_t *count, uint64_t *names)
{
	*count = elf->at.section_count;
	*names = elf->at.section_names;
	if (*count && *names != SHN_XINDEX)
		return NULL;
	Elf64_Shdr first = {0};
	struct ff_error *err = read_section(elf, 0, &first);
	if (err)
		return err;
	if (!*count)
		*count = first.sh_size;
	if (*names == SHN_XINDEX)
		*names = first.sh_link;
	if (*count > MAX_SECTIONS)
		return ff_error_create(FF_ELIMIT, "%s: more than %d sections", elf->bytes->name, MAX_SECTIONS);
	return NULL;
}

static struct ff_error *is_named(
	const struct ff_elf *elf, const Elf64_Shdr *names, const Elf64_Shdr *section, const char *name, bool *ret)
{
	char found[64];
	size_t n = strlen(name) + 1;
	*ret = false;
	if (n > sizeof(found) || section->sh_name > names->sh_size || n > names->sh_size - section->sh_name)
		return NULL;
	uint64_t at;
	if (__builtin_add_overflow(names->sh_offset, section->sh_name, &at))
		return ff_error_format(elf->bytes->name, names->sh_offset, "the section names lie outside the file");
	struct ff_error *err = ff_bytes_read(elf->bytes, at, found, n, "a section's name");
	if (!err)
		*ret = memcmp(found, name, n) == 0;
	return err;
}

static struct ff_error *check_inside(const struct ff_elf *elf, const Elf64_Shdr *section, const char *name)
{
	if (section->sh_offset > elf->bytes->size || section->sh_size > elf->bytes->size - section->sh_offset)
		return ff_error_format(elf->bytes->name, section->sh_offset,
			"section %s of %llu bytes goes past the end of the file", name,
			(unsigned long long)section->sh_size);
	return NULL;
}

struct ff_error *ff_elf_find_section(
	const struct ff_elf *elf, const char *name, bool *ret_found, struct ff_elf_section *ret)
{
	*ret_found = false;
	uint64_t count = 0, names_index = 0;
	if (!elf->at.sections)
		return NULL;
	struct ff_error *err = section_numbers(elf, &count, &names_index);
	if (err || names_index == SHN_UNDEF || names_index >= count)
		return err;
	Elf64_Shdr names = {0};
	err = read_section(elf, names_index, &names);
	for (uint64_t i = 1; !err && i < count; i++) {
		Elf64_Shdr section = {0};
		bool named = false;
		err = read_section(elf, i, &section);
		if (!err && section.sh_type != SHT_NOBITS && section.sh_size)
			err = is_named(elf, &names, &section, name, &named);
		if (err || !named)
			continue;
		err = check_inside(elf, &section, name);
		if (err)
			return err;
		*ret = (struct ff_elf_section){section.sh_offset, section.sh_size};
		*ret_found = true;
		return NULL;
	}
	return err;
}

/** Symbols carry no count of their own in the dynamic section; the section table has it. */
static struct ff_error *count_symbols(const struct ff_elf *elf, uint64_t *ret)
{
	uint64_t count = 0, names = 0;
	*ret = 0;
	if (!elf->at.sections || !elf->at.symbols)
		return NULL;
	struct ff_error *err = section_numbers(elf, &count, &names);
	for (uint64_t i = 1; !err && i < count; i++) {
		Elf64_Shdr section = {0};
		err = read_section(elf, i, &section);
		if (err || section.sh_type != SHT_DYNSYM)
			continue;
		*ret = section.sh_size / sizeof(Elf64_Sym);
		return NULL;
	}
	return err;
}

struct ff_error *ff_elf_each_symbol(
	const struct ff_elf *elf, uint64_t max, bool (*each)(const struct ff_elf_symbol *symbol, void *arg), void *arg)
{
	uint64_t n = 0;
	struct ff_error *err = count_symbols(elf, &n);
	if (err || n == 0)
		return err;
	uint64_t strings_n = elf->at.strings_end - elf->at.strings;
	if (n > max || strings_n > max * 256)
		return ff_error_create(
			FF_ELIMIT, "%s: more than %llu symbols", elf->bytes->name, (unsigned long long)max);
	_cleanup_free_ Elf64_Sym *symbols = malloc((n + 1) * sizeof(*symbols));
	_cleanup_free_ uint16_t *versions = calloc(n + 1, sizeof(*versions));
	_cleanup_free_ char *strings = malloc(strings_n + 1);
	if (!symbols || !versions || !strings)
		return &ff_enomem;
	err = ff_bytes_read_far(elf->bytes, elf->at.symbols, symbols, n * sizeof(*symbols), "the symbol table");
	if (!err && elf->at.versions)
		err = ff_bytes_read_far(
			elf->bytes, elf->at.versions, versions, n * sizeof(*versions), "the symbol versions");
	if (!err)
		err = ff_bytes_read_far(elf->bytes, elf->at.strings, strings, strings_n, "the string table");
	if (err)
		return err;
	strings[strings_n] = '\0';
	for (uint64_t i = 1; i < n; i++) {
		const Elf64_Sym *s = &symbols[i];
		if (s->st_name >= strings_n)
			return ff_error_format(elf->bytes->name, elf->at.symbols + i * sizeof(*s),
				"a symbol's name lies outside the string table");
		if (!each(&(struct ff_elf_symbol){.name = strings + s->st_name,
				  .undefined = s->st_shndx == SHN_UNDEF,
				  .weak = ELF64_ST_BIND(s->st_info) == STB_WEAK,
				  .version = versions[i] & 0x7fff},
			    arg))
			return NULL;
	}
	return NULL;
}

const char *ff_elf_machine_name(uint16_t machine, char spare[static 16])
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{EM_X86_64, "x86_64"},
		{EM_AARCH64, "aarch64"},
		{EM_386, "i386"},
		{EM_ARM, "arm"},
		{EM_RISCV, "riscv64"},
		{EM_PPC64, "ppc64le"},
		{EM_S390, "s390x"},
		{EM_CUDA, "cuda"},
		{EM_AMDGPU, "amdgpu"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	snprintf(spare, 16, "machine %u", machine);
	return spare;
}
