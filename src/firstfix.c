// The facade behind include/firstfix: the only file that sees every room. It joins them and adds nothing of its own.
#include <firstfix/event.h>
#include <firstfix/firstfix.h>

#include "emit/emit.h"
#include "emit/event.h"
#include "host/host.h"
#include "probe/native.h"
#include "probe/probe.h"
#include "ring/json.h"

struct ff_facts {
	json_t *doc;
};

const char *ff_version(void)
{
	return FF_VERSION;
}

const char *ff_error_message(const struct ff_error *err)
{
	return err->message;
}

bool ff_error_is_usage(const struct ff_error *err)
{
	return err->code == FF_EUSAGE || err->code == FF_EFORMAT || err->code == FF_ELIMIT;
}

void ff_error_free(struct ff_error *err)
{
	ff_error_destroy(err);
}

bool ff_probe_at(size_t index, const char **ret_name, const char **ret_help)
{
	if (index >= ff_probe_count)
		return false;
	*ret_name = ff_probes[index].name;
	*ret_help = ff_probes[index].help;
	return true;
}

static struct ff_error *facts_of(json_t *doc, struct ff_facts **ret)
{
	struct ff_facts *facts = malloc(sizeof(*facts));
	if (!facts)
		return &ff_enomem;
	facts->doc = json_incref(doc);
	*ret = facts;
	return NULL;
}

struct ff_error *ff_collect(const struct ff_collect_options *options, struct ff_facts **ret)
{
	static const struct ff_collect_options defaults;
	if (!options)
		options = &defaults;
	_cleanup_host_ struct ff_host *host = NULL;
	struct ff_error *err =
		ff_host_create(&(struct ff_host_options){.root = options->root, .pid = options->pid}, &host);
	if (err)
		return err;
	_cleanup_json_ json_t *doc = NULL;
	err = ff_collect_facts(host, options, &doc);
	return err ? err : facts_of(doc, ret);
}

void ff_facts_free(struct ff_facts *facts)
{
	if (!facts)
		return;
	json_decref(facts->doc);
	free(facts);
}

struct ff_error *ff_facts_render(
	const struct ff_facts *facts, enum ff_format format, const struct ff_style *style, char **ret)
{
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	struct ff_error *err = ff_share(facts->doc, &s);
	return err ? err : ff_emit_facts(s, format, style, ret);
}

struct ff_error *ff_event_render(
	const struct ff_event *event, enum ff_format format, const struct ff_style *style, char **ret)
{
	_cleanup_json_ json_t *doc = ff_event_to_json(event);
	if (!doc)
		return &ff_enomem;
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	struct ff_error *err = ff_share(doc, &masked);
	return err ? err : ff_emit_event(masked, format, style, ret);
}

struct ff_error *ff_libs(const struct ff_collect_options *options, const char *path, enum ff_format format,
	const struct ff_style *style, bool *ret_ok, char **ret)
{
	static const struct ff_collect_options defaults;
	if (!options)
		options = &defaults;
	// Links are not resolved: $ORIGIN is the folder that was named, for us as for the loader.
	_cleanup_free_ char *here = options->root || path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	_cleanup_buf_ struct ff_buf absolute = {0};
	if (!here)
		return ff_error_os(errno, "the working folder");
	ff_buf_printf(&absolute, "%s%s%s", here, path[0] == '/' ? "" : "/", path);
	if (absolute.failed)
		return &ff_enomem;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	struct ff_error *err =
		ff_host_create(&(struct ff_host_options){.root = options->root, .pid = options->pid}, &host);
	if (!err)
		err = ff_native_libs(host, absolute.p, &doc);
	if (!err)
		err = ff_share(doc, &s);
	if (!err)
		err = ff_emit_libs(s, format, style, ret);
	if (!err)
		*ret_ok = json_is_true(json_object_get(doc, "ok"));
	return err;
}
