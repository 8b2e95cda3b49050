"""A worker to look at: it loads a model that is none, answers requests of many lengths, keeps a little of each, and
fails now and then. Its requests and phases are recorded as those of any worker; the GPU is a stand-in that plays GPUS.

    tools/demo        # starts it under firstfix, with the page at http://127.0.0.1:9464/
"""

import json
import os
import random
import threading
import time

import firstfix
from firstfix import _ring

MIB = 1 << 20
WEIGHTS, RESERVE, OF_A_REQUEST = 14200 * MIB, 1400 * MIB, 900 * MIB
# What torch says where a prompt needs more than the GPU has left.
OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 16.00 GiB. GPU 0 has a total capacity of 31.84 GiB of which 13.91 GiB is"
    " free. Of the allocated memory 15.62 GiB is allocated by PyTorch, and 1.37 GiB is reserved by PyTorch but"
    " unallocated."
)
SCENARIO = os.environ["GPUS"]
lock = threading.Lock()
held = {"weights": 0, "requests": 0, "kept": 0}


def show_gpu():
    """What the stand-in driver and the allocator say from now on."""
    with open(SCENARIO) as file:
        scenario = json.load(file)
    with lock:
        allocated = held["weights"] + held["requests"] * OF_A_REQUEST + held["kept"]
        busy = held["requests"]
    reserved = allocated + RESERVE if allocated else 0
    gpu = scenario["gpus"][0]
    gpu["memory"]["used"] = 560 * MIB + reserved
    gpu["utilization"]["gpu"] = min(99, 30 * busy)
    gpu["temperature_c"] = 38 + 9 * min(4, busy)
    gpu["power_w"] = 60.0 + 95 * min(4, busy)
    gpu["processes"] = [{"pid": os.getpid(), "name": "python3", "used": reserved}] if reserved else []
    with open(SCENARIO + ".new", "w") as file:
        json.dump(scenario, file)
    os.replace(SCENARIO + ".new", SCENARIO)
    _ring.event(_ring.MEMORY, {"firstfix.gpu.index": 0, "firstfix.gpu.memory.allocated": allocated,
                               "firstfix.gpu.memory.reserved": reserved})


def change(key, by):
    with lock:
        held[key] += by


def answer(number):
    change("requests", 1)
    try:
        with firstfix.request(id=f"demo-{number}", model="demo/seven-billion") as request:
            time.sleep(random.lognormvariate(-0.7, 0.6) * (1 + 0.3 * held["requests"]))
            request.tokens(input=random.randint(20, 900), output=random.randint(5, 300))
            if number % 61 == 60:
                raise ValueError(f"prompt of request {number} is longer than the model's context")
            if number % 97 == 96:
                raise RuntimeError(OUT_OF_MEMORY)
    except (ValueError, RuntimeError):
        pass
    finally:
        change("requests", -1)
        change("kept", 2 * MIB)


def main():
    show_gpu()
    with firstfix.model_load("demo/seven-billion"):
        for _ in range(8):
            time.sleep(0.5)
            change("weights", WEIGHTS // 8)
            show_gpu()
    number = 0
    while True:
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            number += 1
            threading.Thread(target=answer, args=(number,), daemon=True).start()
        time.sleep(0.7)
        show_gpu()


if __name__ == "__main__":
    main()
