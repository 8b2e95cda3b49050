"""What a start-up will ask for and did not find, where files alone tell it beforehand."""

from machines import Case

APPLICATION = "async def app(scope, receive, send):\n    pass\n"


def started(line, seconds=6):
    """The command that fails where the server does not live so long."""
    return f"timeout {seconds} {line}; [ $? = 124 ]"


def workers_in_words(m):
    m.venv("uvicorn==0.34.0")
    m.write("app.py", APPLICATION)
    m.env["WEB_CONCURRENCY"] = "auto"
    return Case(started("uvicorn app:app --host 127.0.0.1 --port 18741"), "env.variable-ignored")


def class_of_workers(m):
    m.venv("gunicorn==23.0.0")
    m.write("app.py", APPLICATION)
    m.write("start.sh", "exec gunicorn -k uvicorn.workers.UvicornWorker -b 127.0.0.1:18742 app:app\n")
    return Case(started("bash start.sh", 8), "pip.module-missing")


def loop_of_another_package(m):
    m.venv("uvicorn==0.34.0")
    m.write("app.py", APPLICATION)
    m.write("run.sh", "exec uvicorn app:app --loop uvloop --host 127.0.0.1 --port 18743\n")
    return Case(started("bash run.sh"), "pip.module-missing")


def key_that_is_not_mounted(m):
    m.venv("uvicorn==0.34.0")
    m.write("app.py", APPLICATION)
    m.write("start.sh", "exec uvicorn app:app --port 18744 --ssl-keyfile /nowhere/key.pem --ssl-certfile cert.pem\n")
    return Case(started("bash start.sh"), "engine.arg-invalid", accept="^$")


def workers_of_an_object(m):
    m.venv("uvicorn==0.34.0")
    m.write("main.py", f'import uvicorn\n\n\n{APPLICATION}\n\nif __name__ == "__main__":\n'
            '    uvicorn.run(app, host="127.0.0.1", port=18745, workers=2)\n')
    return Case(started("python main.py"), "engine.arg-invalid", accept="main:app")


def forms(m):
    m.venv("fastapi==0.115.12")
    m.write("main.py", "from fastapi import FastAPI, Form\napp = FastAPI()\n\n\n@app.post('/x')\n"
            "async def x(name: str = Form()):\n    return name\n")
    return Case("python main.py", "pip.module-missing")


def record_without_modules(m):
    m.venv("einops==0.8.0")
    m.sh(f"rm -r '{m.site()}/einops'")
    m.write("app.py", "import einops\nprint(einops.rearrange)\n")
    return Case("python app.py", "pip.broken-install")


def backport_that_hides_python(m):
    m.venv("pydantic==2.10.6")
    m.pip(f"--no-deps --target '{m.folder}/vendor' typing==3.7.4.3")
    m.write("app.py", "import pydantic\nprint(pydantic.BaseModel)\n")
    m.env["PYTHONPATH"] = f"{m.folder}/vendor"
    return Case("python app.py", "pip.conflict")


def code_of_a_newer_grpc(m):
    m.venv("grpcio-tools==1.68.1")
    m.write("svc.proto", 'syntax = "proto3";\nmessage A { string x = 1; }\nservice S { rpc Do(A) returns (A); }\n')
    m.sh("python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. svc.proto")
    m.sh("python -m pip uninstall -q -y grpcio-tools")
    m.pip("grpcio==1.62.3")
    m.write("serve.py", "import svc_pb2_grpc\nprint(svc_pb2_grpc.SStub)\n")
    return Case("python serve.py", "pip.conflict")


def wheel_for_musl(m):
    m.venv("safetensors==0.5.3")
    m.sh("python -m pip uninstall -q -y safetensors")
    m.pip("--no-deps --platform musllinux_1_2_x86_64 --only-binary=:all: "
          f"--target '{m.site()}' safetensors==0.5.3")
    return Case("python -c 'import safetensors; print(safetensors)'", "sys.arch")


def token_in_a_folder(m):
    m.clone("hf")
    m.sh("mkdir secret")
    m.env |= {"HF_TOKEN_PATH": f"{m.folder}/secret", "HF_ENDPOINT": "http://127.0.0.1:9"}
    return Case("python -c 'from huggingface_hub import get_token; print(get_token())'", "env.variable-ignored")


def file_of_a_newer_onnx(m):
    m.venv("onnx==1.17.0 onnxruntime==1.15.1 numpy==1.26.4")
    m.write("make.py", "import onnx\nfrom onnx import TensorProto as T, helper as h\n"
            "x, y = (h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy')\n"
            "g = h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', [x], [y])\n"
            "onnx.save(h.make_model(g, opset_imports=[h.make_opsetid('', 17)], ir_version=10), 'model.onnx')\n")
    m.sh("python make.py && rm make.py")
    m.write("serve.py", "import onnxruntime\nprint(onnxruntime.InferenceSession('model.onnx', "
            "providers=['CPUExecutionProvider']))\n")
    return Case("python serve.py", "engine.plugin-skew")


def port_of_a_variable(m):
    m.venv("uvicorn==0.34.0")
    m.write("server.py", APPLICATION)
    m.write("start.sh", "exec uvicorn server:app --host 127.0.0.1 --port ${PORT:-18746}\n")
    m.sh("python -m http.server 18746 --bind 127.0.0.1 >/dev/null 2>&1 & sleep 2")
    return Case(started("bash start.sh"), "sys.port-in-use", after="sleep 1; " + started("bash start.sh"))


SCENARIOS = [f for f in list(globals().values()) if callable(f) and f.__name__ not in ("Case", "started")]
