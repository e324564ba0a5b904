#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts the golden vectors of GPTQ and compressed-tensors packing down for the repository.

    trim_packing_golden.py FULL.json packing_golden.json

Dequantized weights are left out but for the first four outputs: they follow from codes, zeros,
scales and g_idx.
"""
import json
import sys

full = json.load(open(sys.argv[1]))
for case in full["gptq"]:
    case["dequant_out_in"] = case["dequant_out_in"][:4]
with open(sys.argv[2], "w") as out:
    json.dump(full, out, separators=(",", ":"), sort_keys=True)
    out.write("\n")
