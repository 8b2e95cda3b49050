// A newer release of an engine, or one for another GPU, where no package manager of Python brings it.
//
//	{"image": "ollama"}                 a bare host  ->  curl -fsSL https://ollama.com/install.sh | sh
//	                                    docker       ->  docker pull ollama/ollama:latest
//	{"image": "tei", "arch": "12.0"}    kubernetes   ->  spec.containers[0].image: ghcr.io/...:120-1.9
//
// rules/data/engine_images.tsv has the images, and the commands of programs that also run without a container. Where
// nothing is known of the place, a program's own installer comes before its image.
#include "base/table.h"
#include "fix/machine.h"

FF_EMBEDDED(ff_table, engine_images);

enum column { ENGINE, CAPABILITY, IMAGE, INSTALL, WINDOWS, MACOS };

bool ff_fix_engine_has_image(const char *engine)
{
	struct ff_table_row row;
	return engine && ff_table_find(ff_table_engine_images, ff_span_of(engine), &row);
}

// The row of this GPU, else the one that is good for all.
static bool find_row(const char *engine, const char *arch, struct ff_table_row *ret)
{
	struct ff_table table = ff_table_of(ff_table_engine_images);
	struct ff_table_row row;
	bool found = false;
	while (ff_table_next(&table, &row)) {
		bool all = !row.cells[CAPABILITY].n, this = arch && ff_span_eq(row.cells[CAPABILITY], arch);
		if (!ff_span_eq(row.cells[ENGINE], engine) || (!all && !this))
			continue;
		*ret = row;
		found = true;
		if (this)
			break;
	}
	return found;
}

// The command that installs it on the bare system; empty where a container runs it, or it has none.
static struct ff_span installer_of(const struct ff_fix_machine *m, const struct ff_table_row *row)
{
	static const struct ff_span none = {NULL, 0};
	if (m->platform == FF_PLATFORM_WINDOWS)
		return row->cells[WINDOWS];
	if (m->platform == FF_PLATFORM_MACOS)
		return row->cells[MACOS];
	return m->runtime > FF_RUNTIME_SHELL ? none : row->cells[INSTALL];
}

struct ff_error *ff_fix_engine_image(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *engine = ff_json_text(intention, "image"), *arch = ff_json_text(intention, "arch");
	if (!arch && m->facts)
		arch = ff_json_text(m->facts, "gpus.0.compute_capability");
	struct ff_table_row row;
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "os", NULL);
	if (err || !find_row(engine, arch, &row))
		return err;
	struct ff_span install = installer_of(m, &row);
	if (install.n) {
		ff_buf_add(&b, install.p, install.n);
		return ff_fix_command(fix, &b);
	}
	_cleanup_json_ json_t *of =
		json_pack("{s:s, s:s%}", "container", "image", "value", row.cells[IMAGE].p, row.cells[IMAGE].n);
	if (!of)
		return &ff_enomem;
	err = ff_fix_container(m, of, fix);
	return err || !json_object_get(fix, "command")
		? err
		: ff_fix_side_effect(fix, "The worker has to be started anew from that image.");
}
