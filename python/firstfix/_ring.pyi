"""The C extension: the lane of this process."""
from typing import Dict, Optional, Tuple, Union

Value = Union[str, int, float, bool, None]

VERSION: str
PROCESS_START: int
PROCESS_STOP: int
PHASE_BEGIN: int
PHASE_END: int
EXCEPTION: int
LOG: int
MEMORY: int
LIBRARY: int
CUSTOM: int
PROGRESS: int
CHILD_START: int
CHILD_EXIT: int
LOST: int

def event(kind: int, fields: Dict[str, Value], /) -> None: ...
def start(folder: Optional[str], /) -> None: ...
def stop() -> None: ...
def where() -> Tuple[Optional[str], Optional[str]]: ...
def dropped() -> int: ...
def next_id() -> int: ...
def working(change: int, /) -> int: ...
