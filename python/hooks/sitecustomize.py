"""Hooks firstfix into a Python that `firstfix run` starts: its folder stands first in PYTHONPATH.

A sitecustomize of the worker's own is found behind this one and executed as it would be without us. A Python that
firstfix does not fit (older than 3.9, another implementation) runs on as if nothing were here.
"""
import os
import sys


def _own(here):
    """Execute the sitecustomize that Python would have found without this folder."""
    import importlib.machinery

    path = [folder for folder in sys.path if os.path.realpath(folder or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    import importlib.util

    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _hook_in():
    if sys.version_info < (3, 9) or sys.implementation.name != "cpython":
        return
    try:
        import firstfix

        firstfix.install()
    except ImportError as error:
        if os.environ.get("FIRSTFIX_LOG") != "off" and os.environ.get("FIRSTFIX_RUN_ID"):
            sys.stderr.write("firstfix: not hooked into this Python: %s\n" % error)


_hook_in()
_own(os.path.realpath(os.path.dirname(__file__)))
