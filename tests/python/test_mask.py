"""What the package prints by itself is masked and cleaned as what the program prints: by the same table and the same
code.
"""

import json
import pathlib
import sys

import pytest

from python_worker import hooks, worker  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import secret_lines  # noqa: E402


def masked(worker, lines, tmp_path, **env):  # noqa: F811
    path = tmp_path / "lines.json"
    path.write_text(json.dumps(lines))
    done = worker.run(
        "import json, sys\nfrom firstfix._mask import mask\nprint(json.dumps([mask(line) for line in"
        " json.load(open(sys.argv[1]))]))",
        path,
        **env,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_secret_that_the_program_knows(worker, tmp_path, seed):  # noqa: F811
    rows = secret_lines.secrets(seed)
    out = masked(worker, [f"mark {line} end\nanother line" for _, line, _ in rows], tmp_path)
    assert [(label, part) for (label, _, parts), text in zip(rows, out) for part in parts if part in text] == []
    assert all("[masked:" in text and text.endswith("\nanother line") for text in out)


def test_harmless_lines_stay_what_they_are(worker, tmp_path):  # noqa: F811
    lines = secret_lines.harmless(1, 1000)
    assert sum(a != b for a, b in zip(lines, masked(worker, lines, tmp_path))) <= 10


def test_values_of_variables_and_odd_text(worker, tmp_path):  # noqa: F811
    lines = [
        "it said hunter2-hunter2 twice hunter2-hunter2",
        "x" * 200_000 + " token=abc",
        "\ud800 lone",
        "a\r\nb\x00c",
        "",
    ]
    out = masked(worker, lines, tmp_path, ACME_PASSWORD="hunter2-hunter2", MAX_TOKENS="hunter2-")
    assert (
        out[0] == "it said [masked:env:15] twice [masked:env:15]"
        and out[1].startswith("[masked:unchecked:")
        and out[2:] == lines[2:]
    )


def test_nothing_that_we_print_acts_on_a_terminal(worker):  # noqa: F811
    """Where the program cannot be had, the block is the package's own."""
    done = worker.run(
        "import firstfix\nwith firstfix.request(): raise ValueError('a\\x1b]0;title\\x07b \\u202e hf_"
        + "aB3" * 12
        + "')",
        FIRSTFIX_PROGRAM="/nosuch",
    )
    assert "\x1b" not in done.stderr.split("Traceback")[0] and "REQUEST FAILED" in done.stderr
    ours = done.stderr[:done.stderr.index("firstfix: no diagnosis")]
    assert "\\x1b]0;title" in ours and "\\u202e" in ours and "aB3aB3" not in ours and "[masked:hf:39]" in ours, ours
