#!/usr/bin/env python3
"""How long one volume takes through the real processes, against the computing in it.

predict_bench.py DEMO_OUT BIN [ROUNDS]   DEMO_OUT: what `cloister demo --out` left; BIN: folder of the programs

Starts coordinator, trainer and agents of a finished demo on this machine again, makes a volume of 256 x 256 x 12 of the image
that the demo predicted, and runs `cloister predict` on it. The first round loads the networks and is left out. "computing": what the
three workers (encode, network, decode) say that they took, from the daemons' logs of the same round.
"""
import glob
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SIDE, SLICES = 256, 12


def volume(source, target):
    """The image, cut or padded to 256 x 256 and its slices repeated to 12: a NIfTI-1 file's bytes, whatever its voxels are."""
    data = gzip.open(source).read()
    dims = struct.unpack("<8h", data[40:56])
    width = struct.unpack("<h", data[72:74])[0] // 8
    start = int(struct.unpack("<f", data[108:112])[0])
    columns, rows, slices = dims[1], dims[2], dims[3]
    head = bytearray(data[:start])
    head[40:56] = struct.pack("<8h", 3, SIDE, SIDE, SLICES, 1, 1, 1, 1)
    body = bytearray()
    for z in range(SLICES):
        for y in range(SIDE):
            row = bytearray(SIDE * width)
            from_y, from_x = y - (SIDE - rows) // 2, (columns - SIDE) // 2
            if 0 <= from_y < rows:
                at = start + ((z % slices) * rows + from_y) * columns * width
                line = data[at:at + columns * width]
                if from_x >= 0:
                    row = bytearray(line[from_x * width:(from_x + SIDE) * width])
                else:
                    row[-from_x * width:-from_x * width + len(line)] = line
            body += row
    with gzip.open(target, "wb") as file:
        file.write(bytes(head) + bytes(body))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    out, programs = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) == 4 else 7
    site = os.path.basename(sorted(glob.glob(f"{out}/predictions/*-new.nii.gz"))[0])[:-len("-new.nii.gz")]
    data = json.load(open(f"{out}/demo.json"))["arguments"].get("data") or f"{out}/data"
    homes = [("cloister-coordinator", f"{out}/homes/consortium/coordinator/coordinator.toml"),
             ("cloister-trainer", f"{out}/homes/consortium/trainer/trainer.toml"),
             *(("cloister-agent", config) for config in sorted(glob.glob(f"{out}/homes/sites/*/agent.toml")))]
    with tempfile.TemporaryDirectory() as scratch:
        image, mask = f"{scratch}/volume.nii.gz", f"{scratch}/mask.nii.gz"
        sources = sorted(glob.glob(os.path.join(data, site, "imagesTs", "*.nii.gz")))
        volume(sources[0], image)
        processes, logs = [], []
        try:
            for number, (name, config) in enumerate(homes):
                logs.append(f"{scratch}/{number}.log")
                processes.append(subprocess.Popen([f"{programs}/{name}", "--config", config, "--log", "json"],
                                                  stderr=open(logs[-1], "w")))
            walls, computed = [], []
            for number in range(rounds + 1):
                before = [open(log).read().count('"worker.finished"') for log in logs]
                command = [f"{programs}/cloister", "predict", image, "-o", mask, "--agent", f"{out}/homes/sites/{site}", "--json"]
                for _ in range(60):
                    started = time.monotonic()
                    run = subprocess.run(command, capture_output=True, text=True)
                    wall = time.monotonic() - started
                    if run.returncode == 0:
                        break
                    time.sleep(1)
                else:
                    sys.exit(run.stdout + run.stderr)
                said = []
                for log, had in zip(logs, before):
                    lines = [line for line in open(log) if '"worker.finished"' in line][had:]
                    said += [float(json.loads(line)["seconds"]) for line in lines]
                if number > 0:
                    walls.append(wall)
                    computed.append(sum(said))
            ratios = [wall / alone for wall, alone in zip(walls, computed)]
            print(f"{rounds} predictions of {SIDE} x {SIDE} x {SLICES}: median {statistics.median(walls):.2f} s by the wall clock, "
                  f"{statistics.median(computed):.2f} s of it computing, ratio {statistics.median(ratios):.2f}")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


main()
