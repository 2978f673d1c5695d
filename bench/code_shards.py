#!/usr/bin/env python3
"""Makes shards of codes of no meaning, to see what a pooled training needs for many of them.

code_shards.py FOLDER SITES SHARDS [SAMPLES]   SHARDS files a site, all links to one, of SAMPLES (80) pairs of 12 x 12 codes
"""
import json
import os
import struct
import sys

GRID, CHANNELS = 12, 128


def shard(samples):
    size = samples * CHANNELS * GRID * GRID * 2
    codes = bytearray(os.urandom(size))
    codes[1::2] = bytes(byte & 0x83 | 0x38 for byte in codes[1::2])  # halves from 0.5 to 2, either sign
    numbers = struct.pack(f"<{samples}q", *range(samples)) + bytes(8 * samples)
    shape = [samples, CHANNELS, GRID, GRID]
    header = {"__metadata__": {"kind": "cloister-codes", "version": "1"},
              "image_codes": {"dtype": "F16", "shape": shape, "data_offsets": [0, size]},
              "mask_codes": {"dtype": "F16", "shape": shape, "data_offsets": [size, 2 * size]},
              "slice": {"dtype": "I64", "shape": [samples], "data_offsets": [2 * size, 2 * size + 8 * samples]},
              "view": {"dtype": "I64", "shape": [samples], "data_offsets": [2 * size + 8 * samples, 2 * size + 16 * samples]}}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + codes + codes + numbers


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    folder, sites, shards = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    content = shard(int(sys.argv[4]) if len(sys.argv) == 5 else 80)
    for site in range(sites):
        place = os.path.join(folder, f"site-{site}")
        os.makedirs(place)
        first = os.path.join(place, "000000.safetensors")
        with open(first, "wb") as file:
            file.write(content)
        for number in range(1, shards):
            os.link(first, os.path.join(place, f"{number:06}.safetensors"))


main()
