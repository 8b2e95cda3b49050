"""What messages of a package ask for (tools/atlaslib/classify.py), and a table whose messages alone are judged anew."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from atlaslib import classify, mine, table  # noqa: E402


def test_an_order_counts_more_than_what_is_named_beside_it():
    judge = classify.Package({"grpc_port", "fraction", "shelf_dtype"}, {"ACME_NEW_FRONT"}, {"torch", "gitpython"},
                             {"git": "gitpython"})
    around = {"t": "ValueError", "h": [], "f": "check", "g": [], "k": [], "x": [], "file": "acme/server_args.py"}
    said_of = {
        "--grpc-port requires ACME_NEW_FRONT=1 acme serve": ("v", "ACME_NEW_FRONT", "1"),
        "The shelf holds not one request. Raise --fraction, or take less": ("p", "fraction", ""),
        "FP8 shelves require SM89+. Re-run with --shelf-dtype {}.": ("p", "shelf_dtype", ""),
        "This shelf requires an SM100-family GPU": ("h", "", ""),
        "please install torch version < 2.9, found {}": ("i", "torch", "<2.9"),
        "--rows-each requires shelves to be on (via --fraction).": ("p", "fraction", ""),
        "Folded shelves are not supported with ACME_NEW_FRONT.": ("v", "ACME_NEW_FRONT", "-"),
        "This kind of shelf requires a working torch installation": ("i", "torch", ""),
        "The torch XPU version must be >= 2.9. Please update it.": ("i", "torch", ">=2.9"),
        "This needs a newer one: pip install git+https://example.com/a/torch.git --no-deps": ("u", "", ""),
    }
    assert {text: judge({**around, "m": text}) for text in said_of} == said_of


def test_messages_alone_are_judged_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFIX_ATLAS_CACHE", str(tmp_path))
    source = b"def check():\n    raise ImportError('A shelf of many rows requires the numpy library, not found')\n"
    mine.hear(mine.opened("acme"), "2.0", ({"acme/shelf.py": source}, [], ""))
    old = (
        "atlas 1\npackage\tacme\nmade\t2026-01-02\ntops\tacme\nR\t1.0\t2025-01-02\nR\t2.0\t2026-01-02\n"
        "S\t0-1\nS\t1\nM\tacme\t0\nG\tabc\t\tc\t\t\t1\nH\t1\n"
    )
    assert table.heard_of(old) == {"1.0", "2.0"}
    new = table.with_messages("acme", old, ROOT / "rules/data")
    assert new.startswith(old[:old.index("G\t")]) and "\ti\tnumpy\t\t1\n" in new and "abc" not in new
    with pytest.raises(ValueError, match="no messages"):
        table.with_messages("acme", old.replace("R\t2.0", "R\t3.0"), ROOT / "rules/data")


def test_what_is_printed_keeps_how_it_is_said(tmp_path, monkeypatch):
    source = b'''
def check(logger, errors):
    logger.warning("A wide shelf is slow here, set ACME_NARROW=1 for %s first", 3)
    warnings.warn(f"The numpy library is not installed, {errors} go on without the fold")
    log.error("Not one shelf of this size: please install numpy>=%s to be able to fold it", 2)
    logger.error("The caller handed over a shelf that was never opened before %d", 1)
    errors.error("No logger has this name, so install numpy for it")
    logger.info("It is only told that one may install numpy for speed")
'''
    found = mine.messages_of("acme/shelf.py", source)["m"]
    assert [(m["l"], m["m"][:24]) for m in found] == [
        ("w", "A wide shelf is slow her"), ("w", "The numpy library is not"), ("e", "Not one shelf of this si"),
        ("e", "The caller handed over a")]
    monkeypatch.setenv("FIRSTFIX_ATLAS_CACHE", str(tmp_path))
    mine.hear(mine.opened("acme"), "2.0", ({"acme/shelf.py": source + b"\nos.environ['ACME_NARROW']\n"}, [], ""))
    old = "atlas 1\npackage\tacme\nmade\t2026-01-02\ntops\tacme\nR\t2.0\t2026-01-02\n"
    rows = [row.split("\t")[3:5] for row in table.with_messages("acme", old, ROOT / "rules/data").splitlines()
            if row.startswith("G\t")]
    assert sorted(rows) == [["ie", "numpy"], ["iw", "numpy"], ["vw", "ACME_NARROW"]]
