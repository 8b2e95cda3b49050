"""A small text service on vLLM's offline engine: one line for the engine, one for each request.

    firstfix run -- python serve.py --model Qwen/Qwen2.5-0.5B-Instruct    # prompts on stdin, answers on stdout

The engine runs in processes of its own (vLLM's V1: EngineCore and workers). Their loads and failures are recorded
there, and when one of them dies, this process is told of what. For the HTTP server nothing is written:
firstfix run -- vllm serve MODEL.
"""

import argparse
import sys

import firstfix

firstfix.install()  # not needed under `firstfix run`; before the first import of vllm

from vllm import LLM, SamplingParams  # noqa: E402


@firstfix.request
def answer(engine, text, max_tokens):
    """What the model says to one prompt."""
    made, = engine.generate([text], SamplingParams(max_tokens=max_tokens, temperature=0), use_tqdm=False)
    firstfix.current_request().tokens(input=len(made.prompt_token_ids), output=len(made.outputs[0].token_ids))
    return made.outputs[0].text


def main():
    """Options of vLLM's engine that a small machine wants to set, then prompts until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--max-model-len", type=int)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.9)
    parser.add_argument("--enforce-eager", action="store_true")
    asked = vars(parser.parse_args())
    max_tokens = asked.pop("max_tokens")
    engine = LLM(**asked)
    for line in sys.stdin:
        print(answer(engine, line.rstrip("\n"), max_tokens), flush=True)


if __name__ == "__main__":  # the engine's processes import this file again
    main()
