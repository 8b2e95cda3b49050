"""What the command line says when it is used wrongly: what is wrong, where, what was meant; and nothing that acts on a
terminal.
"""

import os
import re
import subprocess

import pytest

ESCAPES = "\x1b[31m\x1b]0;owned\x07\u009b2J\u202e\nfirstfix: all is well"


@pytest.fixture
def say(firstfix, tmp_path):
    """stdout and stderr of a command, which must end with `code`."""
    env = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}

    def call(*args, code=2):
        done = subprocess.run(
            [firstfix, *map(str, args)], capture_output=True, text=True, timeout=60, env=env, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return call


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["reprot"], "report"),
        (["incidnet"], "incident"),
        (["help", "explian"], "explain"),
        (["report", "--jsn"], "--json"),
        (["incidents", "shwo"], "show"),
        (["rules", "tset"], "test"),
        (["report", "--only", "torhc"], "torch"),
        (["playbook", "bnb.binary-mising"], "bnb.binary-missing"),
    ],
)
def test_did_you_mean(say, words, meant):
    assert f"did you mean '{meant}'?" in say(*words)


@pytest.mark.parametrize(("words", "told"), [
    (["report", "extra"], "'extra' means nothing here"),
    (["explain", "a", "b"], "'b' is one too many: it wants [LOG | -]"),
    (["report", "--only"], "--only wants NAMES"),
    (["report", "-o"], "-o wants FILE"),
    (["check", "--facts", "broken"], "broken: line 1, column 5: unexpected token near end of file; make one with"),
    (["check", "--image", "broken"], "broken: Unrecognized archive format; it is cut short, damaged or no image"),
    (["check", "--image", "empty"], "empty: no regular file, or empty"),
    (["check", "--image", "folder"], "folder: no root folder of an image"),
    (["fit", "--offline", "no/such"], "no/such: not on this machine"),
])
def test_wrong_use_names_place_and_remedy(say, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").write_text('{"a":')
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    assert told in say(*words)
    assert {path.name for path in tmp_path.iterdir()} <= {"broken", "empty", "folder", "state"}


@pytest.mark.parametrize("word", ["zzzzzzzz", "x", "--"])
def test_nothing_was_meant(say, word):
    assert "did you mean" not in say(word)


def test_help_of_a_command(say):
    assert say("help", "report", code=0) == say("report", "--help", code=0)
    assert say("help", code=0) == say("--help", code=0)


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--python", "/nosuch"],
        ["incidents", "--dir", "/nosuch"],
        ["incidents", "prune", "--dir", "/nosuch"],
        ["explain", "/nosuch"],
        ["rules", "lint", "/nosuch"],
        ["explain", "--facts", "/nosuch", os.devnull],
        ["diff", "/nosuch", "/nosuch"],
    ],
)
def test_what_is_not_there_is_an_error(say, words):
    said = say(*words)
    assert "/nosuch" in said and said.count("\n") == 1
    assert not os.path.exists("/nosuch")


@pytest.mark.parametrize(
    "words",
    [
        [ESCAPES],
        ["help", ESCAPES],
        ["report", "--" + ESCAPES],
        ["report", "--only", ESCAPES],
        ["report", "--python", "/" + ESCAPES],
        ["report", "--deadline", ESCAPES],
        ["incidents", ESCAPES],
        ["incidents", "show", ESCAPES],
        ["incidents", "--dir", "/" + ESCAPES],
        ["playbook", ESCAPES],
        ["explain", ESCAPES],
        ["rules", "lint", ESCAPES],
        ["bundle", ESCAPES],
        ["libs", ESCAPES],
        ["diff", ESCAPES, ESCAPES],
        ["run", "--" + ESCAPES, "--", "true"],
        ["run", ESCAPES],
        ["events", "--dir", "/" + ESCAPES],
    ],
)
def test_nothing_acts_on_the_terminal(say, firstfix, words):
    done = subprocess.run([firstfix, *words], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said), said
    assert not said.startswith("firstfix: all is well") and "\nfirstfix: all is well" not in said


def test_documents_do_not_act_on_the_terminal(say, tmp_path):
    (tmp_path / "x.json").write_text('{"schema": "\\u001b[31m\\u009b2J"}')
    (tmp_path / "bad.lua").write_text("rule { id = '\x1b[31m', }\nerror('\x1b]0;x\x07')")
    for words in (["diff", tmp_path / "x.json", tmp_path / "x.json"], ["incident", "--from", tmp_path / "x.json"],
                  ["explain", "--facts", tmp_path / "x.json", os.devnull], ["rules", "lint", tmp_path / "bad.lua"]):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", say(*words))


def test_an_answer_keeps_the_mode_of_its_file(say, tmp_path):
    out = tmp_path / "out"
    out.write_text("")
    for mode in (0o600, 0o640, 0o664):
        out.chmod(mode)
        say("report", "--only", "os", "-o", out, code=0)
        assert out.stat().st_mode & 0o777 == mode and out.read_text()
    before = os.umask(0o077)
    try:
        say("report", "--only", "os", "-o", tmp_path / "new", code=0)
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_a_broken_rule_is_said(say, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "mine.lua").write_text("""rule {
  id = "mine.broken", title = "It is broken", signatures = {x = [[frobnicated]]},
  why = {"w"}, fixes = {{code = true, say = "Mend it."}}, doc = {looks = "l", check = "c"},
  when = function(f, log) return nil .. "x" end,
}
""")
    (tmp_path / "log").write_text("RuntimeError: the pump was frobnicated\n")
    for form in ((), ("--markdown",), ("--json",)):
        said = say("explain", "--no-facts", "--rules", rules, tmp_path / "log", *form, code=1)
        assert "mine.lua" in said and "concatenate" in said, said


def test_a_file_of_rules_that_cannot_be_read_costs_no_diagnosis(firstfix, tmp_path):
    """Where every diagnosis looks for rules; a folder that was asked for is an error."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/mine.lua").write_text('rule { id = "x"\n')
    (tmp_path / "log").write_text("OSError: [Errno 28] No space left on device\n")
    env = {**os.environ, "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": "", "FIRSTFIX_DIR": str(tmp_path / "state")}
    env["FIRSTFIX_RULES"] = str(tmp_path / "rules")
    worker = ["sh", "-c", f"cat {tmp_path}/log >&2; exit 3"]
    for words in (["explain", "--no-facts", tmp_path / "log"], ["run", "--report", "off", "--", *worker]):
        done = subprocess.run([firstfix, *words], env=env, capture_output=True, text=True, check=False)
        assert "disk.full" in done.stdout + done.stderr and "mine.lua" in done.stdout + done.stderr, done
    words = ["explain", "--no-facts", "--rules", tmp_path / "rules", tmp_path / "log"]
    assert subprocess.run([firstfix, *words], env=env, capture_output=True, check=False).returncode == 2
