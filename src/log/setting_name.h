// What engines call the same setting.
#pragma once

/** The general name (a setting of rules/data/engine_flags.tsv) of what an engine calls its own way; NULL for others. */
const char *ff_setting_general(const char *name);
