"""firstfix rules, playbook, diff and check as a user meets them."""
import json
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
GOOD = (
    'rule {id = "site.quota", title = "the quota is used up", signatures = {q = [[quota of (?<user>\\w+) exceeded]]}, '
    'why = "The quota of {user} is used up.", confidence = 0.9, fixes = {{free = "disk", say = "Ask for more."}}}\n'
)
CASE = """== log a quota
RuntimeError: quota of alice exceeded
== expect
{"cause": "site.quota", "fix": "disk", "why": "alice"}
== log another quota
RuntimeError: quota of bob not exceeded
== expect
{"cause": "none"}
== log the quota again, by the rules that saw it before
RuntimeError: quota of carol exceeded
== expect
{"cause": "site.quota", "why": "carol"}
"""


def run(firstfix, *arguments):
    return subprocess.run([firstfix, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_rules_are_listed_with_their_place(firstfix):
    rules = json.loads(run(firstfix, "rules", "list", "--json").stdout)["rules"]
    found = [r for r in rules if r["id"] == "bnb.binary-missing"]
    assert found and found[0]["file"] == "rules/bnb.lua" and found[0]["check"] and found[0]["signatures"] > 5
    line = (TOP / "rules/bnb.lua").read_text().splitlines()[found[0]["line"]]
    assert "bnb.binary-missing" in line


def test_a_folder_of_rules_is_checked_tested_and_used(firstfix, tmp_path):
    (tmp_path / "site.lua").write_text(GOOD)
    (tmp_path / "site.case").write_text(CASE)
    assert run(firstfix, "rules", "lint", tmp_path / "site.lua").returncode == 0
    tested = run(firstfix, "rules", "test", tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert tested.stdout.count("site.case") == 3
    page = run(firstfix, "playbook", "site.quota", "--rules", tmp_path).stdout
    assert "the quota is used up" in page and "quota of <user> exceeded" in page and "Ask for more." in page
    (tmp_path / "site.case").write_text(CASE.replace('"fix": "disk"', '"fix": "wait"'))
    failed = run(firstfix, "rules", "test", tmp_path)
    assert failed.returncode == 1 and "the first fix is disk, not wait" in " ".join(failed.stdout.split())


@pytest.mark.parametrize(
    "text, message",
    [
        ("rule {\n", "bad.lua:2"),
        ("\nrule {id = 'x.y', confidance = 1}", "bad.lua:2: rule 'x.y': there is no field 'confidance'"),
        ("rule {id = 'x.y', title = 't', signatures = {a = [[(]]}, why = ''}", "pattern 'a'"),
        ("rule {id = 'x.y', title = 't', signatures = {a = [[a*]]}, why = ''}", "it matches an empty line"),
        ("rule {id = 'x.y', signatures = {a = [[b]]}, why = ''}", "give it a 'title'"),
        (
            (
                "rule {id = 'x.y', title = 't', signatures = {a = [[b]]}, why = '', fixes = {{code = true, kind ="
                " 'magic', say = ''}}}"
            ),
            "no kind of fix",
        ),
        (
            (
                "rule {id = 'x.y', title = 't', signatures = {a = [[b]]}, why = '',\n fixes = {{code = true, say = '',"
                " command = 'true'}}}"
            ),
            "bad.lua:1: rule 'x.y': a fix holds no command: say what must become true, with one of: install, ",
        ),
        (
            (
                "rule {id = 'x.y', title = 't', signatures = {a = [[b]]}, why = '',\n fixes = {{code = true, say = 'Run"
                " `pip install x`.'}}}"
            ),
            "'say' holds a shell's text",
        ),
        (
            "rule {id = 'x.y', title = 't', signatures = {a = [[b]]}, why = '', fixes = {{kind = 'os', say = ''}}}",
            "a fix needs 'say' and one of: install, ",
        ),
        ("local p = any{}", "bad.lua:1: bad argument #1 to 'any' (a list of patterns expected)"),
        ("local p = any{[[a]], 2}", "bad.lua:1: any: pattern 2 is not a text"),
        ("rule {id = 'x.y', title = 't', signatures = {a = any{[[a]], [[b*]]}}, why = ''}", "it matches an empty line"),
        ("local f = io.open('/etc/passwd')", "'io' is not defined"),
        ("os.execute('true')", "'os' is not defined"),
        ("require('x')", "'require' is not defined"),
        ("load('x')", "'load' is not defined"),
        ("leak = 1", "write 'local leak'"),
        ("while true do end", "too many steps"),
        ("local t = {} for i = 1, 1e9 do t[i] = {i} end", "too much memory"),
        ("local s = ('x'):rep(1 << 40)", "bad.lua:1"),
        ("local s = ('a'):rep(100000) while true do s:match[[(a+)+$b]] end", "too many steps"),
        ("local s = ('a'):rep(60) while true do s:match[[^(a|a)+\\d$]] end", "too many steps"),
        ("\x1bLua\x54\x00", "bad.lua"),
    ],
)
def test_a_bad_rule_is_refused_with_its_place(firstfix, tmp_path, text, message):
    (tmp_path / "bad.lua").write_text(text)
    (tmp_path / "log").write_text("nothing\n")
    for arguments in (
        ("rules", "lint", tmp_path / "bad.lua"),
        ("explain", "--no-facts", "--rules", tmp_path, tmp_path / "log"),
    ):
        refused = run(firstfix, *arguments)
        assert refused.returncode == 2, refused.stdout
        assert message in refused.stderr and refused.stdout == ""


def test_no_pattern_is_named_like_what_log_has(firstfix, tmp_path):
    methods = re.findall(r"^function methods\.(\w+)", (TOP / "src/diagnose/prelude.lua").read_text(), re.M)
    assert {"setting", "serving", "fatal"} <= set(methods)
    for name in methods:
        for field in ("signatures = {%s = [[b]]}", "signatures = {a = [[b]]}, context = {%s = [[c]]}"):
            (tmp_path / "bad.lua").write_text("rule {id = 'x.y', title = 't', why = 'w', " + field % name + "}")
            refused = run(firstfix, "rules", "lint", tmp_path / "bad.lua")
            assert refused.returncode == 2 and f"pattern '{name}': log.{name} is something else" in refused.stderr, name


def test_a_rule_that_fails_while_it_runs_is_left_out_and_named(firstfix, tmp_path):
    body = "{id = 'site.%s', title = 't', signatures = {a = [[boom]]}, when = function(f, log) %s end}\n"
    (tmp_path / "r.lua").write_text(
        "".join(
            "rule " + body % pair
            for pair in (
                ("loops", "while true do end"),
                ("eats", "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) end"),
                ("raises", "error('no')"),
                ("shells", "return {confidence = 0.9, why = 'w', fixes = {{code = true, say = 's', command = 'c'}}}"),
                ("intends", "return {confidence = 0.9, why = 'w', fixes = {{kind = 'os', say = 's'}}}"),
                ("answers", "return {confidence = 0.9, why = 'fine'}"),
            )
        )
    )
    (tmp_path / "log").write_text("RuntimeError: boom\n")
    answer = json.loads(run(firstfix, "explain", "--no-facts", "--json", "--rules", tmp_path, tmp_path / "log").stdout)
    assert sorted(d["cause"] for d in answer["diagnoses"]) == ["site.answers", "site.intends", "site.shells"]
    assert [d["fixes"] for d in answer["diagnoses"]] == [[], [], []]
    broken = " ".join(answer["broken_rules"])
    assert "rule 'site.shells': a fix of 'code' has no field 'command'" in broken
    assert "rule 'site.intends': a fix needs 'say' and one of: install, " in broken
    assert len(answer["broken_rules"]) == 5 and all("r.lua:" in text for text in answer["broken_rules"])


def test_a_page_for_every_cause(firstfix):
    pages = json.loads(run(firstfix, "playbook", "--json").stdout)["playbook"]
    causes = [
        line.split("\t")[0] for line in (TOP / "rules/causes.tsv").read_text().splitlines() if line and line[0] != "#"
    ]
    assert {p["cause"] for p in pages} >= set(causes) - {"none"}
    assert all(p["title"] and (p["fixes"] or p["cause"] == "stopped.outside") for p in pages), [
        p["cause"] for p in pages if not p["fixes"]
    ]
    looks = "\n".join(json.dumps(p) for p in pages)
    assert "<code_name>" not in looks and "cudaErrorIllegalAddress" in looks
    unknown = run(firstfix, "playbook", "no.such")
    assert unknown.returncode == 2 and "no.such" in unknown.stderr


def test_doc_causes_is_current(firstfix):
    made = subprocess.run([TOP / "tools/causes-doc", firstfix], capture_output=True, text=True, check=True).stdout
    assert made == (TOP / "doc/causes.md").read_text(), "run tools/causes-doc > doc/causes.md"


FACTS = {"schema": "firstfix.facts/1", "env": {"BNB_CUDA_VERSION": "121"}, "driver": {"version": "570.86.10"},
         "torch": {"version": "2.3.1+cu121", "cuda": "12.1", "archs": ["sm_90"]}, "system": {"memory": {"free": 1}},
         "gpus": [{"index": 0, "name": "NVIDIA GeForce RTX 5090", "compute_capability": "12.0"}]}


def test_diff_ranks_what_the_diagnosis_rests_on(firstfix, tmp_path):
    after = json.loads(json.dumps(FACTS))
    after["torch"]["version"] = "2.6.0+cu124"
    after["driver"]["version"] = "575.57.08"
    after["system"]["memory"]["free"] = 2
    del after["env"]["BNB_CUDA_VERSION"]
    for name, facts in (("a", FACTS), ("b", after)):
        (tmp_path / name).write_text(json.dumps(facts))
    changed = run(firstfix, "diff", "--json", tmp_path / "a", tmp_path / "b")
    assert changed.returncode == 1
    paths = [c["path"] for c in json.loads(changed.stdout)["changed"]]
    assert set(paths) == {"torch.version", "driver.version", "env.BNB_CUDA_VERSION"} and paths[0] == "torch.version"
    text = run(firstfix, "diff", tmp_path / "a", tmp_path / "b").stdout
    assert "torch.version: 2.3.1+cu121 -> 2.6.0+cu124" in text and "121 -> not there" in text
    assert run(firstfix, "diff", tmp_path / "a", tmp_path / "a").returncode == 0
    assert run(firstfix, "diff", tmp_path / "a", tmp_path / "missing").returncode == 2


def test_diff_with_the_last_good_start(firstfix, tmp_path):
    (tmp_path / "good.json").write_text(json.dumps(FACTS))
    (tmp_path / "now.json").write_text(json.dumps({**FACTS, "driver": {"version": "580.65.06"}}))
    state = tmp_path / "state"
    none = run(firstfix, "diff", "--dir", state, "last-good", tmp_path / "now.json")
    assert none.returncode == 2 and none.stderr
    stored = run(
        firstfix,
        "incident",
        "--good-start",
        tmp_path / "good.json",
        "--command-key",
        "0123456789abcdef",
        "--dir",
        state,
    )
    assert stored.returncode == 0, stored.stderr
    changed = run(firstfix, "diff", "--json", "--dir", state, "last-good", tmp_path / "now.json")
    assert [c["path"] for c in json.loads(changed.stdout)["changed"]] == ["driver.version"], changed.stderr


def test_check_says_what_it_looked_at_and_narrows(firstfix, tmp_path):
    (tmp_path / "f").write_text(json.dumps(FACTS))
    bad = run(firstfix, "check", "--json", "--facts", tmp_path / "f")
    assert bad.returncode == 1 and json.loads(bad.stdout)["diagnoses"][0]["cause"] == "torch.no-kernel-image"
    for engine in ("vllm", "sglang", "transformers"):
        assert run(firstfix, "check", "--facts", tmp_path / "f", "--for", engine).returncode == 1
    serving = {**FACTS, "python": {"packages": {"sglang": {"version": "0.5.3"}}}}
    (tmp_path / "g").write_text(json.dumps(serving))
    seen = [json.loads(run(firstfix, "check", "--json", "--facts", tmp_path / name, "--for", "sglang").stdout)
            ["looked_at"] for name in "fg"]
    assert "no sglang seen" in seen[0] and "sglang 0.5.3" in seen[1]
    other = run(firstfix, "check", "--json", "--facts", tmp_path / "f", "--for", "llama.cpp")
    assert other.returncode == 0 and "driver 570.86.10" in json.loads(other.stdout)["looked_at"]
    for wrong in (
        ("--for", "excel"),
        ("--facts", tmp_path / "f", "--root", tmp_path),
        ("--deep", "--facts", tmp_path / "f"),
        ("--facts", tmp_path / "missing"),
    ):
        assert run(firstfix, "check", *wrong).returncode == 2


def test_every_file_of_rules_is_built_in():
    built = set(re.findall(r"^  '(\w+)',$", (TOP / "src/diagnose/meson.build").read_text(), re.M))
    assert {path.stem for path in TOP.glob("rules/*.lua")} <= built


def test_every_setting_that_a_rule_names_is_in_its_table():
    """A `when` that no case runs would break at run time only, and its rule be left out."""
    data = TOP / "rules/data"

    def names(table):
        rows = [line for line in (data / table).read_text().splitlines() if line and not line.startswith("#")]
        return {row.split("\t")[0] for row in rows[1:]}

    tables = {"flag": names("engine_flags.tsv"), "container": names("container_flags.tsv")}
    missing = []
    for path in (TOP / "rules").glob("*.lua"):
        text = path.read_text()
        for found in re.finditer(r'[{,\s](flag|container) = "([a-z][\w.-]*)"(?![^{}]*\b(?:spelled|stated) = )', text):
            if found[2] not in tables[found[1]]:
                missing.append(f"{path.name}:{text.count(chr(10), 0, found.start()) + 1}: {found[1]} {found[2]}")
    assert missing == []
