// firstfix fit: the model's headers, the machine's GPU, and the arithmetic between them.
#include "model/fit.h"
#include "emit/emit.h"
#include "probe/probe.h"

const char *ff_engine_at(size_t index)
{
	return index < FF_SERVING_N ? ff_know_serving_name((enum ff_serving)index) : NULL;
}

struct ff_error *ff_fit(const struct ff_fit_options *options, enum ff_format format, const struct ff_style *style,
	bool *ret_fits, char **ret)
{
	struct ff_collect_options collect = options->collect;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_json_ json_t *facts = NULL, *doc = NULL;
	_cleanup_model_files_ struct ff_model_files files = {0};
	collect.only = options->gpu ? "python" : "gpus,python";
	struct ff_error *err =
		ff_host_create(&(struct ff_host_options){.root = collect.root, .pid = collect.pid}, &host);
	if (!err)
		err = ff_model_read(host, options->model, options->offline, &files);
	if (!err)
		err = ff_collect_facts(host, &collect, &facts);
	if (!err)
		err = ff_fit_answer(options, &files, facts, &doc);
	if (!err)
		err = ff_emit_masked(doc, format, style, ret);
	if (!err)
		*ret_fits = json_is_true(json_object_get(doc, "fits"));
	return err;
}
