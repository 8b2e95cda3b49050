// Picks versions, names and settings out of NVIDIA's texts.
//
//	NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build  (dvs-builder@...)
//	Model: 		 NVIDIA GeForce RTX 5090
//	nvidia_uvm 4931584 2 - Live 0x0000000000000000 (POE)
//	no-cgroups = false
//
// How they lie: the wording around the version changes from release to release, so the first word made of numbers and
// dots counts; a GPU that nobody has opened yet has question marks for its UUID.
#include "parse/nvidia_text.h"

#include "parse/chars.h"

static bool is_version(struct ff_span word)
{
	size_t dots = 0;
	for (size_t i = 0; i < word.n; i++) {
		if (!ff_is_digit(word.p[i]) && word.p[i] != '.')
			return false;
		dots += word.p[i] == '.';
	}
	return dots >= 1 && dots <= 3 && word.n >= 4 && ff_is_digit(word.p[0]) && ff_is_digit(word.p[word.n - 1]);
}

bool ff_nvrm_version(struct ff_span text, struct ff_span *ret_version, bool *ret_open)
{
	struct ff_span line, word;
	bool open = false;
	while (ff_span_line(&text, &line)) {
		if (!ff_span_starts(line, "NVRM version:"))
			continue;
		while (ff_span_next(&line, ' ', &word)) {
			open |= ff_span_eq(word, "Open");
			if (!is_version(word))
				continue;
			*ret_version = word;
			*ret_open = open;
			return true;
		}
	}
	return false;
}

struct ff_span ff_nvrm_field(struct ff_span text, const char *name)
{
	struct ff_span line, key;
	while (ff_span_line(&text, &line)) {
		if (!ff_span_next(&line, ':', &key) || !ff_span_eq(ff_span_trim(key), name) || !line.p)
			continue;
		struct ff_span value = ff_span_trim(line);
		if (value.n && !memchr(value.p, '?', value.n))
			return value;
		break;
	}
	return (struct ff_span){NULL, 0};
}

bool ff_module_listed(struct ff_span text, const char *name)
{
	struct ff_span line, word;
	while (ff_span_line(&text, &line)) {
		if (ff_span_next(&line, ' ', &word) && ff_span_eq(word, name))
			return true;
	}
	return false;
}

struct ff_span ff_toml_setting(struct ff_span text, const char *key)
{
	struct ff_span line, name;
	while (ff_span_line(&text, &line)) {
		if (!ff_span_next(&line, '=', &name) || !line.p || !ff_span_eq(ff_span_trim(name), key))
			continue;
		struct ff_span value = ff_span_trim(line);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = (struct ff_span){value.p + 1, value.n - 2};
		return value;
	}
	return (struct ff_span){NULL, 0};
}

bool ff_driver_library_version(struct ff_span file_name, struct ff_span *ret)
{
	const char *so = file_name.n ? memmem(file_name.p, file_name.n, ".so.", 4) : NULL;
	if (!so)
		return false;
	struct ff_span version = ff_span_skip(file_name, (size_t)(so - file_name.p) + 4);
	if (!is_version(version))
		return false;
	*ret = version;
	return true;
}

static bool hex_after(struct ff_span *s, const char *mark, size_t digits, unsigned *ret)
{
	unsigned value = 0;
	const char *at = s->n ? memmem(s->p, s->n, mark, strlen(mark)) : NULL;
	if (!at)
		return false;
	*s = ff_span_skip(*s, (size_t)(at - s->p) + strlen(mark));
	if (s->n < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		char c = ff_lower(s->p[i]);
		if (!ff_is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		value = value << 4 | (unsigned)(ff_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*s = ff_span_skip(*s, digits);
	*ret = value;
	return true;
}

bool ff_pci_modalias(struct ff_span text, struct ff_pci_ids *ret)
{
	struct ff_pci_ids ids;
	if (!ff_span_starts(text, "pci:") || !hex_after(&text, "v", 8, &ids.vendor) ||
		!hex_after(&text, "d", 8, &ids.device) || !hex_after(&text, "bc", 2, &ids.class_code) ||
		!hex_after(&text, "sc", 2, &ids.subclass))
		return false;
	*ret = ids;
	return true;
}
