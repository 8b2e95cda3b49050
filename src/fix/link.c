// A project of the user's own, installed as a link to its source.
//
//	{"link": "acme", "source": "/app"}   ->  /srv/venv/bin/python -m pip install -e /app
//	{"link": "acme"}                     ->  pip install -e .   (the sentence says in which folder)
//
// Installing runs what the folder holds, so a source comes from the facts alone and never out of a log.
#include "fix/machine.h"

struct ff_error *ff_fix_link(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "link"), *source = ff_json_text(intention, "source");
	_cleanup_buf_ struct ff_buf b = {0};
	if (!name || !*name)
		return ff_error_create(FF_EUSAGE, "'link' must be the name of a project");
	struct ff_error *err = ff_fix_kind(fix, "pip", name);
	if (err || m->installer == FF_INSTALLER_PIXI || !ff_installer_reaches(m, fix, &err))
		return err;
	ff_installer_words(m, "install", &b);
	ff_buf_str(&b, " -e ");
	if (source && *source == '/' ? !ff_path_word(m, &b, source) : source != NULL)
		return NULL;
	if (!source)
		ff_buf_char(&b, '.');
	err = ff_fix_command(fix, &b);
	if (!err)
		err = ff_fix_link_effect(m, name, fix);
	return err ? err : ff_installer_notes(m, fix);
}
