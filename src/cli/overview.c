// firstfix, without a command, on a terminal: how this machine is, in a few lines, and what to try.
#include "cli/overview.h"

#include "cli/output.h"

#include <stdlib.h>

int ff_overview(void)
{
	const struct ff_output output = {0};
	const struct ff_style style = ff_output_style(&output);
	struct ff_facts *facts = NULL;
	struct ff_diagnosis *check = NULL;
	char *text = NULL;
	struct ff_error *err = ff_collect(&(struct ff_collect_options){.trigger = "check"}, &facts);
	if (!err)
		err = ff_explain(
			&(struct ff_explain_options){
				.facts = facts, .log_fd = -1, .check = true, .facts_of = "this machine"},
			&check);
	if (!err)
		err = ff_overview_render(facts, check, FF_TEXT, &style, &text);
	int code = ff_answer("check", &output, err, text, !err && ff_diagnosis_is_error(check));
	ff_diagnosis_free(check);
	ff_facts_free(facts);
	return code;
}
