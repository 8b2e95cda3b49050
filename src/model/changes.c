// The changes that make a model fit (know/serving.h), as flags of the engine: what was asked for stays in the command
// beside what changes.
#include "model/fit.h"

#include <stdlib.h>

static struct ff_error *put_command(const struct ff_fit_question *q, json_t *change)
{
	_cleanup_free_ char *flags = NULL, *command = NULL;
	_cleanup_json_ json_t *settings = ff_fit_settings(q);
	struct ff_error *err = settings ? NULL : &ff_enomem;
	if (!err && json_object_update(settings, json_object_get(change, "settings")) < 0)
		err = &ff_enomem;
	if (!err)
		err = ff_fit_flags(q, settings, &flags);
	if (!err)
		err = ff_fit_command(q, flags, &command);
	if (!err &&
		(json_object_set_new(change, "flags", json_string(flags)) < 0 ||
			json_object_set_new(change, "command", json_string(command)) < 0))
		err = &ff_enomem;
	return err;
}

struct ff_error *ff_fit_changes(const struct ff_fit_question *q, json_t **ret)
{
	_cleanup_json_ json_t *list = NULL;
	const struct ff_serving_question asked = {.model = &q->files->model,
		.plan = q->plan,
		.cc = q->gpu->cc,
		.held = q->gpu->held,
		.gpus_here = q->gpu->count,
		.context_asked = q->asked->context,
		.sequences_asked = q->asked->sequences,
		.share_asked = q->asked->share > 0};
	size_t i;
	json_t *change;
	struct ff_error *err = ff_know_serving_changes(&asked, &list);
	json_array_foreach (list, i, change)
		if (!err)
			err = put_command(q, change);
	if (!err)
		*ret = json_incref(list);
	return err;
}
