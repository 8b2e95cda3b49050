// Engines have names of their own for one setting; fixes and arithmetic ask for the general one.
//
//	ServerArgs(context_length=65536, tp_size=2)      SGLang: max_model_len, tensor_parallel_size
//	with config: model='m', max_seq_len=8192         vLLM: max_model_len
#include "log/setting_name.h"

#include <stddef.h>
#include <string.h>

const char *ff_setting_general(const char *name)
{
	static const char *const names[][2] = {{"max_seq_len", "max_model_len"}, {"context_length", "max_model_len"},
		{"session_len", "max_model_len"}, {"max_total_tokens", "max_model_len"}, {"ctx_size", "max_model_len"},
		{"tp_size", "tensor_parallel_size"}, {"tp", "tensor_parallel_size"},
		{"num_shard", "tensor_parallel_size"}, {"mem_fraction_static", "gpu_memory_utilization"},
		{"max_running_requests", "max_num_seqs"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}
