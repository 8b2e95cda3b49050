// workdir.generated: code that protoc made, with the release of the library that it was made for. Such code refuses an
// older one as soon as it is imported.
//
//	GRPC_GENERATED_VERSION = '1.68.1'                 of svc_pb2_grpc.py
//	# Protobuf Python Version: 5.28.1                 of svc_pb2.py, where it calls ValidateProtobufRuntimeVersion
//	{"workdir": {"generated": [{"file": "svc_pb2_grpc.py", "package": "grpcio", "version": "1.68.1"}]}}
//
// How the source lies: older code says its release too, and looks at none; so only what checks it counts.
#include "parse/chars.h"
#include "probe/native_world.h"
#include "probe/python_find.h"
#include "probe/workdir.h"

enum { FILES_MAX = 32, FOLDERS_MAX = 8, HEAD_MAX = 1 << 20 };

static const struct {
	const char *ending, *package, *checks, *before;
} kinds[] = {{"_pb2_grpc.py", "grpcio", "first_version_is_lower", "GRPC_GENERATED_VERSION = '"},
	{"_pb2.py", "protobuf", "ValidateProtobufRuntimeVersion", "# Protobuf Python Version: "}};

static void read_code(struct ff_workdir *w, const char *folder, const char *name, size_t kind)
{
	size_t size;
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, name), *text = NULL;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(w->ctx->host, path, HEAD_MAX, &text, &size) : &ff_enomem;
	const char *at = absent || !strstr(text, kinds[kind].checks) ? NULL : strstr(text, kinds[kind].before);
	if (!at)
		return;
	at += strlen(kinds[kind].before);
	size_t n = strspn(at, "0123456789.");
	if (n && ff_is_digit(at[n - 1]))
		ff_fact_append(w->ctx, "workdir.generated",
			json_pack("{s:o, s:s, s:o}", "file", ff_native_text(path + strlen(w->folder) + 1), "package",
				kinds[kind].package, "version", ff_json_string(at, n)));
}

static void look_into(struct ff_workdir *w, const char *folder, const struct ff_names *names)
{
	for (size_t i = 0, n = 0; i < names->n && n < FILES_MAX; i++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			if (!ff_ends(names->names[i], kinds[k].ending))
				continue;
			read_code(w, folder, names->names[i], k);
			n++;
		}
	}
}

void ff_workdir_generated(struct ff_workdir *w)
{
	static const char *const folders[] = {"proto", "pb", "gen", "grpc", "stubs"};
	look_into(w, w->folder, &w->names);
	for (size_t i = 0, n = 0; i < w->names.n && n < FOLDERS_MAX; i++) {
		bool named = false;
		for (size_t k = 0; k < sizeof(folders) / sizeof(folders[0]); k++)
			named |= ff_starts(w->names.names[i], folders[k]);
		_cleanup_free_ char *path = named ? ff_path_printf("%s/%s", w->folder, w->names.names[i]) : NULL;
		_cleanup_names_ struct ff_names below = {0};
		if (!path || !ff_host_mode_is(w->ctx->host, path, S_IFDIR))
			continue;
		n++;
		_cleanup_error_ struct ff_error *err = ff_host_list(w->ctx->host, path, FF_WORKDIR_NAMES_MAX, &below);
		if (!err)
			look_into(w, path, &below);
	}
}
