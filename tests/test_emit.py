"""What the emit room prints: golden pages of documents in tests/emit, and that no document can forge a line.

FIRSTFIX_BLESS=1 writes the pages anew; read the difference before committing it.
"""
import json
import os
import pathlib
import re
import subprocess
import unicodedata

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent / "emit"
DOCUMENTS = sorted(FOLDER.glob("*.json"))
# name of the page -> format, style, columns
PAGES = {
    "txt": ("text", "utf8", 80),
    "ascii.txt": ("text", "ascii", 60),
    "verbose.txt": ("text", "verbose", 100),
    "brief.txt": ("text", "brief", 80),
    "md": ("markdown", "utf8", 80),
}


@pytest.fixture(scope="session")
def render(build):
    def run(path, form, style, columns):
        done = subprocess.run(
            [build / "tests/emit-oracle", form, style, str(columns), path], capture_output=True, timeout=20
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode("utf-8")
    return run


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.stem)
def test_golden(render, document, page):
    text = render(document, *PAGES[page])
    golden = document.with_suffix("." + page)
    if os.environ.get("FIRSTFIX_BLESS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.stem)
@pytest.mark.parametrize("page", PAGES)
def test_nothing_acts_on_a_terminal(render, document, page):
    form, style, columns = PAGES[page]
    for c in render(document, form, style, columns):
        assert c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs"), hex(ord(c))
        assert style != "ascii" or ord(c) < 128


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.stem)
def test_json_is_one_ascii_document(render, document):
    text = render(document, "json", "utf8", 80)
    assert text.endswith("}\n") and text.isascii() and "\x1b" not in text
    assert json.loads(text) == json.loads(document.read_text(encoding="utf-8"))
    assert next(iter(json.loads(text))) == "schema"


SEED_LINES = """\
✅ PyTorch Version: 2.3.1+cu121
✅ PyTorch CUDA Compiled: 12.1
✅ CUDA Available: True
✅ CUDA Version (PyTorch): 12.1
✅ CUDA Runtime Version: 12.
✅ cuDNN Version: 90100
✅ Number of GPUs: 1
🎮 GPU: NVIDIA GeForce RTX 5090
💾 VRAM Total: 31.4 GB
💾 VRAM Free: 31.3 GB
Compute Capability: 12.0
📊 Multi-processor count: 170
📊 Max threads per block: 1024
✅ BitsAndBytes version: 0.42.0
📦 BitsAndBytes location: /usr/local/lib/python3.10/dist-packages/bitsandbytes
🔧 BNB_CUDA_VERSION env: 121
✅ CUDA library loaded: libbitsandbytes_cuda121.so
✅ Binary name: libbitsandbytes_cuda121.so
Linear4bit import: 
quantize_4bit import: 
✅ Transformers version: 4.45.0
📦 Transformers location: /usr/local/lib/python3.10/dist-packages/transformers
BitsAndBytes integration import: 
BitsAndBytes backend validation: 
BitsAndBytesConfig import: 
🐍 Python version: 3.10.12
🖥️  Platform: Linux-5.15.0-1057-nvidia-x86_64
🖥️  Machine: x86_64
🖥️  Processor: 
   CUDA_HOME: /usr/local/cuda
   CUDA_PATH: /usr/local/cuda
   LD_LIBRARY_PATH: /usr/local/nvidia/lib:/usr/local/nvidia/lib64:/usr/local/cuda/lib64
   BNB_CUDA_VERSION: 121
   PYTORCH_CUDA_ALLOC_CONF: expandable_segments:True
   HF_HOME: /runpod-volume/huggingface
   TRANSFORMERS_CACHE: /runpod-volume/huggingface
""".splitlines()


def test_every_line_of_the_seed(render):
    text = render(FOLDER / "seed.json", "text", "utf8", 100)
    missing = [line for line in SEED_LINES if line not in text]
    assert not missing
    # what the worker's log could not show: the worker was doomed
    assert "❌ Compute Capability: 12.0 (torch 2.3.1+cu121 has no code for it)" in text


def test_a_fact_forges_no_line(render):
    """Every line that begins like a judgement comes from a label of ours."""
    text = render(FOLDER / "hostile.json", "text", "utf8", 40)
    lines = text.splitlines()
    assert not [l for l in lines if l.startswith("✅ CUDA Available: True") or l.startswith("✅ PyTorch Version: 9")]
    for line in lines:
        assert re.match(r"^($|[-=]{10,}|\S|   )", line), line


def test_markdown_is_inert(render):
    text = render(FOLDER / "hostile.json", "markdown", "utf8", 80)
    outside = re.sub(r"(`+)(?:(?!\1).)+?\1", "", text)
    assert "<script" not in outside and "@everyone" not in outside
    for row in (l for l in text.splitlines() if l.startswith("| ")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 4, row


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.stem)
def test_markdown_tables_have_heads(render, document):
    lines = render(document, "markdown", "utf8", 80).splitlines()
    heads = [above for above, line in zip(lines, lines[1:]) if line == "|-|-|-|"]
    assert heads == ["| | What | Value |"] * len(heads)
    assert bool(heads) == any(line.startswith("| ") for line in lines)


def test_a_brief_report_says_where_it_runs(render):
    """What decides whether a worker starts: Python, platform, memory, the leading variables; not every variable and
    disk.
    """
    full, brief = (render(FOLDER / "seed.json", "text", style, 80) for style in ("utf8", "brief"))
    for label in ("Python version", "Platform", "CUDA_HOME", "LD_LIBRARY_PATH", "BNB_CUDA_VERSION"):
        assert re.search(rf"^.*{label}: ", brief, re.M), label
    assert "Disk:" not in brief and "Processor:" not in brief and len(brief.splitlines()) < len(full.splitlines())


def test_secrets_do_not_come_through(render, tmp_path):
    token = "hf" + "_" + "aBcDeFgHiJ" * 3 + "aBcD"
    document = json.loads((FOLDER / "seed.json").read_text(encoding="utf-8"))
    document["env"]["HF_TOKEN"] = token
    document["env"]["NOTE"] = "uses " + token
    document["errors"].append({"probe": "x", "kind": "error", "text": "GET https://u:hunter2hunter2@host/ " + token})
    path = tmp_path / "doc.json"
    path.write_text(json.dumps(document))
    for form in ("text", "markdown", "json"):
        for style in ("verbose", "ascii"):
            out = render(path, form, style, 80)
            assert token not in out and "hunter2" not in out
    assert "HF_TOKEN: set (masked, 37 characters)" in render(path, "text", "utf8", 80)


def test_a_diagnosis_fits_one_screen(render):
    text = render(FOLDER / "bnb.json", "text", "utf8", 80)
    fix = text.index("export BNB_CUDA_VERSION=121")
    assert text[:fix].count("\n") < 24
    for line in (
        "Looked for: libbitsandbytes_cuda128.so",
        "Not set: BNB_CUDA_VERSION",
        "Fix to try first: Set BNB_CUDA_VERSION",
    ):
        assert line in text
