// Looks up the codes of CUDA, its libraries, NVML, HIP, NCCL and errno:
//
//	cuda 802 cudaErrorSystemNotReady "system not yet initialized" driver.fabric-manager
//
// How it lies: the CUDA runtime and the driver number alike since CUDA 10.1 and spell differently, so most numbers
// stand there twice; NVML's Python face spells NVMLError_DriverNotLoaded what is NVML_ERROR_DRIVER_NOT_LOADED in C.
#include "know/error_code.h"

#include "base/table.h"

#include <ctype.h>
#include <threads.h>

FF_EMBEDDED(ff_table, error_codes);

enum { LIBRARY, NUMBER, NAME, WORDS, CAUSE, NAMED_MAX = 256 };

// The codes that name a cause, one in six: a start asks for those of some thirty causes.
static struct ff_error_code named[NAMED_MAX];
static size_t named_count;
static once_flag read_once = ONCE_FLAG_INIT;

static struct ff_error_code code_of(const struct ff_table_row *row)
{
	return (struct ff_error_code){
		row->cells[LIBRARY], row->cells[NUMBER], row->cells[NAME], row->cells[WORDS], row->cells[CAUSE]};
}

// The same name but for case and underscores.
static bool same_name(struct ff_span a, struct ff_span b)
{
	size_t i = 0, k = 0;
	for (; i < a.n || k < b.n; i++, k++) {
		while (i < a.n && a.p[i] == '_')
			i++;
		while (k < b.n && b.p[k] == '_')
			k++;
		if (i >= a.n || k >= b.n)
			break;
		if (tolower((unsigned char)a.p[i]) != tolower((unsigned char)b.p[k]))
			return false;
	}
	return i >= a.n && k >= b.n;
}

bool ff_know_error_code(const char *library, struct ff_span key, struct ff_error_code *ret)
{
	struct ff_table table = ff_table_of(ff_table_error_codes);
	bool number = key.n && isdigit((unsigned char)key.p[0]);
	for (struct ff_table_row row; key.n && ff_table_next(&table, &row);) {
		if (library && !ff_span_eq(row.cells[LIBRARY], library))
			continue;
		if (number ? !ff_span_same(row.cells[NUMBER], key) : !same_name(row.cells[NAME], key))
			continue;
		*ret = code_of(&row);
		return true;
	}
	return false;
}

static void read_named(void)
{
	struct ff_table table = ff_table_of(ff_table_error_codes);
	for (struct ff_table_row row; named_count < NAMED_MAX && ff_table_next(&table, &row);)
		if (row.cells[CAUSE].n)
			named[named_count++] = code_of(&row);
}

size_t ff_know_error_codes(const char *cause, struct ff_error_code *codes, size_t max)
{
	call_once(&read_once, read_named);
	size_t n = 0;
	for (size_t i = 0; n < max && i < named_count; i++)
		if (ff_span_eq(named[i].cause, cause))
			codes[n++] = named[i];
	return n;
}
