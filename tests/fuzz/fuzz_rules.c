// A file of rules of any bytes: refused with a message or taken, never more than its share of time and memory; then as
// a page.
#include "diagnose/playbook.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_rules *rules;
	if (ff_rules_create(&rules))
		abort();
	struct ff_error *err = ff_rules_add_text(rules, "fuzz.lua", (const char *)data, size);
	if (!err && ff_rules_count(rules)) {
		json_t *page = NULL;
		err = ff_playbook(rules, ff_rules_at(rules, 0)->cause, &page);
		json_decref(page);
		json_decref(ff_rules_listed(rules));
	}
	ff_error_destroy(err);
	ff_rules_destroy(rules);
	return 0;
}
