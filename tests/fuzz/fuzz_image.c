// An archive of an image, and a probe's questions to what it holds.
#include "base/cleanup.h"
#include "host/host.h"

static void ask(struct ff_host *host, const char *path)
{
	struct stat st;
	char *text = NULL;
	struct ff_names names = {0};
	bool writable;
	ff_error_destroy(ff_host_stat(host, path, &st));
	ff_error_destroy(ff_host_read(host, path, 1 << 20, &text, NULL));
	free(text);
	text = NULL;
	ff_error_destroy(ff_host_realpath(host, path, &text));
	free(text);
	ff_error_destroy(ff_host_list(host, path, 4096, &names));
	ff_error_destroy(ff_host_writable(host, path, &writable));
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_buf_ struct ff_buf below = {0};
		ff_buf_printf(&below, "%s/%s", path, names.names[i]);
		if (!below.failed)
			ff_error_destroy(ff_host_stat(host, below.p, &st));
	}
	ff_names_deinit(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {
		"/", "/etc/os-release", "/usr/lib", "/a/../b", "/proc/self/cwd", "/a", "/a/b"};
	_cleanup_image_ struct ff_image *image = NULL;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_error_ struct ff_error *err = ff_image_of_memory("fuzz", data, size, &image);
	if (err)
		return 0;
	_cleanup_error_ struct ff_error *none = ff_host_create(&(struct ff_host_options){.image = image}, &host);
	for (size_t i = 0; host && i < sizeof(paths) / sizeof(paths[0]); i++)
		ask(host, paths[i]);
	const char *path, *layer;
	bool gone;
	struct ff_span bytes;
	for (size_t i = 0; ff_image_suspect(image, i, &path, &layer, &gone, &bytes); i++)
		;
	return 0;
}
