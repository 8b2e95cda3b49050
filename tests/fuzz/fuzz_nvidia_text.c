// The texts of NVIDIA's kernel module and container toolkit, with any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/nvidia_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size}, version;
	struct ff_pci_ids ids;
	bool open;
	if (ff_nvrm_version(text, &version, &open) && !version.n)
		__builtin_trap();
	if (ff_driver_library_version(text, &version) && !version.n)
		__builtin_trap();
	ff_nvrm_field(text, "Model");
	ff_module_listed(text, "nvidia");
	ff_toml_setting(text, "no-cgroups");
	if (ff_pci_modalias(text, &ids) && (ids.class_code > 255 || ids.subclass > 255))
		__builtin_trap();
	return 0;
}
