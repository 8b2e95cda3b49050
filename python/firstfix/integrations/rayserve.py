"""Ray Serve: what a replica does for one call, over HTTP, gRPC or a handle, is a request. No change of code.

Replica._wrap_request() is the context manager that Serve itself puts around the user's code, streaming or not. The
process of the replica has to record as well: under `firstfix run` it inherits that, with a cluster of its own
`firstfix.install()` belongs into the deployment's module.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from firstfix import _imports
from firstfix._request import Request
from firstfix._table import Row


def _request(replica: Any, metadata: Any) -> Request:
    made = Request(str(metadata.request_id)[:128], getattr(metadata, "multiplexed_model_id", "") or None,
                   heading="[Ray Serve] REQUEST FAILED")
    made.fields = {"code.function.name": f"{replica._deployment_id.name}.{metadata.call_method}"[:256],
                   "http.route": str(metadata.route)[:512] or None}
    return made


def wrap_request(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Inside of Serve's own manager, which turns exceptions into answers."""
    @functools.wraps(original)
    @contextmanager
    def _wrap_request(self: Any, request_metadata: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with original(self, request_metadata, *args, **kwargs) as status:
            made = None
            if not row.broken:
                try:
                    made = _request(self, request_metadata)
                except Exception as failure:
                    _imports.disable(row, failure)
            if made is None:
                yield status
            else:
                with made:
                    yield status
    return _wrap_request
