"""torch's DataLoader: which rows a worker process was fetching, for the case that it dies by a signal.

_MapDatasetFetcher.fetch(indices) and its sibling for iterable datasets run in the loader's worker, once a batch. An
exception is handed to the main process, which raises it anew: here it is only the end of the batch.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable

from firstfix._ring import PHASE_BEGIN, PHASE_END, event, next_id
from firstfix._table import Row


def _in_worker() -> bool:
    return getattr(sys.modules.get("torch.utils.data._utils.worker"), "_worker_info", None) is not None


def wrap_fetch(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """fetch(self, possibly_batched_index); in the main process, where a loader has no workers, nothing is recorded."""
    @functools.wraps(original)
    def fetch(self: Any, possibly_batched_index: Any) -> Any:
        if row.broken or not _in_worker():
            return original(self, possibly_batched_index)
        phase, outcome = next_id(), "error"
        event(
            PHASE_BEGIN,
            {
                "firstfix.phase": "batch",
                "firstfix.phase.id": phase,
                "code.function.name": type(self.dataset).__name__[:128],
                "firstfix.batch.indices": str(possibly_batched_index)[:256],
            },
        )
        try:
            batch = original(self, possibly_batched_index)
            outcome = "ok"
        finally:
            event(PHASE_END, {"firstfix.phase": "batch", "firstfix.phase.id": phase, "firstfix.outcome": outcome})
        return batch
    return fetch
