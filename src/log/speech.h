// Is a part of a line something that is only quoted there?
#pragma once

#include "base/error.h"
#include "base/str.h"

struct ff_speech;

struct ff_error *ff_speech_create(struct ff_speech **ret);
void ff_speech_destroy(struct ff_speech *speech);

/** True for a line that is all somebody else's: a turn of a conversation, a test that went well, a command that a shell
    shows. */
bool ff_speech_told(const struct ff_speech *speech, struct ff_span line);

/** True when what begins at `at` of the line is a prompt, a model's answer, a quotation, a comment, source code, a
    command that is shown, or the value of a variable: nobody says it now. */
bool ff_speech_quoted(const struct ff_speech *speech, struct ff_span line, size_t at);
