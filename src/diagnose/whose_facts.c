// Are facts those of the machine that a log was written on? `docker logs worker | firstfix explain` joins a container's
// log with the host's facts, and an answer from both is wrong. What the log shows of its own machine decides.
//
//	log:   File "/opt/venv/lib/python3.10/site-packages/torch/...", tokenizers==0.15.2 found
//	facts: python 3.12 in /usr, tokenizers 0.21.0                       -> not this worker's
#include "diagnose/diagnose.h"
#include "diagnose/finding.h"

#include "know/facts.h"
#include "parse/version.h"

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
		if (path && strncmp(path, prefix, n) == 0 && ff_starts(path + n, "/lib/python"))
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
	bool bare = json_object_get(facts, "system") && ff_facts_complete(facts, "env") &&
		!ff_json_at(facts, "system.container");
	if (bare)
		ff_buf_printf(because, "the log is of the container %s, and this is a host", host);
	return bare;
}

bool ff_facts_fit(const json_t *facts, const json_t *said, struct ff_buf *ret_because)
{
	static bool (*const differs[])(const json_t *facts, const json_t *said, struct ff_buf *because) = {
		platform_differs, container_differs, python_differs, prefix_differs, packages_differ};
	for (size_t i = 0; i < sizeof(differs) / sizeof(*differs); i++) {
		if (differs[i](facts, said, ret_because))
			return false;
	}
	return true;
}

// Others than the ones that were looked at first, until some fit; *ret NULL when none do.
static struct ff_error *others(const struct ff_diagnose_options *o, const json_t *said, json_t **ret, char **ret_what)
{
	struct ff_error *err = NULL;
	for (unsigned i = 0; o->other_facts && !err && i < FF_OTHER_FACTS_MAX; i++) {
		_cleanup_json_ json_t *facts = NULL;
		_cleanup_free_ char *what = NULL;
		_cleanup_buf_ struct ff_buf because = {0};
		err = o->other_facts(said, i, o->context, &facts, &what);
		if (err || !what)
			return err;
		if (facts && ff_facts_fit(facts, said, &because)) {
			*ret = ff_take(&facts);
			*ret_what = ff_take(&what);
			return NULL;
		}
	}
	return err;
}

struct ff_error *ff_whose_facts(
	const struct ff_diagnose_options *o, const json_t *said, json_t **ret_facts, json_t **ret_told)
{
	_cleanup_buf_ struct ff_buf because = {0};
	_cleanup_json_ json_t *found = NULL;
	_cleanup_free_ char *name = NULL;
	const char *what = !o->facts ? "none" : o->facts_what ? o->facts_what : "file";
	bool fits = !o->facts || ff_facts_fit(o->facts, said, &because);
	if (!o->facts && o->facts_what)
		ff_buf_str(&because, o->facts_what);
	if (because.failed)
		return &ff_enomem;
	bool wanted = o->facts_assumed && (!fits || !o->facts);
	struct ff_error *err = wanted ? others(o, said, &found, &name) : NULL;
	if (err)
		return err;
	bool dropped = !fits && o->facts_assumed && !found;
	json_t *told = json_pack("{s:s, s:b}", "what", name ? name : dropped ? "none" : what, "fits", fits || found);
	if (told && because.n)
		json_object_set_new(told, "because",
			!o->facts	  ? json_string(because.p)
				: name	  ? json_sprintf("not those of %s: %s", what, because.p)
				: dropped ? json_sprintf("not those of %s: %s; the log alone was used", what, because.p)
					  : json_string(because.p));
	if (!told)
		return &ff_enomem;
	*ret_told = told;
	*ret_facts = found ? ff_take(&found) : dropped ? NULL : json_incref((json_t *)o->facts);
	return NULL;
}
