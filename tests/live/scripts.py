"""Machines whose scripts ask for what is not there: a name, a program, an application, a port, a file's mode."""
from machines import Case

ASGI = "async def app(scope, receive, send):\n    pass\n"
LOADS = "from transformers import AutoConfig, AutoTokenizer\nprint(AutoConfig.from_pretrained('./models/tiny-chat'))\n"


def folder_with_a_letter_left_out(m):
    m.clone("hf")
    m.write("models/tiny-chat/config.json", '{"model_type": "bert", "architectures": ["BertModel"]}')
    m.write("serve.py", LOADS.replace("tiny-chat", "tiny-cht"))
    return Case("python serve.py", "hf.not-found")


def tokenizer_left_out(m):
    m.clone("hf")
    m.write("m/config.json", '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    m.write("m/.git/config", '[remote "origin"]\n\turl = https://huggingface.co/team/tiny\n')
    m.write("serve.py", "from transformers import AutoTokenizer\nprint(AutoTokenizer.from_pretrained('./m'))\n")
    return Case("python serve.py", "hf.incomplete hf.tokenizer-dep",
                accept="hf download team/tiny|huggingface-cli download team")


def application_by_another_name(m):
    m.venv("uvicorn==0.30.6")
    m.write("main.py", ASGI)
    m.write("start.sh", "timeout 3 uvicorn main:ap --port 18131 || [ $? = 124 ]\n")
    return Case("bash start.sh", "engine.arg-invalid app.bug")


def server_that_is_not_installed(m):
    m.venv("flask==3.0.3")
    m.write("web.py", "from flask import Flask\napp = Flask(__name__)\n")
    m.write("run.sh", "exec gunicorn --check-config web:app\n")
    return Case("bash run.sh", "pip.module-missing")


def command_by_its_old_name(m):
    m.venv("'huggingface_hub==1.3.0' click")
    m.write("entrypoint.sh", "set -e\nhuggingface-cli version\n")
    return Case("bash entrypoint.sh", "hf.version-conflict")


def port_of_a_metrics_server(m):
    m.venv()
    m.write("metrics.py", "from http.server import HTTPServer, BaseHTTPRequestHandler as H\nHTTPServer(('127.0.0.1', "
            "18132), H)\nprint('up')\n")
    m.sh("python -m http.server 18132 --bind 127.0.0.1 >/dev/null 2>&1 & echo $! >pid; sleep 2")
    return Case("python metrics.py", "sys.port-in-use", after="sleep 1; python metrics.py")


def line_ends_of_windows(m):
    m.venv()
    m.write("start.sh", "#!/usr/bin/env bash\r\necho up\r\n")
    m.sh("chmod +x start.sh")
    return Case("./start.sh", "container.entrypoint-broken")


def mode_bits_that_were_lost(m):
    m.venv()
    m.write("start.sh", "#!/bin/sh\necho up\n")
    return Case("./start.sh", "container.entrypoint-broken", predicted=False)


def seed_that_is_no_number(m):
    m.venv()
    m.env["PYTHONHASHSEED"] = "-1"
    return Case("python -c 'print(1)'", "env.variable-ignored")


def own_folder_of_a_packages_name(m):
    m.venv("evaluate==0.4.3 'datasets==2.20.0' 'pyarrow==15.0.2' numpy==1.26.4 'huggingface_hub<1'")
    m.write("evaluate/__init__.py", "WEIGHTS = [1]\n")
    m.write("score.py", "from evaluate import EvaluationModule\nprint(EvaluationModule)\n")
    return Case("python score.py", "pip.broken-install app.bug")


SCENARIOS = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == __name__]
