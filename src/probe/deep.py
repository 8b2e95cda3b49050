# One step of `firstfix check --deep`, run by the worker's own interpreter: python -c <this> STEP
# Exit 0: it works; 77: there is nothing to try here (the last line says why); anything else, a crash or a hang: it does
# not.
import sys


def skip(why):
    print(why)
    sys.exit(77)


def need(*names):
    from importlib.util import find_spec
    for name in names:
        if find_spec(name) is None:
            skip(name + " is not installed")


def cuda():
    need("torch")
    import torch
    if torch.version.cuda is None and torch.version.hip is None:
        skip("torch " + torch.__version__ + " is a CPU build")
    torch.cuda.init()
    return torch


def import_torch():
    need("torch")
    import torch
    print("torch", torch.__version__, "CUDA", torch.version.cuda)


def cuda_init():
    torch = cuda()
    print(torch.cuda.device_count(), "GPUs")


def product():
    torch = cuda()
    for i in range(torch.cuda.device_count()):
        a = torch.ones(256, 256, device="cuda:%d" % i)
        got = (a @ a).sum().item()
        if got != 256.0 ** 3:
            raise RuntimeError("GPU %d computed %r instead of %r" % (i, got, 256.0 ** 3))
        print("GPU", i, torch.cuda.get_device_name(i), "computes")


def bitsandbytes_import():
    need("torch", "bitsandbytes")
    import bitsandbytes
    from bitsandbytes.functional import quantize_4bit
    from bitsandbytes.nn import Linear4bit
    print("bitsandbytes", getattr(bitsandbytes, "__version__", ""), quantize_4bit.__name__, Linear4bit.__name__)


def quantize():
    need("torch", "bitsandbytes")
    torch = cuda()
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit
    a = torch.linspace(-1, 1, 4096, device="cuda").reshape(64, 64).half()
    packed, state = quantize_4bit(a, quant_type="nf4")
    off = (dequantize_4bit(packed, state) - a).abs().max().item()
    if not off < 0.2:
        raise RuntimeError("quantize_4bit is off by %r" % off)
    print("quantized to 4 bits, off by at most %.3f" % off)


def linear4bit():
    need("torch", "bitsandbytes")
    torch = cuda()
    from bitsandbytes.nn import Linear4bit
    layer = Linear4bit(64, 64, compute_dtype=torch.float16).cuda()
    out = layer(torch.ones(2, 64, device="cuda", dtype=torch.float16))
    if not torch.isfinite(out).all().item():
        raise RuntimeError("Linear4bit computed a number that is not finite")
    print("Linear4bit computes")


def transformers_config():
    need("torch", "transformers", "bitsandbytes")
    from transformers import BitsAndBytesConfig
    print("BitsAndBytesConfig:", BitsAndBytesConfig(load_in_4bit=True).quantization_method())


def transformers_backend():
    need("torch", "transformers", "bitsandbytes", "accelerate")
    cuda()
    try:
        from transformers.integrations.bitsandbytes import validate_bnb_backend_availability as validate
    except ImportError:
        skip("this transformers has no check of its backends")
    validate(raise_exception=True)
    print("the backend is accepted")


STEPS = {
    "import-torch": import_torch,
    "cuda-init": cuda_init,
    "product-on-every-gpu": product,
    "bitsandbytes-import": bitsandbytes_import,
    "quantize-4bit": quantize,
    "linear4bit": linear4bit,
    "transformers-config": transformers_config,
    "transformers-backend": transformers_backend,
}
STEPS[sys.argv[1]]()
