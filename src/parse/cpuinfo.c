// Reads /proc/cpuinfo. x86 says `model name` and `flags`, arm64 `CPU implementer`, `CPU part` and `Features`; some
// kernels leave the model out. Processors are counted by their `processor` lines (online ones only). Hypervisors mask
// flags, which is what we want to see: what a program may use.
//
//	processor	: 0
//	model name	: AMD EPYC 7B13
//	flags		: fpu ... avx avx2 f16c ...
#include "parse/cpuinfo.h"

#include "parse/proc_fields.h"

static const char *const wanted[] = {
	"sse3", "pni", "ssse3", "sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx_vnni", "avxvnniint8",
	"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
	"avx512vbmi", "avx512_vbmi2", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16", "hypervisor",	   // x86
	"asimd", "asimdhp", "asimddp", "fphp", "sve", "sve2", "sme", "bf16", "i8mm", "svei8mm", "svebf16", // arm64
};

static bool is_wanted(struct ff_span flag)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (ff_span_eq(flag, wanted[i]))
			return true;
	}
	return false;
}

static json_t *wanted_flags(struct ff_span list)
{
	json_t *flags = json_array();
	for (struct ff_span flag; flags && ff_span_next(&list, ' ', &flag);) {
		if (!is_wanted(flag))
			continue;
		bool known = false;
		for (size_t i = 0; i < json_array_size(flags) && !known; i++)
			known = ff_span_eq(flag, json_string_value(json_array_get(flags, i)));
		if (!known && json_array_append_new(flags, json_stringn(flag.p, flag.n)) < 0) {
			json_decref(flags);
			return NULL;
		}
	}
	return flags;
}

static size_t arm_model(struct ff_span text, char ret[128])
{
	static const struct {
		const char *implementer, *part, *name;
	} cores[] = {
		{"0x41", "0xd0c", "ARM Neoverse N1"},
		{"0x41", "0xd40", "ARM Neoverse V1"},
		{"0x41", "0xd42", "ARM Cortex-A78AE"},
		{"0x41", "0xd49", "ARM Neoverse N2"},
		{"0x41", "0xd4f", "ARM Neoverse V2"},
		{"0x4e", "0x004", "NVIDIA Carmel"},
		{"0xc0", "0xac3", "Ampere-1"},
	};
	struct ff_span implementer, part;
	if (!ff_field_text(text, "CPU implementer", &implementer) || !ff_field_text(text, "CPU part", &part))
		return 0;
	for (size_t i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		if (ff_span_eq(implementer, cores[i].implementer) && ff_span_eq(part, cores[i].part))
			return (size_t)snprintf(ret, 128, "%s", cores[i].name);
	}
	return (size_t)snprintf(ret, 128, "implementer %.*s, part %.*s", (int)(implementer.n < 16 ? implementer.n : 16),
		implementer.p, (int)(part.n < 16 ? part.n : 16), part.p);
}

static uint64_t count_processors(struct ff_span text)
{
	uint64_t count = 0;
	for (struct ff_span line; ff_span_next(&text, '\n', &line);) {
		struct ff_span number;
		uint64_t v;
		count += ff_field_text(line, "processor", &number) && ff_span_u64(number, &v);
	}
	return count;
}

struct ff_error *ff_cpuinfo_parse(struct ff_span text, json_t **ret)
{
	_cleanup_json_ json_t *doc = json_object();
	if (!doc)
		return &ff_enomem;
	struct ff_span model = {0}, flags;
	char arm[128];
	if (!ff_field_text(text, "model name", &model) || !model.n)
		model = (struct ff_span){arm, arm_model(text, arm)};
	if (model.n && json_object_set_new(doc, "model", ff_json_string(model.p, model.n < 256 ? model.n : 256)) < 0)
		return &ff_enomem;
	uint64_t cores = count_processors(text);
	if (cores && json_object_set_new(doc, "cores", json_integer((json_int_t)cores)) < 0)
		return &ff_enomem;
	if ((ff_field_text(text, "flags", &flags) || ff_field_text(text, "Features", &flags)) &&
		json_object_set_new(doc, "flags", wanted_flags(flags)) < 0)
		return &ff_enomem;
	*ret = ff_take(&doc);
	return NULL;
}
