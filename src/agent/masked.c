// What every document goes through before it leaves.
#include "agent/masked.h"

#include "base/cleanup.h"
#include "emit/redact.h"

struct ff_error *ff_masked_text(const json_t *document, struct ff_buf *ret)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	struct ff_error *err = document ? ff_share(document, &masked) : &ff_enomem;
	if (err)
		return err;
	_cleanup_free_ char *text = json_dumps(ff_shareable_document(masked), JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return &ff_enomem;
	ff_buf_str(ret, text);
	return NULL;
}
