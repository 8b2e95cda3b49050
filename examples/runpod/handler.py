"""A RunPod serverless worker that classifies text, diagnosed by firstfix.

    firstfix run -- python handler.py                                  # in the container: ENTRYPOINT
    python handler.py --test_input '{"input": {"text": "hello"}}'      # runpod's local test mode

MODEL names the model; with a GPU it is loaded in 4 bits with bitsandbytes, without one as it is.
"""
import os

import firstfix

firstfix.install()  # not needed under `firstfix run`; before the first import of torch

import runpod  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

MODEL = os.environ.get("MODEL", "mistralai/Mixtral-8x7B-Instruct-v0.1")


def load():
    """Model and tokenizer; what was loaded, or why it failed, is printed and recorded without a line here."""
    options = {}
    if torch.cuda.is_available():
        from transformers import BitsAndBytesConfig

        options = {"quantization_config": BitsAndBytesConfig(load_in_4bit=True), "device_map": "auto"}
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    return AutoModelForCausalLM.from_pretrained(MODEL, **options), tokenizer


model, tokenizer = load()


def handler(job):
    """One job: {"input": {"text": ..., "max_new_tokens": ...}}."""
    asked = job["input"]
    tokens = tokenizer(asked["text"], return_tensors="pt").to(model.device)
    made = model.generate(**tokens, max_new_tokens=int(asked.get("max_new_tokens", 16)), do_sample=False)
    request = firstfix.current_request()
    if request is not None:
        request.tokens(input=tokens["input_ids"].shape[1], output=made.shape[1] - tokens["input_ids"].shape[1])
    return {"text": tokenizer.decode(made[0], skip_special_tokens=True)}


runpod.serverless.start({"handler": handler})
