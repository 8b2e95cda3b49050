// An ELF file of any content: headers, sections, GPU code, symbols.
#include <stddef.h>
#include <stdint.h>

#include "parse/elf.h"
#include "parse/fatbin.h"

static bool count(const struct ff_elf_symbol *symbol, void *arg)
{
	*(size_t *)arg += strlen(symbol->name);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_bytes b;
	ff_bytes_init(&b, "input", data, size);
	_cleanup_elf_ struct ff_elf *elf = NULL;
	_cleanup_error_ struct ff_error *err = ff_elf_create(&b, &elf);
	if (err)
		return 0;
	struct ff_fatbin f = {0};
	_cleanup_error_ struct ff_error *code = ff_fatbin_of_elf(elf, &f);
	size_t n = 0;
	_cleanup_error_ struct ff_error *symbols = ff_elf_each_symbol(elf, 100000, count, &n);
	return 0;
}
