// The folder of a worker: a start script, a module that it serves, a Procfile, and what /proc says of sockets, each
// from a byte of 1 to the next; they lie in a tar in memory, so that a probe reads them as it reads an image.
#include "base/cleanup.h"
#include "probe/workdir.h"

#include <stdio.h>

enum { BLOCK = 512 };

struct entry {
	const char *path, *link; // link: where it leads, and then there is no content
	bool given;		 // content is the next part of the input
	const char *content;
};

static const struct entry entries[] = {
	{"app/start.sh", NULL, true, NULL},
	{"app/main.py", NULL, true, NULL},
	{"app/Procfile", NULL, true, NULL},
	{"proc/self/net/tcp", NULL, true, NULL},
	{"proc/self/net/tcp6", NULL, true, NULL},
	{"proc/42/cmdline", NULL, true, NULL},
	{"proc/42/comm", NULL, false, "python3\n"},
	{"proc/42/fd/3", "socket:[4242]", false, ""},
	{"bin/uvicorn", NULL, false, "#!/bin/sh\n"},
};

static void put_entry(struct ff_buf *tar, const struct entry *e, struct ff_span content)
{
	static const char zeros[BLOCK];
	char head[BLOCK] = {0};
	unsigned sum = 0;
	snprintf(head, 100, "%s", e->path);
	snprintf(head + 100, 8, "%07o", 0755);
	snprintf(head + 108, 8, "%07o", 0);
	snprintf(head + 116, 8, "%07o", 0);
	snprintf(head + 124, 12, "%011o", (unsigned)content.n);
	snprintf(head + 136, 12, "%011o", 0);
	memset(head + 148, ' ', 8);
	head[156] = e->link ? '2' : '0';
	snprintf(head + 157, 100, "%s", e->link ? e->link : "");
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)head[i];
	snprintf(head + 148, 8, "%06o", sum);
	ff_buf_span(tar, (struct ff_span){head, BLOCK});
	ff_buf_span(tar, content);
	ff_buf_span(tar, (struct ff_span){zeros, (BLOCK - content.n % BLOCK) % BLOCK});
}

static void ask(struct ff_probe_ctx *ctx)
{
	struct ff_workdir w = {.ctx = ctx,
		.folder = (char *)"/app",
		.seen = json_object(),
		.lost = json_array(),
		.texts = json_object(),
		.ports = json_array()};
	ff_error_destroy(ff_host_list(ctx->host, w.folder, FF_WORKDIR_NAMES_MAX, &w.names));
	ff_workdir_scripts(&w);
	ff_workdir_commands(&w);
	ff_workdir_note_port(&w, "start.sh", 8000);
	ff_workdir_ports(&w);
	ff_names_deinit(&w.names);
	json_decref(w.seen);
	json_decref(w.lost);
	json_decref(w.texts);
	json_decref(w.ports);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char end[2 * BLOCK];
	struct ff_span rest = {(const char *)data, size}, part;
	_cleanup_buf_ struct ff_buf tar = {0};
	_cleanup_image_ struct ff_image *image = NULL;
	_cleanup_host_ struct ff_host *host = NULL;
	_cleanup_json_ json_t *delta = json_object(), *facts = json_object();
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct ff_span content = ff_span_of(entries[i].content);
		if (entries[i].given && ff_span_next(&rest, '\1', &part))
			content = part;
		put_entry(&tar, &entries[i], content);
	}
	ff_buf_span(&tar, (struct ff_span){end, sizeof(end)});
	if (tar.failed || !delta || !facts)
		return 0;
	_cleanup_error_ struct ff_error *err = ff_image_of_memory("fuzz", tar.p, tar.n, &image);
	if (!err)
		err = ff_host_create(&(struct ff_host_options){.image = image}, &host);
	if (err)
		__builtin_trap(); // whatever the files hold, the tar is a good one
	struct ff_probe_ctx ctx = {.host = host, .delta = delta, .facts = facts, .probe = "workdir"};
	ask(&ctx);
	return 0;
}
