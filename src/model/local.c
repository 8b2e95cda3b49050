// A model on this machine.
//
//	/models/llama                       a folder with config.json and *.safetensors, or with *.gguf
//	/models/llama-Q4_K_M.gguf           one file; of one that is split, all parts
//	meta-llama/Llama-3.1-8B             $HF_HOME/hub/models--meta-llama--Llama-3.1-8B/snapshots/<newest>
#include "model/source.h"

#include "host/bytes.h"
#include "host/hub_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAMES_MAX = 65536 };

struct local {
	struct ff_model_source source;
	struct ff_host *host;
	char *folder;
};

static struct ff_error *list_folder(struct ff_model_source *s, struct ff_names *ret)
{
	struct local *l = (struct local *)s;
	return ff_host_list(l->host, l->folder, NAMES_MAX, ret);
}

static struct ff_error *read_file(
	struct ff_model_source *s, const char *name, uint64_t from, size_t n, struct ff_buf *ret, uint64_t *ret_size)
{
	struct local *l = (struct local *)s;
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_buf_ struct ff_buf path = {0};
	ff_buf_printf(&path, "%s/%s", l->folder, name);
	struct ff_error *err = path.failed ? &ff_enomem : ff_file_open(l->host, path.p, &file);
	if (err)
		return err;
	uint64_t size = *ret_size = file.bytes.size, left = from < size ? size - from : 0;
	n = n < left ? n : (size_t)left;
	_cleanup_free_ char *bytes = malloc(n + 1);
	err = !bytes ? &ff_enomem : n ? ff_bytes_read_far(&file.bytes, from, bytes, n, "the header") : NULL;
	if (!err)
		ff_buf_add(ret, bytes, n);
	return err ? err : ret->failed ? &ff_enomem : NULL;
}

static void close_local(struct ff_model_source *s)
{
	free(((struct local *)s)->folder);
}

static struct ff_error *make(
	struct ff_host *host, const char *folder, const char *only, const char *from, struct ff_model_source **ret)
{
	struct local *l = calloc(1, sizeof(*l));
	if (!l)
		return &ff_enomem;
	*l = (struct local){.host = host,
		.folder = strdup(folder),
		.source = {list_folder, read_file, close_local, strdup(folder), from, only ? strdup(only) : NULL}};
	*ret = &l->source;
	if (l->folder && l->source.place && (!only || l->source.only))
		return NULL;
	ff_model_source_close(*ret);
	*ret = NULL;
	return &ff_enomem;
}

// Paths as the machine says them; of this machine also from the working folder.
static struct ff_error *absolute(const struct ff_host *host, const char *what, struct ff_buf *ret)
{
	_cleanup_free_ char *here = what[0] == '/' || ff_host_is_captured(host) ? strdup("") : getcwd(NULL, 0);
	ff_buf_printf(ret, "%s%s%s", here ? here : "", what[0] == '/' ? "" : "/", what);
	while (ret->n > 1 && ret->p && ret->p[ret->n - 1] == '/')
		ret->p[--ret->n] = 0;
	return ret->failed || !here ? &ff_enomem : NULL;
}

static struct ff_error *in_cache(struct ff_host *host, const char *repo, struct ff_model_source **ret)
{
	struct ff_hub_cache cache = ff_hub_cache(host);
	_cleanup_free_ char *path = cache.path;
	_cleanup_buf_ struct ff_buf folder = {0};
	_cleanup_names_ struct ff_names revisions = {0};
	ff_buf_printf(&folder, "%s/models--", path ? path : "");
	for (const char *c = repo; *c; c++)
		ff_buf_str(&folder, *c == '/' ? "--" : (char[2]){*c, 0});
	ff_buf_str(&folder, "/snapshots");
	struct ff_error *err = folder.failed ? &ff_enomem : ff_host_list(host, folder.p, NAMES_MAX, &revisions);
	if (!err && !revisions.n)
		err = ff_error_create(FF_EABSENT, "%s: no revision of it", folder.p);
	if (err)
		return err;
	ff_buf_printf(&folder, "/%s", revisions.names[revisions.n - 1]);
	return folder.failed ? &ff_enomem : make(host, folder.p, NULL, "cache", ret);
}

struct ff_error *ff_model_local(struct ff_host *host, const char *what, struct ff_model_source **ret)
{
	_cleanup_buf_ struct ff_buf path = {0};
	struct ff_error *err = absolute(host, what, &path);
	if (err)
		return err;
	if (ff_host_mode_is(host, path.p, S_IFDIR))
		return make(host, path.p, NULL, "folder", ret);
	if (ff_host_mode_is(host, path.p, S_IFREG)) {
		char *slash = strrchr(path.p, '/');
		*slash = 0;
		err = make(host, slash == path.p ? "/" : path.p, slash + 1, "file", ret);
		*slash = '/';
		return err;
	}
	return in_cache(host, what, ret);
}

void ff_model_source_close(struct ff_model_source *s)
{
	if (!s)
		return;
	s->close(s);
	free(s->place);
	free(s->only);
	free(s);
}
