// Files of /proc that are one field a line, of any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/proc_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size}, value;
	uint64_t number;
	ff_field_text(text, "MemTotal", &value);
	ff_field_u64(text, "MemTotal", &number);
	ff_cpu_list_count(text, &number);
	for (struct ff_span rest = text; ff_net_dev_next(&rest, &value);)
		;
	ff_tcp_listens(text, 8000, &number);
	json_t *doc = NULL;
	struct ff_error *err = ff_pressure_parse("pressure", text, &doc);
	if (!err)
		json_decref(doc);
	ff_error_destroy(err);
	err = ff_limits_parse("limits", text, &doc);
	if (!err)
		json_decref(doc);
	ff_error_destroy(err);
	struct ff_proc_stat stat;
	err = ff_proc_stat_parse("stat", text, &stat);
	ff_error_destroy(err);
	return 0;
}
