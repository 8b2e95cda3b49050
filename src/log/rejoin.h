// Messages that a terminal or a box broke into lines.
#pragma once

#include "base/str.h"

/** Put a message together again where each of its lines ends because the next word did not fit. `lead` is the length of
    what stood before it in its first line. False when it had not been broken. */
bool ff_message_rejoin(struct ff_buf *message, size_t lead);
