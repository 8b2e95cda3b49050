// Architectures of NVIDIA GPUs: which machine code runs where, and the tables of names, PCI ids and capabilities.
//
//	sm_86 runs on 8.6 and 8.9; sm_90a on 9.0 only; sm_100f on 10.0 and 10.3; compute_80 (PTX) on everything from 8.0
//
// torch prints the same list ("sm_80 sm_86 sm_90"), and leaves out sm_89, which it does not need.
#include "know/gpu_arch.h"

#include "base/table.h"
#include "know/driver.h"

#include <ctype.h>
#include <stdio.h>

FF_EMBEDDED(ff_table, arch);
FF_EMBEDDED(ff_table, gpus);
FF_EMBEDDED(ff_table, pci_gpus);

enum { ARCH_CC, ARCH_NAME, ARCH_TEGRA, ARCH_FIRST, ARCH_LAST, ARCH_FAMILY, ARCH_CORES };
enum { GPU_NAME, GPU_CC, GPU_MEMORY, GPU_USABLE };
enum { PCI_ID, PCI_NAME, PCI_CHIP, PCI_CC };

static bool drop_prefix(struct ff_span *s, const char *prefix)
{
	if (!ff_span_starts(*s, prefix))
		return false;
	size_t n = strlen(prefix);
	*s = (struct ff_span){s->p + n, s->n - n};
	return true;
}

// "120" is 12.0, "90" is 9.0, "9.0" and "12.1" say so themselves.
static bool parse_digits(struct ff_span s, struct ff_arch *arch)
{
	struct ff_span rest = s, major, minor;
	uint64_t a, b;
	if (memchr(s.p, '.', s.n)) {
		if (!ff_span_next(&rest, '.', &major) || !ff_span_next(&rest, '.', &minor) || rest.p)
			return false;
	} else {
		if (s.n < 2)
			return false;
		major = (struct ff_span){s.p, s.n - 1};
		minor = (struct ff_span){s.p + s.n - 1, 1};
	}
	if (!ff_span_u64(major, &a) || !ff_span_u64(minor, &b) || a == 0 || a > 99 || b > 9)
		return false;
	arch->major = (unsigned)a;
	arch->minor = (unsigned)b;
	return true;
}

bool ff_arch_parse(struct ff_span text, struct ff_arch *ret)
{
	struct ff_arch arch = {0};
	struct ff_span s = ff_span_trim(text);
	if (drop_prefix(&s, "compute_"))
		arch.ptx = true;
	else
		drop_prefix(&s, "sm_");
	if (ff_span_ends(s, "+PTX"))
		s.n -= 4;
	if (ff_span_ends(s, "a") || ff_span_ends(s, "f"))
		arch.suffix = s.p[--s.n];
	if (!s.n || !parse_digits(s, &arch))
		return false;
	*ret = arch;
	return true;
}

static bool find_arch(struct ff_arch arch, struct ff_table_row *ret)
{
	char cc[16];
	snprintf(cc, sizeof(cc), "%u.%u", arch.major, arch.minor);
	return ff_table_find(ff_table_arch, ff_span_of(cc), ret);
}

static bool is_tegra(struct ff_arch arch)
{
	struct ff_table_row row;
	return find_arch(arch, &row) && row.cells[ARCH_TEGRA].n;
}

static bool same_family(struct ff_arch a, struct ff_arch b)
{
	struct ff_table_row x, y;
	return find_arch(a, &x) && find_arch(b, &y) && x.cells[ARCH_FAMILY].n &&
		ff_know_version_compare(x.cells[ARCH_FAMILY], y.cells[ARCH_FAMILY]) == 0;
}

// The part of the rule that holds for machine code and for PTX alike.
static bool suffix_allows(struct ff_arch code, struct ff_arch gpu)
{
	if (code.suffix == 'a')
		return code.major == gpu.major && code.minor == gpu.minor;
	return code.suffix != 'f' || (same_family(code, gpu) && code.minor <= gpu.minor);
}

bool ff_arch_runs(struct ff_arch code, struct ff_arch gpu)
{
	if (code.major != gpu.major || code.minor > gpu.minor || !suffix_allows(code, gpu))
		return false;
	return code.minor == gpu.minor || (!is_tegra(code) && !is_tegra(gpu));
}

static bool compiles_for(struct ff_arch ptx, struct ff_arch gpu)
{
	bool later = ptx.major < gpu.major || (ptx.major == gpu.major && ptx.minor <= gpu.minor);
	return later && suffix_allows(ptx, gpu);
}

static enum ff_arch_verdict best_of(const json_t *list, bool all_ptx, struct ff_arch gpu)
{
	enum ff_arch_verdict best = FF_ARCH_NONE;
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		struct ff_arch code;
		if (!json_is_string(item) || !ff_arch_parse(ff_span_of(json_string_value(item)), &code))
			continue;
		code.ptx |= all_ptx;
		if (!code.ptx && ff_arch_runs(code, gpu))
			return FF_ARCH_SASS;
		if (code.ptx && compiles_for(code, gpu))
			best = FF_ARCH_PTX;
	}
	return best;
}

enum ff_arch_verdict ff_know_arch_covers(const json_t *archs, const json_t *ptx, const char *cc)
{
	struct ff_arch gpu;
	if (!ff_arch_parse(ff_span_of(cc), &gpu) || (json_array_size(archs) == 0 && json_array_size(ptx) == 0))
		return FF_ARCH_NOT_KNOWN;
	enum ff_arch_verdict verdict = best_of(archs, false, gpu);
	return verdict == FF_ARCH_NONE ? best_of(ptx, true, gpu) : verdict;
}

const char *ff_arch_verdict_name(enum ff_arch_verdict verdict)
{
	static const char *const names[] = {
		[FF_ARCH_NONE] = "none",
		[FF_ARCH_SASS] = "sass",
		[FF_ARCH_PTX] = "ptx",
		[FF_ARCH_NOT_KNOWN] = "not-known",
	};
	return names[verdict];
}

bool ff_know_arch_info(const char *cc, struct ff_arch_info *ret)
{
	struct ff_arch arch;
	struct ff_table_row row;
	if (!ff_arch_parse(ff_span_of(cc), &arch) || !find_arch(arch, &row))
		return false;
	uint64_t cores = 0;
	ff_span_u64(row.cells[ARCH_CORES], &cores);
	*ret = (struct ff_arch_info){.name = row.cells[ARCH_NAME],
		.first_cuda = row.cells[ARCH_FIRST],
		.last_cuda = row.cells[ARCH_LAST],
		.tegra = row.cells[ARCH_TEGRA].n > 0,
		.cores_per_sm = (unsigned)cores};
	return true;
}

static bool is_word_border(struct ff_span text, size_t at)
{
	return at == 0 || at >= text.n || !isalnum((unsigned char)text.p[at]) ||
		!isalnum((unsigned char)text.p[at - 1]);
}

// NVML says "A100-SXM4-80GB", pci.ids "A100 SXM4 80GB".
static bool same_words(const char *a, struct ff_span words)
{
	for (size_t i = 0; i < words.n; i++) {
		int x = a[i] == '-' ? ' ' : tolower((unsigned char)a[i]);
		int y = words.p[i] == '-' ? ' ' : tolower((unsigned char)words.p[i]);
		if (x != y)
			return false;
	}
	return true;
}

static bool contains_words(struct ff_span text, struct ff_span words)
{
	if (!words.n)
		return false;
	for (size_t at = 0; at + words.n <= text.n; at++)
		if (is_word_border(text, at) && is_word_border(text, at + words.n) && same_words(text.p + at, words))
			return true;
	return false;
}

bool ff_know_gpu_by_name(const char *name, struct ff_gpu_info *ret)
{
	struct ff_span text = ff_span_of(name);
	struct ff_table table = ff_table_of(ff_table_gpus);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		if (!contains_words(text, row.cells[GPU_NAME]))
			continue;
		struct ff_gpu_info info = {.name = row.cells[GPU_NAME], .cc = row.cells[GPU_CC]};
		ff_span_u64(row.cells[GPU_MEMORY], &info.memory_gib);
		ff_span_u64(row.cells[GPU_USABLE], &info.usable_mib);
		*ret = info;
		return true;
	}
	return false;
}

bool ff_know_gpu_by_pci(unsigned device_id, struct ff_gpu_info *ret)
{
	char id[16], name[128];
	snprintf(id, sizeof(id), "%04x", device_id);
	struct ff_table_row row;
	if (!ff_table_find(ff_table_pci_gpus, ff_span_of(id), &row))
		return false;
	// How much memory the card has stands in the table of names only.
	struct ff_gpu_info info = {0};
	snprintf(name, sizeof(name), "%.*s", (int)row.cells[PCI_NAME].n, row.cells[PCI_NAME].p);
	ff_know_gpu_by_name(name, &info);
	info.name = row.cells[PCI_NAME];
	info.cc = row.cells[PCI_CC];
	*ret = info;
	return true;
}
