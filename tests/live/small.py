"""Machines of small packages: what decides is the installer, the bounds, the copy that is imported, a file or a
variable.
"""

from machines import Case

TOKENIZER = "from transformers import AutoTokenizer\nprint(AutoTokenizer.from_pretrained('./m')('a b'))\n"
HUB = "from transformers import AutoConfig\nprint(AutoConfig.from_pretrained('team/tiny'))\n"


def tokenizer(m):
    """The folder m: a tokenizer of eight words, as files."""
    m.write("m/config.json", '{"model_type": "bert", "architectures": ["BertModel"], "transformers_version": "4.46.3"}')
    words = '{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "b": 6}'
    m.write(
        "m/tokenizer.json",
        '{"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", '
        f'"vocab": {words}, "unk_token": "[UNK]"}}}}',
    )
    m.write("m/tokenizer_config.json", '{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}')
    m.write("serve.py", TOKENIZER)


# ---- installers ----

def missing_module(m):
    m.venv()
    return Case("python -c 'import einops'", "pip.module-missing", predicted=False)


def missing_in_a_folder_with_a_space(m):
    m.venv(name="my venv")
    return Case("python -c 'import humanize'", "pip.module-missing", predicted=False)


def missing_without_pip(m):
    m.venv(pip=False)
    return Case("python -c 'import einops'", "pip.module-missing", predicted=False)


def missing_with_uv(m):
    m.venv("uv", name="tools")
    tools = m.env["PATH"].split(":")[0]
    m.venv(pip=False)
    m.sh(f"mkdir bin && ln -s '{tools}/uv' bin/uv && echo 'uv = 0.9.0' >>venv/pyvenv.cfg")
    m.env["PATH"] = f"{m.folder}/venv/bin:{m.folder}/bin:/usr/bin:/bin"
    return Case("python -c 'import einops'", "pip.module-missing", predicted=False)


def other_name_than_its_module(m):
    m.venv()
    return Case("python -c 'import yaml'", "pip.module-missing", predicted=False)


def script_imports_what_is_missing(m):
    m.venv()
    m.write("app.py", "import os\nimport fastapi\nprint(fastapi.__version__)\n")
    return Case("python app.py", "pip.module-missing")


# ---- releases that do not fit ----

def too_old_for_another(m):
    m.clone("hf")
    m.pip("--no-deps tokenizers==0.19.1")
    return Case("python -c 'from transformers import AutoTokenizer'", "hf.version-conflict pip.conflict")


def hub_of_the_next_major(m):
    m.clone("hf")
    m.pip("huggingface_hub==1.3.0")
    return Case("python -c 'import transformers; transformers.AutoTokenizer'", "hf.version-conflict pip.conflict")


def removed_name_within_bounds(m):
    m.clone("hf")
    m.pip("huggingface-hub==0.26.5")
    return Case("python -c 'from huggingface_hub import cached_download'", "hf.version-conflict", predicted=False)


def typing_extensions_too_old(m):
    m.venv("pydantic==2.9.2")
    m.pip("--no-deps typing_extensions==4.5.0")
    return Case("python -c 'from pydantic import BaseModel'", "pip.conflict", predicted=False)


def numba_under_a_newer_numpy(m):
    m.venv("numba==0.59.1 numpy==1.26.4")
    m.pip("--no-deps numpy==2.2.6")
    return Case("python -c 'import numba'", "pip.conflict numpy.abi")


def pandas_built_for_numpy_1(m):
    m.venv("pandas==2.0.3 numpy==1.26.4")
    m.pip("--no-deps numpy==2.2.6")
    return Case("python -c 'import pandas'", "numpy.abi pip.conflict", predicted=False)


def client_of_a_newer_httpx(m):
    m.venv("openai==1.40.0 httpx==0.28.1")
    return Case(
        """python -c 'import openai; openai.OpenAI(api_key="x")'""", "pip.conflict hf.version-conflict", predicted=False
    )


def constant_that_pillow_removed(m):
    m.venv("pillow==10.4.0")
    return Case(
        "python -c 'from PIL import Image; print(Image.ANTIALIAS)'", "pip.conflict hf.version-conflict", predicted=False
    )


def setuptools_without_pkg_resources(m):
    m.venv()
    m.pip("-U 'setuptools>=82'")
    return Case("python -c 'import pkg_resources'", "pip.module-missing pip.conflict", predicted=False)


# ---- copies and files ----

def old_copy_on_pythonpath(m):
    m.clone("hf")
    m.pip("--no-deps --target old tokenizers==0.15.2")
    m.env["PYTHONPATH"] = f"{m.folder}/old"
    return Case("python -c 'from transformers import AutoTokenizer'", "pip.conflict hf.version-conflict")


def compiled_part_gone(m):
    m.venv("safetensors==0.4.5")
    m.sh("rm venv/lib/python3*/site-packages/safetensors/*.so")
    return Case("python -c 'import safetensors'", "pip.broken-install")


def compiled_part_cut(m):
    m.venv("tokenizers==0.20.3")
    m.cut(next(m.site().glob("tokenizers/*.so")), 3000000)
    return Case("python -c 'import tokenizers'", "pip.broken-install")


def own_file_hides_a_package(m):
    m.clone("hf")
    m.write("tokenizers.py", "print('my tokenizers')\n")
    m.write("main.py", "from transformers import AutoTokenizer\nprint(AutoTokenizer)\n")
    return Case("python main.py", "pip.broken-install app.bug pip.conflict")


def own_file_hides_a_part_of_python(m):
    m.clone("hf")
    m.write("random.py", "print('my dice')\n")
    m.write("main.py", "import numpy\nprint(numpy.random.default_rng(1).random())\n")
    return Case("python main.py", "pip.broken-install app.bug pip.conflict")


def interpreter_of_the_environment_gone(m):
    m.clone("hf")
    m.sh("rm venv/bin/python venv/bin/python3 venv/bin/python3.* && ln -s /opt/gone/python3 venv/bin/python3")
    m.env["PATH"] = m.env["PATH"].split(":", 1)[1]
    return Case("python3 -c 'import transformers'", "python.venv-dead pip.module-missing",
                after="venv/bin/python3 -c 'import transformers'")


# ---- models ----

def pointer_for_a_tokenizer(m):
    m.clone("hf")
    tokenizer(m)
    m.write("m/tokenizer.json", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 17209920\n")
    return Case("python serve.py", "hf.incomplete", accept=r"git .*lfs pull|--force-download")


def empty_config(m):
    m.clone("hf")
    tokenizer(m)
    m.write("m/config.json", "")
    return Case("python -c 'from transformers import AutoConfig; AutoConfig.from_pretrained(\"./m\")'", "hf.incomplete",
                accept=r"(?:rm|mv) .*config\.json|--force-download")


def tokenizer_cut_short(m):
    m.clone("hf")
    tokenizer(m)
    m.cut(m.folder / "m/tokenizer.json", 150)
    return Case("python serve.py", "hf.incomplete", accept=r"(?:rm|mv) .*tokenizer\.json|--force-download")


def type_of_a_later_transformers(m):
    m.clone("hf")
    m.write(
        "m/config.json",
        '{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "transformers_version": "4.51.0"}',
    )
    m.write("serve.py", "from transformers import AutoConfig\nprint(AutoConfig.from_pretrained('./m'))\n")
    return Case("python serve.py", "hf.model-too-new")


def code_of_its_own(m):
    m.clone("hf")
    m.write("m/config.json", '{"model_type": "mine", "auto_map": {"AutoConfig": "conf.MyConfig"}}')
    m.write(
        "m/conf.py",
        "from transformers import PretrainedConfig\nclass MyConfig(PretrainedConfig):\n    model_type = 'mine'\n",
    )
    m.write("serve.py", "from transformers import AutoConfig\nprint(AutoConfig.from_pretrained('./m'))\n")
    return Case("python serve.py", "hf.trust-remote-code", accept="trust_remote_code=True")


def sentencepiece_for_a_slow_tokenizer(m):
    m.clone("hf")
    m.write("m/config.json", '{"model_type": "t5", "architectures": ["T5Model"]}')
    m.write("m/tokenizer_config.json", '{"tokenizer_class": "T5Tokenizer", "legacy": false}')
    m.write("m/spiece.model", "x")
    m.write("serve.py", TOKENIZER)
    return Case("python serve.py", "hf.tokenizer-dep", accept="pip install .*sentencepiece")


# ---- the way to the hub ----

def offline_without_the_model(m):
    m.clone("hf")
    m.env |= {"HF_HUB_OFFLINE": "1", "HF_HOME": f"{m.folder}/hf"}
    m.write("serve.py", HUB)
    return Case("python serve.py", "hf.offline", accept="unset .*HF_HUB_OFFLINE")


def proxy_that_is_gone(m):
    m.clone("hf")
    m.env["ALL_PROXY"] = "http://127.0.0.1:9"
    m.write("serve.py", HUB)
    return Case("python serve.py", "hf.offline", accept="unset .*ALL_PROXY")


def mirror_that_is_gone(m):
    m.clone("hf")
    m.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    m.write("serve.py", HUB)
    return Case("python serve.py", "hf.offline", accept="unset .*HF_ENDPOINT")


# ---- limits ----

def next_to_no_open_files(m):
    m.venv()
    m.sh("true")
    m.env["BASH_ENV"] = f"{m.folder}/limits"
    m.write("limits", "[ -n \"$LIMITED\" ] || ulimit -S -n 40\nexport LIMITED=1\n")
    m.write("serve.py", "f = [open('/dev/null') for i in range(200)]\nprint(len(f))\n")
    return Case("python serve.py", "sys.ulimit")


SCENARIOS = [
    f
    for f in list(globals().values())
    if callable(f) and getattr(f, "__module__", "") == __name__ and f is not tokenizer
]
