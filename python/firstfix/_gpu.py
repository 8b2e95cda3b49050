"""Memory of GPUs and of this process, read only from what the worker itself has loaded and initialised.

torch is looked up in sys.modules, never imported; CUDA is never initialised by us.
"""
from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple, Optional


NVML_S = 5.0


class Reading(NamedTuple):
    """One device as torch's allocator sees it, in bytes; free and total are the device's own words."""

    gpu: int
    name: str
    allocated: int
    reserved: int
    peak: int
    free: int
    total: int
    capability: tuple[int, int] = (0, 0)

    def fields(self) -> dict[str, Any]:
        """As an event's fields."""
        return {
            "firstfix.gpu.index": self.gpu,
            "firstfix.gpu.memory.total": self.total,
            "firstfix.gpu.memory.free": self.free,
            "firstfix.gpu.memory.allocated": self.allocated,
            "firstfix.gpu.memory.reserved": self.reserved,
            "firstfix.gpu.memory.peak": self.peak,
        }


def torch_cuda() -> Any:
    """torch.cuda when the worker has initialised it, else None."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    try:
        return cuda if cuda is not None and cuda.is_initialized() else None
    except Exception:
        return None


def read() -> list[Reading]:
    """Every visible device on which this process has reserved memory, and the current one."""
    cuda = torch_cuda()
    if cuda is None:
        return []
    found = []
    for index in range(cuda.device_count()):
        reserved = int(cuda.memory_reserved(index))
        if not reserved and index != cuda.current_device():
            continue
        free, total = cuda.mem_get_info(index)
        found.append(Reading(index, str(cuda.get_device_name(index)), int(cuda.memory_allocated(index)), reserved,
                             int(cuda.max_memory_allocated(index)), int(free), int(total),
                             tuple(cuda.get_device_capability(index))))
    return found


def _visible(gpus: list[Any]) -> list[Any]:
    """Those that CUDA_VISIBLE_DEVICES leaves, by index or by the beginning of a UUID, in its order."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return gpus
    names = [word.strip() for word in wanted.split(",") if word.strip()]
    return [gpu for name in names for gpu in gpus
            if str(gpu.get("index")) == name or (len(name) > 4 and str(gpu.get("uuid", "")).startswith(name))]


def seen_from_outside() -> list[str]:
    """The lines on each GPU before this process has initialised CUDA: from NVML, in a process of its own."""
    import json

    from firstfix import _program
    from firstfix._say import size

    if not (os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/dxg") or os.environ.get("FIRSTFIX_NVML")):
        return []
    lines = []
    for gpu in _visible(
        json.loads(_program.run(["report", "--json", "--only", "gpus"], deadline=NVML_S)[1]).get("gpus", [])
    ):
        memory, capability = gpu.get("memory", {}), gpu.get("compute_capability")
        lines.append(f"GPU {gpu.get('index')}: {gpu.get('name', 'not known')}")
        lines += [
            f"{label}: {size(memory[key])}"
            for label, key in (("VRAM", "total"), ("Free memory", "free"))
            if key in memory
        ]
        if capability:
            lines.append(f"Compute capability: ({str(capability).replace('.', ', ')})")
    return lines


def allocated() -> Optional[tuple[int, int]]:
    """Bytes that torch's allocator has given out on the current device and their peak: the quick reading of a request.
    """
    cuda = torch_cuda()
    if cuda is None:
        return None
    # what memory_stats_as_nested_dict() calls, without its 2.5 us of Python (H200, torch 2.11: 13.1 of 15.6 us are
    # torch's own)
    try:
        core = sys.modules["torch"]._C
        stats = core._cuda_memoryStats(core._cuda_getDevice())["allocated_bytes"]["all"]
    except AttributeError:
        stats = cuda.memory_stats_as_nested_dict()["allocated_bytes"]["all"]
    return int(stats["current"]), int(stats["peak"])


def rss() -> Optional[int]:
    """Resident bytes of this process."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def oom_lines() -> list[str]:
    """GPU MEMORY DIAGNOSTICS and what torch's allocator knows beyond it."""
    from firstfix._say import size

    lines = []
    cuda = torch_cuda()
    for r in read():
        lines += [f"GPU {r.gpu}: {r.name}", f"Total VRAM: {size(r.total)}", f"Allocated: {size(r.allocated)}",
                  f"Reserved: {size(r.reserved)}", f"Peak: {size(r.peak)}", f"Free: {size(r.free)}"]
        stats = cuda.memory_stats(r.gpu)
        others = r.total - r.free - r.reserved
        lines.append(f"Reserved but not allocated: {size(r.reserved - r.allocated)}")
        lines.append(f"Inactive pieces (fragments): {size(stats.get('inactive_split_bytes.all.current', 0))}")
        lines.append(f"Used by other processes and the CUDA context: {size(max(others, 0))}")
        lines.append(f"Allocation retries: {stats.get('num_alloc_retries', 0)}, failures: {stats.get('num_ooms', 0)}")
        lines += _largest(cuda, r.gpu)
    return lines


def _largest(cuda: Any, index: int) -> list[str]:
    """The largest live blocks with the Python line that asked for them; only when the worker records history."""
    blocks = []
    for segment in cuda.memory_snapshot():
        if segment.get("device") == index:
            blocks += [b for b in segment.get("blocks", ()) if b.get("state") == "active_allocated"]
    lines = []
    for block in sorted(blocks, key=lambda b: -int(b.get("size", 0)))[:5]:
        frames = block.get("frames") or (block.get("history") or [{}])[0].get("frames") or []
        python = next((f for f in frames if str(f.get("filename", "")).endswith(".py")), None)
        place = f" by {python['filename']}:{python['line']} in {python['name']}" if python else ""
        lines.append(f"Large block: {block.get('size', 0) / (1 << 20):.1f} MB{place}")
    return lines
