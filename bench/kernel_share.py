#!/usr/bin/env python3
"""The part of the time in which a GPU ran a kernel or a copy, from traces that networks_bench wrote.

    bench/kernel_share.py TRACE.json...

From the first kernel's start to the last one's end. Kernels that overlap count once.
"""
import json
import pathlib
import sys

GPU = ("kernel", "gpu_memcpy", "gpu_memset")


def busy(spans):
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total, end - min(start for start, _ in spans)


def main():
    for name in sys.argv[1:]:
        events = json.loads(pathlib.Path(name).read_text(encoding="utf-8"))["traceEvents"]
        spans = [(e["ts"], e["ts"] + e["dur"]) for e in events if e.get("cat") in GPU and "dur" in e]
        if not spans:
            sys.exit(f"{name}: no kernel in this trace")
        inside, whole = busy(spans)
        print(json.dumps({"trace": pathlib.Path(name).stem, "kernels": len(spans), "busy_ms": round(inside / 1e3, 2),
                          "whole_ms": round(whole / 1e3, 2), "share": round(inside / whole, 3)}))


if __name__ == "__main__":
    main()
