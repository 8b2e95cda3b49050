#!/usr/bin/env python3
"""Write the seeds of fuzz_ring: changes to a lane, as tests/fuzz/fuzz_ring.c reads them. Offsets are those of
src/ring/format.h.
"""

import pathlib
import struct

RAW, HEADER, RECORDS = 1, 2, 4
DATA = 0xA000  # where block 0 begins in a lane of 4 blocks with 4 KiB pages

def change(offset, data):
    return struct.pack(">I", offset)[1:] + bytes([len(data)]) + data

SEEDS = {
    "unchanged": bytes([0]),
    "raw-magic": bytes([RAW]) + b"FFLANE1\n",
    "later-major": bytes([HEADER]) + change(12, b"\x02\x00"),
    "many-blocks": bytes([HEADER]) + change(48, struct.pack("<II", 4096, 64)),
    "huge-keys": bytes([HEADER]) + change(56, struct.pack("<II", 0x400, 0xFFFF)),
    "data-past-end": bytes([HEADER]) + change(32, struct.pack("<Q", 1 << 40)),
    "laps": bytes([0])
    + b"".join(change(1024 + 64 * i, struct.pack("<QQ", (7 - i) << 32 | 0x10000, 5 << 40)) for i in range(4)),
    "alloc-past-end": bytes([0]) + change(1024, struct.pack("<Q", 0xFFFFFFFF)),
    "record-length": bytes([RECORDS]) + change(DATA + 4, b"\xff\xff"),
    "field-count": bytes([RECORDS]) + change(DATA + 24 + 20, b"\xff"),
    "field-length": bytes([RECORDS]) + change(DATA + 24 + 24 + 4, b"\xff\xff\xff\xff"),
    "field-type": bytes([RECORDS]) + change(DATA + 24 + 24 + 2, b"\x09"),
    "bad-utf8-key": bytes([0]) + change(0x400 + 4 * 64 + 6 * 64, b"\x05\x00\xff\xfe\xed\xa0\x80"),
    "name-length": bytes([0]) + change(0x400 + 4 * 64, b"\xff\xff"),
    "clock": bytes([HEADER]) + change(144, b"\xff" * 48),
}

if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent / "seeds" / "ring"
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)
