// Attributes of OpenTelemetry's conventions for resources, of the worker's process and of where it runs.
//
//	service.name, service.instance.id, host.name, host.id, host.arch, os.type, process.*, container.id, k8s.*, cloud.*
//
// How the source lies: a container's processes see the host's kernel and often no id of their own; Kubernetes tells
// a pod little unless its manifest hands names down as variables, for which there are customs and no standard.
#include "agent/export_resource.h"

#include "agent/export_records.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "emit/redact.h"
#include "parse/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { FILE_MAX = 256 << 10, WORD_MAX = 256, VARIABLES = 3 };

// Variables that say it, the first that is set.
static const struct {
	const char *key, *variables[VARIABLES];
} by_variable[] = {
	{"k8s.pod.name", {"K8S_POD_NAME", "POD_NAME"}},
	{"k8s.pod.uid", {"K8S_POD_UID", "POD_UID"}},
	{"k8s.namespace.name", {"K8S_NAMESPACE", "POD_NAMESPACE", "NAMESPACE"}},
	{"k8s.node.name", {"K8S_NODE_NAME", "NODE_NAME"}},
	{"k8s.container.name", {"K8S_CONTAINER_NAME", "CONTAINER_NAME"}},
	{"runpod.pod.id", {"RUNPOD_POD_ID"}},
	{"runpod.endpoint.id", {"RUNPOD_ENDPOINT_ID"}},
	{"cloud.region", {"RUNPOD_DC_ID", "AWS_REGION"}},
};

static void put(json_t *o, const char *key, const char *value)
{
	if (value && *value && !json_object_get(o, key))
		json_object_set_new(o, key, ff_json_string(value, strlen(value)));
}

// A small file in one line; false where it cannot be read or says nothing.
static bool line_of(const char *path, struct ff_buf *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct ff_error *err = fd < 0 ? &ff_enomem : ff_read_all(fd, path, FILE_MAX, ret);
	bool good = !err && ret->n;
	ff_error_destroy(err);
	return good;
}

static void put_file(json_t *o, const char *key, const char *path)
{
	_cleanup_buf_ struct ff_buf text = {0};
	if (json_object_get(o, key) || !line_of(path, &text))
		return;
	struct ff_span word = ff_span_trim((struct ff_span){text.p, text.n});
	if (word.n && word.n <= WORD_MAX)
		json_object_set_new(o, key, ff_json_string(word.p, word.n));
}

static void put_container(json_t *o, pid_t pid)
{
	static const char *const files[] = {"cgroup", "mountinfo"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		_cleanup_buf_ struct ff_buf text = {0};
		char path[64];
		struct ff_span id;
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
		if (line_of(path, &text) && ff_cgroup_container_id((struct ff_span){text.p, text.n}, &id) &&
			!json_object_get(o, "container.id"))
			json_object_set_new(o, "container.id", ff_json_string(id.p, id.n));
	}
}

// Names like POD_NAME and NAMESPACE mean something in Kubernetes alone.
static void put_variables(json_t *o)
{
	bool kubernetes = getenv("KUBERNETES_SERVICE_HOST") != NULL;
	for (size_t i = 0; i < sizeof(by_variable) / sizeof(by_variable[0]); i++)
		for (size_t k = 0; k < VARIABLES && by_variable[i].variables[k]; k++)
			if (kubernetes || !ff_starts(by_variable[i].key, "k8s."))
				put(o, by_variable[i].key, getenv(by_variable[i].variables[k]));
}

static void put_kubernetes(json_t *o, const char *host)
{
	if (!getenv("KUBERNETES_SERVICE_HOST"))
		return;
	put(o, "k8s.pod.name", host); // a pod's host name is its own, unless its manifest says otherwise
	put_file(o, "k8s.namespace.name", "/var/run/secrets/kubernetes.io/serviceaccount/namespace");
}

static void put_host(json_t *o)
{
	struct utsname name;
	if (uname(&name) < 0)
		return;
	put(o, "host.name", name.nodename);
	put(o, "host.arch",
		strcmp(name.machine, "x86_64") == 0	       ? "amd64"
			: strcmp(name.machine, "aarch64") == 0 ? "arm64"
							       : name.machine);
	put(o, "os.type", "linux");
	put(o, "os.version", name.release);
	put_file(o, "host.id", "/etc/machine-id");
	put_kubernetes(o, name.nodename);
}

bool ff_export_program(pid_t pid, char ret[PATH_MAX])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(path, ret, PATH_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

// The name of the program as /proc knows it, also for the service that nobody named.
static void put_process(json_t *o, pid_t pid)
{
	char target[PATH_MAX], service[WORD_MAX + 32];
	if (!ff_export_program(pid, target))
		return;
	const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
	json_object_set_new(o, "process.pid", json_integer(pid));
	put(o, "process.executable.path", target);
	put(o, "process.executable.name", name);
	snprintf(service, sizeof(service), "unknown_service:%.*s", WORD_MAX, name);
	put(o, "service.name", service);
}

json_t *ff_export_resource(const struct ff_agent *a, const struct ff_otlp_settings *settings)
{
	_cleanup_json_ json_t *o = json_object(), *list = json_array();
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	const char *key;
	json_t *value;
	pid_t pid = a->root ? a->root : getpid();
	if (!o || !list || json_object_update(o, settings->attributes) < 0)
		return NULL;
	if (settings->service_name)
		json_object_set_new(
			o, "service.name", ff_json_string(settings->service_name, strlen(settings->service_name)));
	put_variables(o);
	put(o, "service.instance.id", a->name);
	put_host(o);
	put_container(o, pid);
	if (a->root)
		put_process(o, pid);
	put(o, "service.name", "unknown_service");
	struct ff_error *err = ff_share(o, &masked);
	ff_error_destroy(err);
	if (err)
		return NULL;
	json_object_foreach ((json_t *)ff_shareable_document(masked), key, value)
		if (!ff_export_attribute(list, key, value, 0))
			return NULL;
	return ff_take(&list);
}

void ff_export_origin(char *ret, size_t n)
{
	_cleanup_buf_ struct ff_buf boot = {0};
	struct utsname name;
	if (uname(&name) < 0)
		name.nodename[0] = '\0';
	line_of("/proc/sys/kernel/random/boot_id", &boot);
	// The boot's id is the host's, the name is the container's; both are cut, as what is left tells them apart.
	snprintf(ret, n, "%.36s %.20s", boot.n ? boot.p : "", name.nodename);
}
