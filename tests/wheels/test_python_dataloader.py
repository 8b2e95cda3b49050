"""torch's DataLoader, of 2024 and of today: a worker that dies by a signal is one incident with the rows it was
fetching.
"""

import pytest

from python_libraries import either, hooks, libraries, today, worker  # noqa: F401
from test_incidents_inside import incidents

LOADER = """
import ctypes, os, signal, sys, torch
from torch.utils.data import DataLoader, Dataset, IterableDataset
class Images(Dataset):
    def __len__(self): return 12
    def __getitem__(self, i):
        if i == 7: {end}
        return torch.zeros(2)
loader = DataLoader(Images(), batch_size=2, num_workers=2, shuffle=False)
seen = 0
try:
    for batch in loader: seen += 1
except RuntimeError as error: print(str(error).splitlines()[0])
from firstfix import _incident
_incident.finish(60)
"""
ENDS = {
    "SIGSEGV": "ctypes.string_at(0)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGBUS": "os.kill(os.getpid(), signal.SIGBUS)",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_worker_that_dies(either, name):  # noqa: F811
    done = either.run("import firstfix; firstfix.install()\n" + LOADER.format(end=ENDS[name]))
    assert done.returncode == 0 and "DataLoader worker (pid" in done.stdout, done.stdout + done.stderr
    one, = [one for one in incidents(either) if one["how"] == "signal"]
    assert one["exit"]["name"] == name and one["title"] == "WORKER PROCESS DIED" and one["process"], done.stderr
    assert (
        one["working_on"][-1]["firstfix.batch.indices"] == "[6, 7]"
        and one["working_on"][-1]["code.function.name"] == "Images"
    )
    assert "Was working on: batch Images [6, 7]" in " ".join(done.stderr.split()), done.stderr


def test_a_row_that_raises_is_told_by_the_main_process_alone(either):  # noqa: F811
    done = either.run(
        "import firstfix; firstfix.install()\n"
        + LOADER.replace("except RuntimeError as error", "except ZeroDivisionError as error").format(
            end="os.kill(os.getpid(), 0); 1 / 0"
        )
    )
    assert done.returncode == 0 and not incidents_or_none(either), done.stderr
    ends = [row["firstfix.outcome"] for row in either.events("firstfix.phase.end") if row["firstfix.phase"] == "batch"]
    assert ends.count("error") == 1 and ends.count("ok") >= 3


def incidents_or_none(worker):  # noqa: F811
    return incidents(worker) if (worker.state / "firstfix.db").exists() else []


def test_loaders_work_as_without_us(either):  # noqa: F811
    """Map, batch and iterable datasets, with workers and without; nothing is recorded of a loader without workers."""
    done = either.run("""
        import firstfix; firstfix.install()
        import torch
        from torch.utils.data import DataLoader, IterableDataset, TensorDataset
        class Stream(IterableDataset):
            def __iter__(self): return iter(range(5))
        rows = TensorDataset(torch.arange(10))
        for workers in (0, 2):
            assert [len(b[0]) for b in DataLoader(rows, batch_size=4, num_workers=workers)] == [4, 4, 2]
            stream = DataLoader(Stream(), batch_size=None, num_workers=min(workers, 1))
            assert [int(b) for b in stream] == [0, 1, 2, 3, 4]
    """)
    assert done.returncode == 0, done.stderr
    begun = [row["process.pid"] for row in either.events("firstfix.phase.begin") if row["firstfix.phase"] == "batch"]
    assert 8 <= len(begun) <= 10 and len(set(begun)) == 3
