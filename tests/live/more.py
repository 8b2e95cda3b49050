"""Machines drawn when the rules were made already: what people meet in practice, over all families of intentions."""
from machines import Case

SKEW = "pip.conflict hf.version-conflict pip.broken-install"


# ---- releases that do not fit ----

def generated_code_of_an_older_protobuf(m):
    m.venv("tensorboardX==2.4 protobuf==5.29.5 numpy==1.26.4 six packaging")
    return Case("python -c 'import tensorboardX'", SKEW + " hf.tokenizer-dep", predicted=False)


def toolbelt_under_urllib3_2(m):
    m.venv("requests_toolbelt==0.10.1 requests==2.31.0 urllib3==2.2.3")
    return Case("python -c 'import requests_toolbelt'", SKEW, predicted=False)


def jinja_under_a_newer_markupsafe(m):
    m.venv("flask==1.1.4 markupsafe==2.1.5")
    return Case("python -c 'import flask'", SKEW, predicted=False)


def flask_under_werkzeug_3(m):
    m.venv("flask==2.2.2 werkzeug==3.0.6")
    return Case("python -c 'import flask'", SKEW, predicted=False)


def settings_that_pydantic_moved(m):
    m.venv("pydantic==2.9.2")
    m.write("conf.py", "from pydantic import BaseSettings\nclass S(BaseSettings):\n    port: int = 1\nprint(S())\n")
    return Case(
        "python conf.py",
        SKEW + " pip.module-missing app.bug",
        predicted=False,
        accept="pip install .*pydantic-settings",
    )


def alias_that_numpy_removed(m):
    m.venv("numpy==1.26.4")
    m.write("old.py", "import numpy as np\nprint(np.zeros(3, dtype=np.float))\n")
    return Case("python old.py", SKEW + " numpy.abi app.bug", predicted=False)


def tokenizer_of_a_later_release(m):
    m.venv("transformers==4.44.2 tokenizers==0.19.1 numpy==1.26.4 'huggingface-hub<1'")
    m.write("m/config.json", '{"model_type": "bert"}')
    m.write("m/tokenizer_config.json", '{"tokenizer_class": "PreTrainedTokenizerFast"}')
    m.write("m/tokenizer.json", '{"version": "1.0", "added_tokens": [], '
            '"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}')
    m.write("serve.py", "from transformers import AutoTokenizer\nprint(AutoTokenizer.from_pretrained('./m')('ab'))\n")
    return Case("python serve.py", "hf.tokenizer-too-new " + SKEW, predicted=False)


def template_without_jinja(m):
    m.clone("hf")
    m.sh("python -m pip uninstall -q -y jinja2")
    m.write(
        "serve.py",
        "from transformers import PreTrainedTokenizerFast as T\nfrom tokenizers import Tokenizer, models\nt ="
        " T(tokenizer_object=Tokenizer(models.WordLevel({'a': 0}, unk_token='a')))\nt.chat_template = '{{"
        " messages[0].content }}'\nprint(t.apply_chat_template([{'role': 'user', 'content': 'a'}]))\n",
    )
    return Case("python serve.py", "pip.module-missing " + SKEW, predicted=False)


# ---- the same with torch ----

def peft_of_a_later_transformers(m):
    m.clone("torch")
    m.pip("--no-deps peft==0.18.0 accelerate==1.1.1")
    return Case("python -c 'import peft'", SKEW, predicted=False)


def trl_of_an_older_transformers(m):
    m.clone("torch")
    m.pip("--no-deps trl==0.7.11 accelerate==1.1.1")
    m.pip("'datasets<3' tyro")
    return Case("python -c 'from trl import PPOTrainer'", SKEW, predicted=False)


def accelerate_too_old_for_device_map(m):
    m.clone("torch")
    m.pip("--no-deps accelerate==0.20.3")
    m.write(
        "serve.py",
        "from transformers import BertConfig, BertModel\nBertModel(BertConfig(vocab_size=99, hidden_size=64,"
        " num_hidden_layers=1, num_attention_heads=4,"
        " intermediate_size=64)).save_pretrained('m')\nBertModel.from_pretrained('m', device_map='cpu')\n",
    )
    return Case("python serve.py", "accelerate.missing " + SKEW, predicted=False)


def sentences_under_a_newer_hub(m):
    m.clone("torch")
    m.pip("--no-deps sentence-transformers==2.2.2")
    m.pip("scikit-learn nltk sentencepiece tqdm 'numpy==1.26.4'")
    return Case("python -c 'import sentence_transformers'", SKEW, predicted=False)


# ---- variables, files, limits, ports ----

def home_of_another_python(m):
    m.venv()
    m.env["PYTHONHOME"] = "/opt/python3.8"
    return Case(
        "python -c 'print(1)'",
        "sys.python-version python.venv-dead env.variable-ignored pip.broken-install",
        predicted=False,
    )


def environment_that_was_moved(m):
    m.venv("uvicorn==0.30.6")
    m.sh("mv venv moved")
    m.env |= {"VIRTUAL_ENV": f"{m.folder}/moved", "PATH": m.env["PATH"].replace("/venv/bin", "/moved/bin")}
    return Case("uvicorn --version", "python.venv-dead", predicted=False)


def files_may_not_grow(m):
    m.venv()
    m.env["BASH_ENV"] = f"{m.folder}/limits"
    m.write("limits", "[ -n \"$LIMITED\" ] || ulimit -S -f 64\nexport LIMITED=1\n")
    m.write("serve.py", "open('weights', 'wb').write(b'x' * 1000000)\nprint('saved')\n")
    return Case("python serve.py", "sys.ulimit", predicted=False)


def port_of_another_server(m):
    m.venv("uvicorn==0.30.6")
    m.write("app.py", "async def app(scope, receive, send): pass\n")
    m.write(
        "serve.sh",
        "python -m http.server 18123 --bind 127.0.0.1 >/dev/null 2>&1 &\nsleep 2\ntimeout 10 uvicorn app:app --port"
        " 18123\nrc=$?\nkill $! 2>/dev/null\nexit $rc\n",
    )
    return Case("bash serve.sh", "sys.port-in-use", accept=r"18123|--port", predicted=False)


SCENARIOS = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == __name__]
