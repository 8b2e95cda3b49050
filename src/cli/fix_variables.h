// The variables of a fix in this process for a while: for what is read in it, and for the installers that it starts.
#pragma once

#include "base/json.h"

/** Give and take them as the next start would; what they were before, to be given to ff_fix_variables_put_back(). NULL
    when out of memory. */
json_t *ff_fix_variables_put(const json_t *fix);
void ff_fix_variables_put_back(const json_t *old);
