"""Import hooks: only modules of the table are touched, and they stay what they are. Libraries are stand-ins of a few
lines with the real modules' names; the real ones are hooked in tests/wheels/test_python_package.py."""

import subprocess

import pytest

from python_worker import hooks, pythons, worker  # noqa: F401


@pytest.fixture
def library(tmp_path):
    """A folder for modules, first on the path of the worker."""
    def write(name, text):
        path = tmp_path / "lib" / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(tmp_path / "lib").parents:
            if str(folder) != ".":
                init = tmp_path / "lib" / folder / "__init__.py"
                if not init.exists():
                    init.write_text("")
        path.write_text(text)
        return str(tmp_path / "lib")
    return write


PEFT = """
class PeftModel:
    @classmethod
    def from_pretrained(cls, model, model_id, *, revision="main"):
        "doc"
        if model_id == "bad": raise OSError("bad is not a local folder")
        return cls()
"""


def run(worker, folder, script, **env):
    return worker.run(f"import sys; sys.path.insert(0, {folder!r})\n" + script, **env)


def test_a_hooked_module_stays_what_it_is(worker, library):
    folder = library("peft.peft_model", PEFT)
    done = run(worker, folder, """
import inspect, peft.peft_model as m, importlib
assert type(m.__loader__).__name__ == "SourceFileLoader" and m.__spec__.loader is m.__loader__
assert "exec_module" not in vars(m.__loader__)
assert inspect.getsource(m).startswith("\\nclass PeftModel")
f = m.PeftModel.from_pretrained
assert str(inspect.signature(f)) == "(model, model_id, *, revision='main')" and f.__doc__ == "doc"
assert inspect.ismethod(f) and type(f(None, "good")) is m.PeftModel
class Sub(m.PeftModel): pass
assert type(Sub.from_pretrained(None, model_id="good")) is Sub
m = importlib.reload(m)
assert m.PeftModel.from_pretrained.__func__.__firstfix__ == "peft"
try: m.PeftModel.from_pretrained(None, "bad")
except OSError as exc: assert str(exc) == "bad is not a local folder"
""")
    assert done.returncode == 0, done.stderr
    assert "MODEL INITIALIZATION: good" in done.stderr and "MODEL INITIALIZATION FAILED" in done.stderr
    assert [e["firstfix.outcome"] for e in worker.events("firstfix.phase.end")] == ["ok", "ok", "error"]


def test_one_hook_can_be_turned_off(worker, library):
    folder = library("peft.peft_model", PEFT)
    done = run(
        worker, folder, "import peft.peft_model as m; m.PeftModel.from_pretrained(None, 'x')", FIRSTFIX_DISABLE="peft"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "text", ["", "PeftModel = 7", "class PeftModel:\n    from_pretrained = 7", "def __getattr__(n): raise ValueError"]
)
def test_versions_that_are_not_known(worker, library, text):
    done = run(worker, library("peft.peft_model", text), "import peft.peft_model; print('fine')")
    assert (done.returncode, done.stdout) == (0, "fine\n")
    assert done.stderr == "" or (done.stderr.count("\n") == 1 and "hook peft" in done.stderr)


def test_a_wrapper_that_fails_is_off_and_says_so_once(worker, library):
    folder = library("llama_cpp.llama", "class Llama:\n    def __init__(self, model_path): self.path = model_path")
    done = run(worker, folder, """
import llama_cpp.llama as m
class Evil:
    @property
    def name_or_path(self): raise ZeroDivisionError
assert isinstance(m.Llama(Evil()).path, Evil) and m.Llama("ok").path == "ok"
m.Llama(Evil())
""")
    assert done.returncode == 0 and done.stderr.count("hook llama_cpp") == 1 and "MODEL" not in done.stderr, done.stderr


def test_a_module_that_fails_to_import_fails_as_before(worker, library):
    done = run(worker, library("peft.peft_model", "raise ImportError('libcudart.so.12')"), """
for i in range(2):
    try: import peft.peft_model
    except ImportError as exc: print(exc)
""")
    assert (done.stdout, done.stderr) == ("libcudart.so.12\n" * 2, "")


def test_install_imports_nothing_large_and_is_quick(worker):
    done = worker.run("""
        import sys
        large = {"torch", "numpy", "typing", "json", "logging", "subprocess", "asyncio",
            "threading", "re", "inspect", "traceback"}
        print(*sorted(large & set(sys.modules)))
    """)
    without = subprocess.run(
        [worker.python, "-c", "import sys; print(*sorted(sys.modules))"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(done.stdout.split()) <= set(without), done.stdout


def test_a_sitecustomize_of_the_worker_is_executed_too(worker, library, tmp_path):
    folder = library("sitecustomize", "import sys; sys.mine = __name__, __file__")
    done = worker.run("import sys, firstfix; print(*sys.mine, sys.modules['sitecustomize'].__file__)",
                      PYTHONPATH=f"{worker.hooks}:{folder}")
    assert done.stdout.split() == ["sitecustomize", f"{folder}/sitecustomize.py", f"{folder}/sitecustomize.py"], (
        done.stderr
    )


def test_a_python_that_is_too_old_runs_on(worker):
    import glob
    import os
    for old in glob.glob(os.path.expanduser("~/.pyenv/versions/[23].[678]*/bin/python")):
        worker.python = old
        done = worker.run("print('fine')")
        assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", ""), old


@pytest.mark.parametrize(
    "version, python", pythons().items(), ids=lambda v: ".".join(map(str, v)) if isinstance(v, tuple) else ""
)
def test_every_python_from_3_9_on(worker, version, python):
    worker.python = python
    done = worker.run("""
        import firstfix
        @firstfix.request(model="m")
        def f(x): return x
        f(1)
        try:
            with firstfix.request(id="1"): raise ValueError("x")
        except ValueError: pass
    """)
    assert done.returncode == 0, done.stderr
    assert [row["event.name"] for row in worker.events()].count("firstfix.phase.end") == 2
