// What the dynamic loader, and we, need of one ELF file, read from its headers only: what it is, what it needs,
// where it wants that to be looked for, and where its GPU code lies.
#pragma once

#include "parse/bytes.h"

#include <elf.h>

/** A symbol version that the file needs of a library, or defines itself (file is NULL then). */
struct ff_elf_version {
	char *file;	/**< "libc.so.6" */
	char *version;	/**< "GLIBC_2.34" */
	bool weak;	/**< the loader only warns when it is missing */
	uint16_t index; /**< what stands for it in struct ff_elf_symbol */
};

/** Name, place and size of a section in the file. */
struct ff_elf_section {
	uint64_t offset, size;
};

struct ff_elf {
	struct ff_bytes *bytes; /**< borrowed; must outlive the view for the functions that take it */

	uint8_t elf_class; /**< ELFCLASS64, or ELFCLASS32: then nothing below `machine` is read */
	uint8_t data;	   /**< ELFDATA2LSB; for ELFDATA2MSB nothing below is read either */
	uint16_t machine;  /**< EM_X86_64, EM_AARCH64, ... */
	uint16_t type;	   /**< ET_DYN, ET_EXEC, ET_REL, ... */
	uint8_t os_abi;

	char *interp;  /**< "/lib64/ld-linux-x86-64.so.2"; NULL for a library */
	char *soname;  /**< NULL when it has none */
	char *rpath;   /**< DT_RPATH as written; the loader ignores it when there is a runpath */
	char *runpath; /**< DT_RUNPATH as written */
	char **needed; /**< in order */
	size_t needed_n;
	uint64_t flags_1;    /**< DT_FLAGS_1: DF_1_NODEFLIB, ... */
	bool dynamic;	     /**< it has a dynamic section at all */
	uint64_t loaded_end; /**< the file's bytes that are loaded end here; past bytes->size: the file is cut short */

	struct ff_elf_version *needs; /**< symbol versions needed */
	size_t needs_n;
	struct ff_elf_version *defines; /**< symbol versions defined, without the base entry */
	size_t defines_n;

	// Where tables lie in the file, 0 when there is none. Claims of the file: every read is checked.
	struct {
		uint64_t strings, strings_end, symbols, versions, needs, defines;
		uint64_t sections, section_count, section_names;
	} at;
};

/** Read the headers. Fails (FF_EFORMAT, naming file and offset) on what is no ELF file or lies about itself. */
struct ff_error *ff_elf_create(struct ff_bytes *bytes, struct ff_elf **ret);
void ff_elf_destroy(struct ff_elf *elf);

static inline void ff_cleanup_elf(struct ff_elf **elf)
{
	ff_elf_destroy(*elf);
}

#define _cleanup_elf_ __attribute__((__cleanup__(ff_cleanup_elf)))

/** Where a section lies; *ret_found false (and no error) when there is none of that name or it holds no bytes. */
struct ff_error *ff_elf_find_section(
	const struct ff_elf *elf, const char *name, bool *ret_found, struct ff_elf_section *ret);

/** A dynamic symbol. */
struct ff_elf_symbol {
	const char *name; /**< valid during the call */
	bool undefined, weak;
	uint16_t version; /**< of .gnu.version, without the hidden bit; 0 local, 1 global */
};

/** Call `each` for every dynamic symbol until it returns false. FF_ELIMIT when there are more than `max`. */
struct ff_error *ff_elf_each_symbol(
	const struct ff_elf *elf, uint64_t max, bool (*each)(const struct ff_elf_symbol *symbol, void *arg), void *arg);

/** "x86_64", "aarch64", "i386", ...; "machine 123" is written to `spare` for others. */
const char *ff_elf_machine_name(uint16_t machine, char spare[static 16]);
