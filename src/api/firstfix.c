// The facade behind include/firstfix: the only file that sees every room. It joins them and adds nothing of its own.
#include <firstfix/event.h>
#include <firstfix/firstfix.h>

#include "api/api.h"
#include "base/io.h"
#include "diagnose/diagnose.h"
#include "emit/emit.h"
#include "emit/event.h"
#include "host/capture.h"
#include "host/host.h"
#include "know/env_vars.h"
#include "probe/deep.h"
#include "probe/native.h"
#include "probe/probe.h"
#include "ring/json.h"

#include <fcntl.h>
#include <sys/mman.h>

struct ff_facts {
	json_t *doc;
};

struct ff_diagnosis {
	json_t *doc;
};

enum { FACTS_FILE_MAX = 64 << 20 };

const json_t *ff_facts_document(const struct ff_facts *facts)
{
	return facts->doc;
}

const json_t *ff_diagnosis_document(const struct ff_diagnosis *diagnosis)
{
	return diagnosis->doc;
}

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

struct ff_error *ff_facts_of_document(json_t *doc, struct ff_facts **ret)
{
	struct ff_facts *facts = malloc(sizeof(*facts));
	if (!facts)
		return &ff_enomem;
	facts->doc = json_incref(doc);
	*ret = facts;
	return NULL;
}

// An interpreter that was asked for by name and is not there: a report on anything else would mislead.
static struct ff_error *check_python(const struct ff_collect_options *options, const json_t *doc)
{
	size_t i;
	const json_t *miss;
	json_array_foreach (json_object_get(doc, "errors"), i, miss) {
		const char *text = ff_json_text(miss, "text");
		if (options->python && text && strncmp(text, "--python ", 9) == 0)
			return ff_error_create(FF_EABSENT,
				"%s; name the path of one, or leave it out for the one that a worker would use", text);
	}
	return NULL;
}

// The files of an image, and what it says of itself beside what is planned.
static struct ff_error *open_image(const char *what, json_t **planned, struct ff_image **ret)
{
	struct ff_error *err = ff_image_open(what, ret);
	if (!err)
		err = ff_image_secrets(*ret);
	if (!err && !*planned && !(*planned = json_object()))
		err = &ff_enomem;
	if (!err && json_object_update_missing(*planned, ff_image_live(*ret)) < 0)
		err = &ff_enomem;
	return err;
}

struct ff_error *ff_collect(const struct ff_collect_options *options, struct ff_facts **ret)
{
	static const struct ff_collect_options defaults;
	if (!options)
		options = &defaults;
	_cleanup_image_ struct ff_image *image = NULL;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_json_ json_t *doc = NULL, *planned = NULL;
	struct ff_error *err = ff_planned_machine(options, &planned);
	if (!err && options->requirements) {
		err = ff_requirements_facts(options->requirements, planned, &doc);
		if (!err)
			err = ff_planned_facts(options, doc);
		return err ? err : ff_facts_of_document(doc, ret);
	}
	if (!err && options->image)
		err = open_image(options->image, &planned, &image);
	if (!err)
		err = ff_host_create(&(struct ff_host_options){.root = image ? ff_image_folder(image) : options->root,
					     .pid = options->pid,
					     .environ_file = options->environ_file,
					     .planned = planned,
					     .image = image && !ff_image_folder(image) ? image : NULL},
			&host);
	if (err)
		return err;
	err = ff_collect_facts(host, options, &doc);
	if (!err && image)
		err = ff_image_unchanged(image);
	if (!err)
		err = check_python(options, doc);
	if (!err)
		err = ff_planned_facts(options, doc);
	if (!err && !image && !options->root)
		err = ff_requirements_beside(doc);
	return err ? err : ff_facts_of_document(doc, ret);
}

static struct ff_error *mask_text(struct ff_span text, struct ff_buf *out)
{
	return ff_share_text(text, "capture", NULL, out);
}

// The environment masked as a document is, without variables that are no business of any probe.
static struct ff_error *live_env(const struct ff_host *host, json_t *live)
{
	_cleanup_json_ json_t *whole = json_pack("{s:O}", "env", ff_host_env(host));
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	json_t *env = json_object();
	struct ff_error *err = whole ? ff_share(whole, &masked) : &ff_enomem;
	const char *name;
	json_t *value;
	if (err || json_object_set_new(live, "env", env) < 0)
		return err ? err : &ff_enomem;
	json_object_foreach (ff_json_at(ff_shareable_document(masked), "env"), name, value) {
		struct ff_env_var var;
		if (ff_env_var_find(ff_span_of(name), &var) && json_object_set(env, name, value) < 0)
			return &ff_enomem;
	}
	return NULL;
}

// What vendor libraries said: a captured machine is not asked again.
static struct ff_error *live_vendor(const json_t *facts, json_t *live)
{
	static const struct {
		const char *fact, *live;
	} answers[] = {
		{"driver", "nvml.driver"},
		{"gpus", "nvml.gpus"},
		{"gpu_links", "nvml.gpu_links"},
		{"cuda", "cuda_driver"},
	};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		json_t *value = ff_json_at(facts, answers[i].fact);
		struct ff_error *err = value ? ff_json_put(live, answers[i].live, json_incref(value)) : NULL;
		if (err)
			return err;
	}
	return NULL;
}

// Nor does it say again why they did not answer.
static struct ff_error *live_misses(const json_t *facts, json_t *live)
{
	json_t *misses = json_array(), *miss;
	size_t i;
	if (json_object_set_new(live, "errors", misses) < 0)
		return &ff_enomem;
	json_array_foreach (json_object_get(facts, "errors"), i, miss) {
		const char *name = ff_json_text(miss, "probe");
		for (size_t p = 0; name && p < ff_probe_count; p++) {
			bool vendor = ff_probes[p].helper == FF_HELPER_VENDOR || ff_probes[p].helper == FF_HELPER_CUDA;
			if (vendor && strcmp(ff_probes[p].name, name) == 0 && json_array_append(misses, miss) < 0)
				return &ff_enomem;
		}
	}
	return NULL;
}

static struct ff_error *capture_into(
	struct ff_host *host, const struct ff_collect_options *options, json_t *doc, int dir_fd)
{
	_cleanup_trace_ struct ff_trace *trace = ff_trace_stop(host);
	_cleanup_shareable_ struct ff_shareable *facts = NULL;
	_cleanup_json_ json_t *live = json_object();
	struct ff_error *err = live ? ff_share(doc, &facts) : &ff_enomem;
	if (!err && options->pid)
		err = ff_json_put(live, "pid", json_integer(options->pid));
	if (!err)
		err = live_env(host, live);
	if (!err)
		err = live_vendor(ff_shareable_document(facts), live);
	if (!err)
		err = live_misses(ff_shareable_document(facts), live);
	const struct ff_capture_job job = {.mask = mask_text,
		.live = live,
		.cmdline = err ? NULL : ff_json_at(ff_shareable_document(facts), "process.cmdline")};
	return err ? err : ff_capture_write(host, trace, &job, dir_fd);
}

struct ff_error *ff_capture(const struct ff_collect_options *options, const char *dir)
{
	static const struct ff_collect_options defaults;
	if (!options)
		options = &defaults;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_close_ int dir_fd = -1;
	if (options->root)
		return ff_error_create(FF_EUSAGE, "%s is a captured machine already", options->root);
	struct ff_error *err = ff_host_create(&(struct ff_host_options){.pid = options->pid}, &host);
	if (!err)
		err = ff_capture_open(dir, &dir_fd);
	if (!err)
		err = ff_trace_start(host);
	if (!err)
		err = ff_collect_facts(host, options, &doc);
	return err ? err : capture_into(host, options, doc, dir_fd);
}

struct ff_error *ff_facts_read(const char *path, struct ff_facts **ret)
{
	_cleanup_close_ int fd = ff_open_named(path);
	if (fd < 0)
		return ff_error_create(FF_EUSAGE, "%s: %s", path, strerror(errno));
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ff_read_all(fd, path, FACTS_FILE_MAX, &text);
	if (err)
		return err;
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_error_ struct ff_error *broken = ff_json_parse(path, text.p ? text.p : "", text.n, &doc);
	if (broken)
		return ff_error_create(FF_EFORMAT, "%s; make one with 'firstfix report --json'", broken->message);
	const char *schema = ff_json_text(doc, "schema");
	if (!schema || strcmp(schema, "firstfix.facts/1") != 0)
		return ff_error_create(FF_EUSAGE,
			"%s: its schema is '%.60s', not 'firstfix.facts/1'; make one with 'firstfix report --json'",
			path, schema ? schema : "missing");
	return ff_facts_of_document(doc, ret);
}

// The steps' output is read like a log: the rules explain it.
static struct ff_error *run_deep(const struct ff_explain_options *options, int *ret_log, json_t **ret)
{
	_cleanup_buf_ struct ff_buf log = {0};
	_cleanup_json_ json_t *steps = NULL;
	_cleanup_close_ int fd = -1;
	const char *python = options->facts ? ff_json_text(options->facts->doc, "python.executable") : NULL;
	struct ff_error *err = ff_deep_run(python, options->deep_ms, &log, &steps);
	if (err)
		return err;
	fd = memfd_create("firstfix-deep", MFD_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "memfd");
	err = ff_write_all(fd, "memfd", log.p, log.n);
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = ff_error_os(errno, "memfd");
	if (err)
		return err;
	*ret_log = ff_take_fd(&fd);
	*ret = ff_take(&steps);
	return NULL;
}

struct ff_error *ff_explain(const struct ff_explain_options *options, struct ff_diagnosis **ret)
{
	_cleanup_json_ json_t *deep = NULL;
	_cleanup_close_ int deep_log = -1;
	struct ff_error *err = options->deep_ms ? run_deep(options, &deep_log, &deep) : NULL;
	if (err)
		return err;
	const struct ff_diagnose_options diagnose = {
		.facts = options->facts ? options->facts->doc : NULL,
		.log_fd = deep ? deep_log : options->log_fd,
		.log_name = options->log_name ? options->log_name : "log",
		.rules_dir = options->rules_dir,
		.checks = options->check,
		.engine = options->engine,
		.stop = options->stop,
		.facts_what = options->facts_of,
		.facts_assumed = options->facts_assumed,
		.other_facts = options->facts ? ff_other_facts : ff_other_reports,
		.worker = options->worker,
		.here = options->facts_assumed ? ff_here() : NULL,
	};
	struct ff_diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));
	err = diagnosis ? ff_diagnose(&diagnose, &diagnosis->doc) : &ff_enomem;
	if (!err && deep && json_object_set(diagnosis->doc, "deep", deep) < 0)
		err = &ff_enomem;
	if (!err && options->facts)
		ff_requirements_lines(options->facts->doc, diagnosis->doc);
	if (err)
		ff_diagnosis_free(diagnosis);
	else
		*ret = diagnosis;
	return err;
}

void ff_diagnosis_free(struct ff_diagnosis *diagnosis)
{
	if (!diagnosis)
		return;
	json_decref(diagnosis->doc);
	free(diagnosis);
}

bool ff_diagnosis_is_error(const struct ff_diagnosis *diagnosis)
{
	size_t i;
	json_t *d;
	const char *verdict = ff_json_text(diagnosis->doc, "verdict");
	if (verdict && ff_starts(verdict, "failed"))
		return true;
	json_array_foreach (json_object_get(diagnosis->doc, "diagnoses"), i, d) {
		const char *severity = ff_json_text(d, "severity");
		if (severity && strcmp(severity, "error") == 0)
			return true;
	}
	json_array_foreach (json_object_get(diagnosis->doc, "deep"), i, d) {
		if (json_is_false(json_object_get(d, "ok")))
			return true;
	}
	return false;
}

struct ff_error *ff_diagnosis_render(
	const struct ff_diagnosis *diagnosis, enum ff_format format, const struct ff_style *style, char **ret)
{
	return ff_emit_masked(diagnosis->doc, format, style, ret);
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
	return ff_emit_masked(facts->doc, format, style, ret);
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

/** A word without a slash that is no file here is the name of a package. */
static bool is_package(const struct ff_collect_options *options, const char *name)
{
	return !strchr(name, '/') && (options->root || access(name, F_OK) != 0);
}

static struct ff_error *libs_of_file(
	struct ff_host *host, const struct ff_collect_options *options, const char *path, json_t **ret)
{
	// Links are not resolved: $ORIGIN is the folder that was named, for us as for the loader.
	_cleanup_free_ char *here = options->root || path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	_cleanup_buf_ struct ff_buf absolute = {0};
	if (!here)
		return ff_error_os(errno, "the working folder");
	ff_buf_printf(&absolute, "%s%s%s", here, path[0] == '/' ? "" : "/", path);
	return absolute.failed ? &ff_enomem : ff_native_libs(host, absolute.p, ret);
}

static struct ff_error *libs_of_package(
	struct ff_host *host, const struct ff_collect_options *options, const char *name, json_t **ret)
{
	struct ff_collect_options python = *options;
	python.only = "python,torch";
	_cleanup_json_ json_t *facts = NULL;
	struct ff_error *err = ff_collect_facts(host, &python, &facts);
	return err ? err : ff_native_libs_package(host, facts, name, ret);
}

struct ff_error *ff_libs(const struct ff_collect_options *options, const char *what, enum ff_format format,
	const struct ff_style *style, bool *ret_ok, char **ret)
{
	static const struct ff_collect_options defaults;
	if (!options)
		options = &defaults;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err =
		ff_host_create(&(struct ff_host_options){.root = options->root, .pid = options->pid}, &host);
	if (!err && is_package(options, what))
		err = libs_of_package(host, options, what, &doc);
	else if (!err)
		err = libs_of_file(host, options, what, &doc);
	if (!err)
		err = ff_emit_masked(doc, format, style, ret);
	if (!err)
		*ret_ok = json_is_true(json_object_get(doc, "ok"));
	return err;
}
