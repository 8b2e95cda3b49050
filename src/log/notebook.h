// A saved Jupyter notebook (.ipynb) as the log of its kernel.
#pragma once

#include "base/str.h"

enum {
	FF_NOTEBOOK_HEAD = 32,	     /**< so many bytes tell whether it may be one */
	FF_NOTEBOOK_MAX = 64 << 20,  /**< bytes; a larger one is read as what it is, JSON */
	FF_NOTEBOOK_SURE = 256 << 10 /**< by then one has a cell */
};

/** True where a log's first bytes may be those of a notebook. */
bool ff_notebook_may(struct ff_span head);

/** True while the beginning that is known does not speak against it. */
bool ff_notebook_goes_on(struct ff_span beginning);

/** Put what its cells said behind *ret, in the order in which they ran. False when it is no notebook. */
bool ff_notebook_text(struct ff_span bytes, struct ff_buf *ret);
