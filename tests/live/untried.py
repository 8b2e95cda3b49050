"""Machines that were broken in ways which no rule was written for: they tell how often a first fix works at all."""
from machines import Case

SKEW = "pip.conflict hf.version-conflict pip.broken-install numpy.abi"


# ---- releases that do not fit ----

def typer_under_a_newer_click(m):
    m.venv("typer==0.9.0 click==8.2.1")
    m.write("app.py", "import typer\ndef main(port: int = typer.Option(1, help='where')):\n    print(port)\n"
            "typer.run(main)\n")
    return Case("python app.py --help", SKEW, predicted=False)


def environs_under_a_newer_marshmallow(m):
    m.venv("environs==9.5.0 marshmallow==4.0.0")
    return Case("python -c 'import environs'", SKEW, predicted=False)


def datasets_under_a_newer_pyarrow(m):
    m.venv("datasets==2.13.2 pyarrow==21.0.0 'numpy<2' 'huggingface_hub<1'")
    return Case("python -c 'import datasets'", SKEW, predicted=False)


def scipy_of_numpy_1(m):
    m.venv("scipy==1.11.4 numpy==1.26.4")
    m.pip("--no-deps numpy==2.2.6")
    return Case("python -c 'import scipy.integrate, scipy.stats'", SKEW)


def code_of_an_older_openai(m):
    m.venv("openai==1.59.9 'httpx<0.28'")
    m.write("ask.py", "import openai\nopenai.api_base = 'http://127.0.0.1:9'\nopenai.api_key = 'x'\ntry:\n"
            "    openai.ChatCompletion.create(model='m', messages=[])\nexcept OSError:\n    pass\n"
            "except Exception as e:\n    if 'onnection' not in type(e).__name__:\n        raise\n")
    return Case("python ask.py", SKEW + " app.bug", predicted=False)


def ciphers_that_urllib3_removed(m):
    m.venv("requests==2.31.0 urllib3==2.2.3")
    m.write("get.py", "import requests\nrequests.packages.urllib3.util.ssl_.DEFAULT_CIPHERS += ':HIGH'\n")
    return Case("python get.py", SKEW + " app.bug", predicted=False)


def pickled_weights_under_an_older_torch(m):
    m.clone("torch")
    m.pip("--no-deps transformers==4.52.4 tokenizers==0.21.1 huggingface-hub==0.32.4")
    m.pip("hf-xet")
    m.write("make.py", "from transformers import BertConfig, BertModel\nBertModel(BertConfig(vocab_size=99, "
            "hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64))"
            ".save_pretrained('m', safe_serialization=False)\n")
    m.sh("python make.py")
    m.write("serve.py", "from transformers import BertModel\nprint(BertModel.from_pretrained('./m'))\n")
    return Case("python serve.py", SKEW + " torch.too-old torch.weights-only", accept=r"torch(>=|==)2\.[6-9]",
                predicted=False)


def picture_without_pillow(m):
    m.clone("hf")
    m.write("serve.py", "from transformers import ViTImageProcessor\nprint(ViTImageProcessor())\n")
    return Case("python serve.py", "pip.module-missing", predicted=False)


# ---- files ----

def module_cut_short(m):
    m.venv("httpx==0.27.2")
    path = m.site() / "httpx/_client.py"
    m.cut(path, path.stat().st_size // 2)
    return Case("python -c 'import httpx'", "pip.broken-install")


def module_of_zeros(m):
    m.venv("httpx==0.27.2")
    path = m.site() / "httpx/_models.py"
    path.write_bytes(bytes(path.stat().st_size))
    return Case("python -c 'import httpx'", "pip.broken-install")


def metadata_gone(m):
    m.clone("hf")
    m.sh("rm -r venv/lib/python3*/site-packages/tqdm-*.dist-info")
    return Case("python -c 'import transformers; transformers.AutoTokenizer'", "pip.broken-install pip.module-missing",
                predicted=False)


# ---- variables ----

def certificates_that_are_gone(m):
    m.venv("requests==2.32.3")
    m.env["REQUESTS_CA_BUNDLE"] = "/etc/ssl/gone.pem"
    m.write("get.py", "import requests\ntry:\n    requests.get('https://127.0.0.1:9')\n"
            "except requests.ConnectionError:\n    print('asked')\n")
    return Case("python get.py", "hf.offline env.variable-ignored", predicted=False)


def warnings_are_errors(m):
    m.venv("'setuptools==75.8.0'")
    m.env["PYTHONWARNINGS"] = "error"
    m.write("old.py", "import pkg_resources\nprint('up')\n")
    return Case("python old.py", "env.variable-ignored app.bug", predicted=False)


def timeout_that_is_no_number(m):
    m.clone("hf")
    m.env["HF_HUB_ETAG_TIMEOUT"] = "30s"
    return Case("python -c 'import huggingface_hub.file_download'", "env.variable-ignored app.bug", predicted=False)


def logs_that_torch_does_not_know(m):
    m.clone("torch")
    m.env["TORCH_LOGS"] = "everything"
    return Case("python -c 'import torch; import torch._dynamo'", "env.variable-ignored", predicted=False)


def backend_of_a_notebook(m):
    m.venv("matplotlib==3.9.4 numpy==1.26.4")
    m.env["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    return Case("python -c 'import matplotlib.pyplot as p; p.figure()'", "pip.module-missing env.variable-ignored",
                predicted=False)


def terminal_of_plain_letters(m):
    m.venv()
    m.env["PYTHONIOENCODING"] = "ascii"
    m.write("serve.py", "print('caf\\u00e9')\n")
    return Case("python serve.py", "env.variable-ignored app.bug", predicted=False)


def command_outside_of_the_path(m):
    m.venv("uvicorn==0.30.6")
    m.env["PATH"] = m.env["PATH"].split(":", 1)[1]
    del m.env["VIRTUAL_ENV"]
    return Case("cd . && uvicorn --version", "pip.module-missing", predicted=False)


def bounds_that_say_the_same(m):
    m.venv("fastapi==0.95.0")
    m.pip("--no-deps pydantic==2.9.2 pydantic-core==2.23.4 annotated-types")
    return Case("python -c 'import fastapi'", "pip.conflict", predicted=False)


def toolbelt_that_must_move_along(m):
    m.venv("requests==2.32.3 urllib3==2.2.3")
    m.pip("--no-deps requests_toolbelt==0.9.1")
    return Case("python -c 'import requests_toolbelt'", "pip.conflict", predicted=False)


def mirror_without_its_scheme(m):
    m.venv("requests==2.32.3")
    m.env["HF_ENDPOINT"] = "127.0.0.1:9"
    m.write("get.py", "import os, requests\ntry:\n    requests.get(os.environ['HF_ENDPOINT'] + '/api/models')\n"
            "except requests.ConnectionError:\n    print('asked')\n")
    return Case("python get.py", "env.variable-ignored", predicted=False)


SCENARIOS = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == __name__]
