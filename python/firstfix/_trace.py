"""W3C trace context: which trace a request belongs to, for the spans that are exported. Nothing of it is made up here.

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
"""
from __future__ import annotations

import re
import sys
from typing import Any, Optional

TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
STATE_MAX = 256


def parent(header: object, state: object = None) -> dict[str, Any]:
    """Fields of a request from its two headers; none where they are not what W3C describes."""
    match = TRACEPARENT.fullmatch(header.strip()) if isinstance(header, str) and len(header) < 512 else None
    if (
        match is None
        or match[1] == "ff"
        or (match[1] == "00" and match[5])
        or not int(match[2], 16)
        or not int(match[3], 16)
    ):
        return {}
    fields: dict[str, Any] = {"trace_id": match[2], "parent_span_id": match[3], "trace_flags": int(match[4], 16)}
    if isinstance(state, str) and 0 < len(state) <= STATE_MAX:
        fields["trace_state"] = state
    return fields


def current() -> tuple[Optional[str], Optional[str], int]:
    """Trace, span and flags of OpenTelemetry, when the worker uses it; it is not imported here."""
    trace = sys.modules.get("opentelemetry.trace")
    try:
        context = trace.get_current_span().get_span_context() if trace is not None else None
        if context and context.trace_id:
            return f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags)
    except Exception:
        pass
    return None, None, 0


def around() -> dict[str, Any]:
    """The same as fields: a span that the worker itself has begun is the parent, whatever the headers say."""
    trace, span, flags = current()
    return {} if trace is None else {"trace_id": trace, "parent_span_id": span, "trace_flags": flags}
