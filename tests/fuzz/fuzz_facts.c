// A facts document of any bytes, as rules see it: reading, checks, trial of fixes on it.
#include "diagnose/finding.h"

#include <stdlib.h>

static const char rules_text[] =
	"rule {id = 'torch.no-kernel-image', why = '', check = function(f)\n"
	"  for _, cc in ipairs(f.capabilities()) do know.arch_covers(f'torch.archs' or {}, f'torch.ptx' or {}, cc) "
	"end\n"
	"  return {why = {'{fact:torch.archs} {fact:env.A}'}, evidence = {'gpus', 'python.packages.torch.version', "
	"'env.A'}, fixes = {\n"
	"    {kind = 'env:A', say = 'x', set = {BNB_CUDA_VERSION = '121', PYTORCH_CUDA_ALLOC_CONF = 'a:b'}},\n"
	"    {kind = 'pip:torch', say = 'x', effect = {package = {torch = '2.7.1+cu128', bitsandbytes = '0.43.0'}}},\n"
	"    {kind = 'driver', say = 'x', effect = {facts = {['driver.version'] = '550.54.14', ['gpus.0.x.y'] = 1}}}}} "
	"end}\n"
	"rule {id = 'pip.conflict', why = '', check = function(f)\n"
	"  if f.pkg'torch' and f.env'A' ~= nil and f'python.conflicts.0' then return true end end}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ff_rules *rules;
	struct ff_findings findings = {0};
	json_t *facts = NULL, *broken = json_array();
	if (!rules && (ff_rules_create(&rules) || ff_rules_add_text(rules, "fuzz.lua", rules_text, strlen(rules_text))))
		abort();
	struct ff_error *err = ff_json_parse("facts", (const char *)data, size, &facts);
	if (!err)
		err = ff_judge_facts(rules, facts);
	if (!err)
		err = ff_judge_checks(rules, facts, &findings, broken);
	const struct ff_ground ground = {.facts = facts};
	if (!err)
		err = ff_findings_fix(rules, &ground, &findings, broken);
	if (!err)
		err = ff_findings_try(rules, &ground, &findings);
	if (!err)
		json_decref(ff_looked_at(facts, rules, "sglang"));
	ff_error_destroy(err);
	ff_findings_deinit(&findings);
	json_decref(broken);
	json_decref(facts);
	return 0;
}
