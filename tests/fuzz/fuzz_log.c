// A log of any bytes, cut anywhere: lines, prefixes, events, signatures, the built-in rules, ranking.
#include "diagnose/diagnose.h"
#include "diagnose/finding.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// As a file is read.
static struct ff_error *fill(struct ff_scan *scan, const uint8_t *data, size_t size)
{
	struct ff_error *err = NULL;
	for (size_t n; size && !err; data += n, size -= n) {
		char *to = ff_scan_room(scan, &n);
		n = n < size ? n : size;
		memcpy(to, data, n);
		err = ff_scan_filled(scan, n);
	}
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ff_rules *rules;
	struct ff_scan *scan;
	struct ff_findings findings = {0};
	if (!rules && (ff_rules_load(NULL, true, &rules) || ff_judge_facts(rules, NULL)))
		abort();
	if (ff_scan_create(rules, NULL, &scan))
		abort();
	size_t cut = size ? data[0] % (size + 1) : 0;
	json_t *broken = json_array();
	ff_error_destroy(ff_scan_feed(scan, (const char *)data, cut));
	ff_error_destroy(fill(scan, data + cut, size - cut));
	ff_error_destroy(ff_scan_end(scan));
	ff_error_destroy(ff_judge_log(rules, scan, NULL, &findings, broken));
	ff_findings_rank(rules, &findings);
	if (json_array_size(broken))
		__builtin_trap(); // a built-in rule failed
	ff_findings_deinit(&findings);
	json_decref(broken);
	ff_scan_destroy(scan);
	return 0;
}
