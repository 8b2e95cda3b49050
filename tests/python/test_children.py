"""A load whose engine runs in processes of its own, as vLLM's: the parent's diagnosis is that of the child that knows.
"""

import json

import pytest
from python_worker import hooks, worker  # noqa: F401

ENGINE = """
    import firstfix, multiprocessing, sys
    from firstfix._load import Load

    TORCH = compile('raise RuntimeError("unexpected EOF, expected 4096 more bytes. The file might be corrupted.")',
                    "/srv/venv/lib/python3.11/site-packages/torch/serialization.py", "exec")

    def weights(say):
        with firstfix.model_load("weights"):
            if say:
                exec(TORCH)
            raise KeyError("x")

    def core(say):
        with Load("engine", quiet=True):
            child = multiprocessing.get_context("spawn").Process(target=weights, args=(say,))
            child.start(); child.join()
            raise RuntimeError("WorkerProc initialization failed due to an exception in a background process.")

    def main(say):
        firstfix.install()
        with firstfix.model_load("model"):
            child = multiprocessing.get_context("spawn").Process(target=core, args=(say,))
            child.start(); child.join()
            raise RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")

    if __name__ == "__main__":
        main(sys.argv[1:] == ["say"])
"""


@pytest.fixture
def engine(worker, tmp_path):  # noqa: F811
    """Spawned children import the main module, so it has to be a file."""
    import subprocess
    import textwrap
    script = tmp_path / "engine.py"
    script.write_text(textwrap.dedent(ENGINE))
    worker.env = {"FIRSTFIX_LOG": "json"}

    def run(*words):
        return subprocess.run([worker.python, script, *words], env=worker.environment(), capture_output=True, text=True,
                              check=False, timeout=120)
    worker.engine = run
    return worker


def shown(done):
    rows = [json.loads(line[line.index('{"schema"'):]) for line in done.stderr.splitlines() if '{"schema"' in line]
    failed = [row["exception.message"] for row in rows if row["event.name"] == "exception"]
    return failed, [row["firstfix.diagnosis"]["diagnoses"] for row in rows if "firstfix.diagnosis" in row]


def test_the_parent_knows_what_its_childs_child_died_of(engine):
    done = engine.engine("say")
    failed, diagnoses = shown(done)
    assert done.returncode == 1 and len(engine.events("exception")) == 3  # each process recorded its own
    assert ["unexpected EOF" in failed[0], "Engine core" in failed[1], len(failed)] == [True, True, 2], (
        failed
    )  # the middle one is quiet
    assert [found[0]["cause"] for found in diagnoses] == ["hf.incomplete", "hf.incomplete"], done.stderr


def test_a_child_that_says_nothing_known_changes_nothing(engine):
    failed, diagnoses = shown(engine.engine())
    assert len(failed) == 2 and all(d["cause"] != "hf.incomplete" for found in diagnoses for d in found)


def test_a_part_lends_its_summary_and_a_quiet_load_speaks_of_a_model(worker):  # noqa: F811
    done = worker.run("""
        import firstfix, sys, types
        firstfix.install()
        torch = sys.modules["torch"] = types.ModuleType("torch")
        class Parameter:
            dtype, device = "torch.float16", "cuda:0"
            def numel(self): return 1000
            def element_size(self): return 2
        class Module:
            def named_parameters(self): return [("layer", Parameter())]
        torch.nn = types.SimpleNamespace(Module=Module)
        from firstfix import _load
        from firstfix._table import Row
        row = Row("test", "m", "f", "", "name")
        load = _load.wrap(lambda name: Module(), row)
        class Engine:
            def __init__(self, name): load(name=name + "-weights")
        for wrapper in (_load.wrap_init, _load.wrap_init_quiet):
            wrapper(Engine.__init__, row)(Engine.__new__(Engine), "engine")
        _load.wrap_init_quiet(lambda self, name: None, row)(Engine.__new__(Engine), "empty")
    """)
    assert done.returncode == 0, done.stderr
    assert (
        done.stderr.count("MODEL INITIALIZATION: engine") == 1
        and done.stderr.count("1.0 k parameters: 1.0 k float16") == 2
    ), done.stderr
    ends = worker.events("firstfix.phase.end")
    assert [(row["gen_ai.request.model"], row.get("firstfix.model.parameters")) for row in ends] == [
        ("engine", 1000), ("engine", 1000), ("empty", None)]
