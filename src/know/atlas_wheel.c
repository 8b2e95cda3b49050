// Which machine a release can be installed on, over the requirement rows of the atlas (know/atlas.h) that name no
// package: "python", from METADATA and from the tags of the wheels, and "glibc-x86_64" or "glibc-aarch64", from the
// tags alone.
//
//	numpy 1.26.4   python ">=3.9", python "<3.13,>=3.9"             Python 3.13 cannot have it
//	torch 2.9.1    glibc-x86_64 ">=2.28"                            Ubuntu 18.04 (2.27) cannot
//
// How it lies: an index lists sources beside wheels, and an installer that finds no wheel builds them; that is not what
// a fix promises, so such a release counts as not to be had. Only what the host says of itself can fail a release.
#include "know/atlas_wheel.h"

#include "know/atlas_ask.h"
#include "parse/version.h"

#include <stdio.h>

struct ff_atlas_host ff_atlas_host_of(const json_t *facts)
{
	const char *libc = facts ? ff_json_text(facts, "system.libc.name") : NULL;
	bool gnu = !libc || strcmp(libc, "glibc") == 0;
	return (struct ff_atlas_host){.python = facts ? ff_json_text(facts, "python.version") : NULL,
		.glibc = facts && gnu ? ff_json_text(facts, "system.libc.version") : NULL,
		.arch = facts ? ff_json_text(facts, "system.arch") : NULL};
}

static bool breaks(const char *version, const char *specifiers)
{
	return version && ff_version_satisfies(version, specifiers) == FF_SATISFIES_NO;
}

bool ff_atlas_wheel_fits(const struct ff_atlas *a, const struct ff_atlas_package *p, int release,
	const struct ff_atlas_host *host, const char **ret_what, const char **ret_need)
{
	char libc[32];
	struct ff_atlas_require row;
	snprintf(libc, sizeof(libc), "glibc-%s", host->arch ? host->arch : "x86_64");
	for (size_t i = 0; ff_atlas_require_at(a, p, i, &row); i++) {
		if (!ff_atlas_in(row.set, release))
			continue;
		const char *name = row.name, *need = row.specifiers;
		bool python = strcmp(name, "python") == 0, none = strcmp(need, "<0") == 0;
		if (python ? !breaks(host->python, need)
			   : strcmp(name, libc) != 0 || (none ? !host->arch : !breaks(host->glibc, need)))
			continue;
		if (ret_what)
			*ret_what = python ? "Python" : none ? "" : "glibc";
		if (ret_need)
			*ret_need = need;
		return false;
	}
	return true;
}

bool ff_atlas_wheels_within(const struct ff_atlas *a, const char *package, const char *need,
	const struct ff_atlas_host *host, struct ff_atlas_wheels *ret)
{
	*ret = (struct ff_atlas_wheels){.newest_fit = -1, .oldest_fit = -1, .newest = -1};
	if (!a || !ff_atlas_package(a, package, &ret->package))
		return false;
	for (int i = 0; i < (int)ret->package.release_count; i++) {
		const char *version = ff_atlas_string(a, ret->package.releases[i]);
		if (need && *need && ff_version_satisfies(version, need) == FF_SATISFIES_NO)
			continue;
		ret->newest = i;
		if (!ff_atlas_wheel_fits(a, &ret->package, i, host, NULL, NULL))
			continue;
		ret->newest_fit = i;
		if (ret->oldest_fit < 0)
			ret->oldest_fit = i;
	}
	return ret->newest >= 0;
}
