// The files of the packages that a fix replaces, kept beside them so that they come back as they were: without a
// network, and where no index has that build (torch 2.5.1+cu124).
#pragma once

#include "base/json.h"
#include "base/str.h"

/** Keep the installed files of the packages that `changes` names (keys), as hard links where possible, in
    SITE/.firstfix-undo-STAMP. *ret: {"stamp", "sites": {SITE: [names of its entries]}, "packages": [{"name", "site",
    "info": "tokenizers-0.19.1.dist-info", "folder": where its files are, absent when it could not be kept}]}. */
struct ff_error *ff_fix_keep(const json_t *facts, const json_t *changes, const char *stamp, json_t **ret);

/** Put them back: what is there of those packages now goes, what was kept comes. `cut`: the installer did not get to
    its end, so what it left without a RECORD goes too. *ret: those of `changes` that only an installer can put back. */
struct ff_error *ff_fix_put_back(const json_t *kept, const json_t *changes, bool cut, json_t **ret);

/** Forget the files. */
void ff_fix_keep_drop(const json_t *kept);
