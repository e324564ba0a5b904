#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what ggml makes of blocks of every type that Gradus reads.

    make_gguf_blocks.py LIBGGML-BASE.so gguf_blocks.json

libggml-base.so is in the npm package @node-llama-cpp/linux-x64 (3.22.1 was used), below
bins/linux-x64. Bytes are random but for scales, which are sensible numbers and a few edges.
"""
import ctypes
import json
import random
import struct
import sys

# name: values, bytes, where half-precision scales lie
TYPES = {
    "q4_0": (32, 18, [0]),
    "q4_1": (32, 20, [0, 2]),
    "q5_0": (32, 22, [0]),
    "q5_1": (32, 24, [0, 2]),
    "q8_0": (32, 34, [0]),
    "q2_K": (256, 84, [80, 82]),
    "q3_K": (256, 110, [108]),
    "q4_K": (256, 144, [0, 2]),
    "q5_K": (256, 176, [0, 2]),
    "q6_K": (256, 210, [208]),
    "iq4_nl": (32, 18, [0]),
    "iq4_xs": (256, 136, [0]),
    "tq1_0": (256, 54, [52]),
    "tq2_0": (256, 66, [64]),
    "mxfp4": (32, 17, []),
    "nvfp4": (64, 36, []),
    "q1_0": (128, 18, [0]),
    "q2_0": (64, 18, [0]),
}
HALVES = [0.0123, -1.5, 6e-8, 300.0]  # one is subnormal
EDGES = {"mxfp4": [0, 1, 120, 127, 140], "nvfp4": [0, 1, 7, 8, 56, 0x7E, 0x7F, 120]}


def main():
    library = ctypes.CDLL(sys.argv[1])

    class Parameters(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("none", ctypes.c_bool)]

    library.ggml_init.argtypes = [Parameters]
    library.ggml_init.restype = ctypes.c_void_p
    library.ggml_init(Parameters(1 << 16, None, True))  # fills the table of halves

    source = random.Random(6)
    out = {}
    for name, (values, size, halves) in TYPES.items():
        count = 2 if values == 256 else 4
        blocks = bytearray(source.randbytes(size * count))
        for b in range(count):
            for i, at in enumerate(halves):
                blocks[b * size + at : b * size + at + 2] = struct.pack("<e", HALVES[(b + i) % 4])
            if name == "mxfp4":
                blocks[b * size] = EDGES[name][b]
            if name == "nvfp4":
                for i in range(4):
                    blocks[b * size + i] = EDGES[name][(4 * b + i) % 8]
        decode = getattr(library, "dequantize_row_" + name)
        decode.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_float), ctypes.c_int64]
        decoded = (ctypes.c_float * (values * count))()
        decode(bytes(blocks), decoded, values * count)
        out[name.upper()] = {"blocks": blocks.hex(), "values": bytes(decoded).hex()}
    with open(sys.argv[2], "w", encoding="ascii") as file:
        json.dump(out, file, indent=0)
        file.write("\n")


main()
