// Are facts those of the machine that a log was written on? `docker logs worker | firstfix explain` joins a container's
// log with the host's facts, and an answer from both is wrong. What the log shows of its own machine decides.
//
//	log:   File "/opt/venv/lib/python3.10/site-packages/torch/...", tokenizers==0.15.2 found
//	facts: python 3.12 in /usr, tokenizers 0.21.0                       -> not this worker's
#include "diagnose/diagnose.h"
#include "diagnose/finding.h"

#include "know/facts.h"
#include "parse/version.h"

#include <strings.h>

// Without what stands behind a plus: a log often leaves it out.
static struct ff_span release_of(const char *version)
{
	return (struct ff_span){version, strcspn(version, "+")};
}

static bool package_differs(const json_t *facts, const char *name, const char *version, struct ff_buf *because)
{
	const json_t *packages = ff_json_at(facts, "python.packages");
	const json_t *entry = ff_facts_package(packages, name);
	const char *here = entry ? ff_json_text(entry, "version") : NULL;
	if (here && ff_version_compare_spans(release_of(here), release_of(version)) == 0)
		return false;
	if (!here && !(packages && ff_facts_complete(facts, "python.packages")))
		return false;
	ff_buf_printf(because, "the log shows %s %s, and %s%s here", name, version, here ? here : "it is not installed",
		here ? " is installed" : "");
	return true;
}

static bool packages_differ(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	const char *name;
	json_t *version;
	json_object_foreach (json_object_get(said, "packages"), name, version) {
		if (json_is_string(version) && package_differs(facts, name, json_string_value(version), because))
			return true;
	}
	return false;
}

static bool python_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	const char *theirs = ff_json_text(said, "python.version"), *ours = ff_json_text(facts, "python.version");
	size_t n = theirs ? strlen(theirs) : 0;
	if (!ours || !n || (strncmp(ours, theirs, n) == 0 && (!ours[n] || ours[n] == '.')))
		return false;
	ff_buf_printf(because, "the log's Python is %s, and the one here %s", theirs, ours);
	return true;
}

static bool prefix_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	const char *prefix = ff_json_text(said, "python.prefix");
	const json_t *site = ff_json_at(facts, "python.site");
	size_t i, n = prefix ? strlen(prefix) : 0;
	json_t *folder;
	if (!n || !json_array_size(site))
		return false;
	json_array_foreach (site, i, folder) {
		const char *path = json_string_value(folder);
		bool below = path && strncmp(path, prefix, n) == 0;
		if (below && (ff_starts(path + n, "/lib/python") || ff_starts(path + n, "/local/lib/python")))
			return false;
	}
	ff_buf_printf(because, "the log's packages lie in %s, which the Python here does not look into", prefix);
	return true;
}

static bool platform_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	static const struct {
		const char *word, *name;
	} foreign[] = {{"windows", "Windows"}, {"macos", "macOS"}};
	const char *platform = ff_json_text(said, "platform");
	(void)facts; // always of Linux
	for (size_t i = 0; platform && i < sizeof(foreign) / sizeof(*foreign); i++) {
		if (strcmp(platform, foreign[i].word) != 0)
			continue;
		ff_buf_printf(because, "the log was written on %s", foreign[i].name);
		return true;
	}
	return false;
}

// A host, and not a container: where that is known for certain.
static bool is_bare(const json_t *facts)
{
	return json_object_get(facts, "system") && ff_facts_complete(facts, "env") &&
		!ff_json_at(facts, "system.container");
}

// A container's name for itself, where nobody gave it one, is the beginning of its id.
static bool container_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	enum { SHORT = 12 };
	const char *host = ff_json_text(said, "host"), *id = ff_json_text(facts, "system.container.id");
	if (!host || strlen(host) != SHORT || strspn(host, "0123456789abcdef") != SHORT)
		return false;
	if (id && strncmp(id, host, SHORT) != 0) {
		ff_buf_printf(because, "the log is of the container %s, and this one is %.*s", host, (int)SHORT, id);
		return true;
	}
	bool bare = is_bare(facts);
	if (bare)
		ff_buf_printf(because, "the log is of the container %s, and this is a host", host);
	return bare;
}

// Docker and Kubernetes write down what containers say.
static bool carrier_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	const char *carrier = ff_json_text(said, "carrier");
	if (!carrier || !is_bare(facts))
		return false;
	ff_buf_printf(because, "the log is of a container (%s wrote it down), and this is a host", carrier);
	return true;
}

static bool driver_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	static const char *const keys[] = {"driver.version", "driver.cuda"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *theirs = ff_json_text(said, keys[i]), *ours = ff_json_text(facts, keys[i]);
		if (!theirs || !ours || ff_version_compare_spans(ff_span_of(theirs), ff_span_of(ours)) == 0)
			continue;
		ff_buf_printf(
			because, "the log's driver is %s%s, and the one here %s", i ? "for CUDA " : "", theirs, ours);
		return true;
	}
	return false;
}

// torch counts what the driver leaves of the memory that NVML counts; of a GPU cut by MIG it sees a part.
static bool gpu_differs(const json_t *facts, const json_t *said, struct ff_buf *because)
{
	static const double near = 0.07;
	const json_t *gpus = json_object_get(facts, "gpus");
	int64_t theirs = 0, ours = 0;
	size_t i, known = 0;
	json_t *gpu;
	if (!ff_json_int(said, "gpu.total", &theirs))
		return false;
	json_array_foreach (gpus, i, gpu) {
		if (json_is_true(json_object_get(gpu, "mig")) || !ff_json_int(gpu, "memory.total", &ours))
			return false;
		double apart = (double)(theirs - ours) / (double)(ours ? ours : 1);
		if (apart > -near && apart < near)
			return false;
		known++;
	}
	if (known)
		ff_buf_printf(because, "the log's GPU has %.1f GiB, and none here has", (double)theirs / (1 << 30));
	return known != 0;
}

bool ff_facts_fit(const json_t *facts, const json_t *said, struct ff_buf *ret_because)
{
	static bool (*const differs[])(const json_t *facts, const json_t *said, struct ff_buf *because) = {
		platform_differs, container_differs, carrier_differs, driver_differs, gpu_differs, python_differs,
		prefix_differs, packages_differ};
	for (size_t i = 0; i < sizeof(differs) / sizeof(*differs); i++) {
		if (differs[i](facts, said, ret_because))
			return false;
	}
	return true;
}

// ---- this machine ----

// "gpu-3" of "gpu-3.cluster.example"
static bool same_host(struct ff_span a, struct ff_span b)
{
	const char *dot_a = memchr(a.p, '.', a.n), *dot_b = memchr(b.p, '.', b.n);
	a.n = dot_a ? (size_t)(dot_a - a.p) : a.n;
	b.n = dot_b ? (size_t)(dot_b - b.p) : b.n;
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool is_named(const json_t *names, const char *host)
{
	size_t i;
	json_t *name;
	json_array_foreach (names, i, name) {
		if (same_host(ff_span_of(json_string_value(name)), ff_span_of(host)))
			return true;
	}
	return false;
}

// A container's lines carry the name of the host that it runs on, so only a host can tell that it is another one.
static bool elsewhere(const struct ff_here *here, const json_t *facts, const json_t *said, struct ff_buf *because)
{
	const json_t *hosts = json_object_get(said, "hosts"), *pods = json_object_get(said, "pods");
	bool bare = is_bare(facts);
	if (here->host && bare && json_array_size(hosts) && !is_named(hosts, here->host))
		ff_buf_printf(because, "the log's lines are of %s, and this is %s",
			json_string_value(json_array_get(hosts, 0)), here->host);
	else if (here->host && !bare && json_array_size(pods) && !is_named(pods, here->host))
		ff_buf_printf(because, "the log is of the pod %s, and this is %s",
			json_string_value(json_array_get(pods, 0)), here->host);
	return because->n != 0;
}

// None of the files that the log's tracebacks run through is here.
static bool files_differ(const struct ff_here *here, const json_t *said, struct ff_buf *because)
{
	const json_t *files = json_object_get(said, "files");
	size_t n = json_array_size(files);
	if (!n || !here->are_missing || !here->are_missing(files))
		return false;
	ff_buf_printf(because, "%s of the log is not here", json_string_value(json_array_get(files, n - 1)));
	return true;
}

// A report of this machine's past is believed only where something in it is the log's too, or where it was named.
static bool vouched(const json_t *facts, const json_t *said)
{
	_cleanup_buf_ struct ff_buf unused = {0};
	const char *name, *host = ff_json_text(said, "host"), *id = ff_json_text(facts, "system.container.id");
	json_t *version;
	if (ff_json_text(said, "python.prefix") && json_array_size(ff_json_at(facts, "python.site")) &&
		!prefix_differs(facts, said, &unused))
		return true;
	if (host && id && ff_starts(id, host))
		return true;
	json_object_foreach (json_object_get(said, "packages"), name, version) {
		if (ff_facts_package(ff_json_at(facts, "python.packages"), name) &&
			!package_differs(facts, name, json_string_value(version), &unused))
			return true;
	}
	return false;
}

// Others than the ones that were looked at first, until some fit; *ret NULL when none do.
static struct ff_error *others(const struct ff_diagnose_options *o, const json_t *said, json_t **ret, char **ret_what)
{
	struct ff_error *err = NULL;
	for (unsigned i = 0; o->other_facts && !err && i < FF_OTHER_FACTS_MAX; i++) {
		_cleanup_json_ json_t *facts = NULL;
		_cleanup_free_ char *what = NULL;
		_cleanup_buf_ struct ff_buf because = {0};
		err = o->other_facts(said, i, o->worker, &facts, &what);
		if (err || !what)
			return err;
		if (facts && ff_facts_fit(facts, said, &because) && (o->worker || vouched(facts, said))) {
			*ret = ff_take(&facts);
			*ret_what = ff_take(&what);
			return NULL;
		}
	}
	return err;
}

// Why these facts and no others; NULL where nothing need be said.
static json_t *reason(
	const struct ff_diagnose_options *o, const char *what, const char *found, bool fits, const char *because)
{
	if (!o->facts)
		return *because ? json_string(because) : NULL;
	if (fits)
		return o->facts_assumed && o->worker && !found
			? json_sprintf("no start-up report of %s was found", o->worker)
			: NULL;
	if (found)
		return json_sprintf("not those of %s: %s", what, because);
	return o->facts_assumed ? json_sprintf("not those of %s: %s; the log alone was used (--container, --pod or "
					       "--facts brings its own)",
					  what, because)
				: json_string(because);
}

struct ff_error *ff_whose_facts(
	const struct ff_diagnose_options *o, const json_t *said, json_t **ret_facts, json_t **ret_told)
{
	_cleanup_buf_ struct ff_buf because = {0};
	_cleanup_json_ json_t *found = NULL;
	_cleanup_free_ char *name = NULL;
	const char *what = !o->facts ? "none" : o->facts_what ? o->facts_what : "file";
	bool far = o->here && elsewhere(o->here, o->facts, said, &because);
	bool fits = !o->facts ||
		(!far && ff_facts_fit(o->facts, said, &because) && !(o->here && files_differ(o->here, said, &because)));
	if (!o->facts && o->facts_what)
		ff_buf_str(&because, o->facts_what);
	if (because.failed)
		return &ff_enomem;
	bool wanted = o->facts_assumed && (o->worker || ((!fits || !o->facts) && !far));
	struct ff_error *err = wanted ? others(o, said, &found, &name) : NULL;
	if (err)
		return err;
	bool dropped = !fits && o->facts_assumed && !found;
	json_t *why = reason(o, what, name, fits, because.p ? because.p : "");
	*ret_told = json_pack("{s:s, s:b, s:o*}", "what",
		name		  ? name
			: dropped ? "none"
				  : what,
		"fits", fits || found, "because", why);
	if (!*ret_told)
		return &ff_enomem;
	*ret_facts = found ? ff_take(&found) : dropped ? NULL : json_incref((json_t *)o->facts);
	return NULL;
}
