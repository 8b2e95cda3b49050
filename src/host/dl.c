// Finds and opens vendor libraries: first as the loader would (LD_LIBRARY_PATH, ld.so.cache), then where the NVIDIA
// container toolkit, WSL, Jetson, NixOS and GKE put them without telling the loader.
//
// How the world lies: images built with a GPU mounted keep empty libcuda.so.1 and libnvidia-ml.so.1 files; they are
// found first, cannot be loaded ("file too short"), and hide the driver. That is said, not passed over.
#include "host/dl.h"

#include "base/str.h"

#include <stdio.h>

const char *const ff_dl_driver_folders[] = {
	"/usr/lib/wsl/lib",
	"/usr/local/nvidia/lib64",
	"/usr/local/nvidia/lib",
	"/usr/lib/x86_64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu/nvidia",
	"/usr/lib/aarch64-linux-gnu/tegra",
	"/usr/lib64",
	"/run/opengl-driver/lib",
	"/home/kubernetes/bin/nvidia/lib64",
	NULL,
};

#ifdef FF_ALONE // libc is part of the program, and a library on this machine wants the machine's

struct ff_error *ff_dl_open(const struct ff_dl_spec *spec, void *table, struct ff_dl *ret)
{
	(void)table;
	(void)ret;
	return ff_error_create(FF_EABSENT,
		"%s is not asked by the static firstfix; the one of the wheel or package asks it", spec->soname);
}

#else

#include <dlfcn.h>
#include <link.h>

static void *try_open(const char *path, struct ff_error **why)
{
	void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	const char *text = handle ? NULL : dlerror();
	if (text && !*why && !strstr(text, "No such file or directory"))
		*why = ff_error_create(FF_EFORMAT, "%s", text);
	return handle;
}

static bool is_mapped(const char *name)
{
	void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
	if (handle)
		dlclose(handle); // only the count: whoever mapped it holds it
	return handle;
}

static void *search(const struct ff_dl_spec *spec, struct ff_error **why)
{
	void *handle = try_open(spec->soname, why);
	for (size_t i = 0; !handle && ff_dl_driver_folders[i]; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", ff_dl_driver_folders[i], spec->soname);
		handle = try_open(path, why);
	}
	return handle;
}

static char *loaded_path(void *handle)
{
	struct link_map *map = NULL;
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map || !map->l_name[0])
		return NULL;
	char *real = realpath(map->l_name, NULL);
	return real ? real : strdup(map->l_name);
}

struct ff_error *ff_dl_open(const struct ff_dl_spec *spec, void *table, struct ff_dl *ret)
{
	struct ff_error *why = NULL;
	const char *override = secure_getenv(spec->override);
	bool inherited = is_mapped(override && override[0] ? override : spec->soname);
	void *handle = override ? (override[0] ? try_open(override, &why) : NULL) : search(spec, &why);
	if (!handle)
		return why ? why
			   : ff_error_create(FF_EABSENT,
				     "%s is neither where the loader looks nor where drivers are usually mounted",
				     override && override[0] ? override : spec->soname);
	ff_error_destroy(why);
	for (size_t i = 0; i < spec->symbol_count; i++) {
		char *slot = (char *)table + spec->symbols[i].offset;
		void *now, *symbol = dlsym(handle, spec->symbols[i].name);
		memcpy(&now, slot, sizeof(now));
		if (!now)
			memcpy(slot, &symbol, sizeof(symbol));
	}
	*ret = (struct ff_dl){handle, loaded_path(handle), inherited};
	return NULL;
}

#endif

struct ff_error *ff_dl_open_whole(const struct ff_dl_spec *spec, void *table, struct ff_dl *ret)
{
	struct ff_error *err = ff_dl_open(spec, table, ret);
	for (size_t i = 0; !err && i < spec->symbol_count; i++) {
		void *symbol;
		memcpy(&symbol, (char *)table + spec->symbols[i].offset, sizeof(symbol));
		if (!symbol)
			err = ff_error_create(FF_EABSENT, "%s has no %s", spec->soname, spec->symbols[i].name);
	}
	return err;
}

void ff_dl_deinit(struct ff_dl *dl)
{
	free(dl->path);
	*dl = (struct ff_dl){0};
}
