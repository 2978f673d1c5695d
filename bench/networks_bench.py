#!/usr/bin/python3
"""The training steps of networks_bench.cpp in Debian's Python PyTorch, and the ratio of the two.

    bench/networks_bench.py build/bench/bin/networks_bench [THREADS [STEPS [ROUNDS]]]

Both run by turns, ROUNDS times, in the same minutes and on the same threads; the best median of each
is compared, by the wall clock and by processor time (with one thread the latter is steady on a busy
machine). Python runs each network twice: as PyTorch does by default, and channels-last.
"""
import json
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = [8, 16, 32, 64, 128]
GRID = [128, 64, 32, 16, 8]
SIDE, BATCH, WARMUP = 192, 4, 3


def block(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(True),
                         nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(True))


def twice(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Autoencoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down = nn.ModuleList([block(channels if i == 0 else CHANNELS[i - 1], CHANNELS[i])
                                   for i in range(5)])
        self.up = nn.ModuleList([block(CHANNELS[i], CHANNELS[i - 1]) for i in (4, 3, 2, 1)])
        self.output = nn.Conv2d(8, channels, 1)

    def forward(self, x):
        for i, level in enumerate(self.down):
            x = level(F.max_pool2d(x, 2) if i else x)
        for level in self.up:
            x = level(twice(x))
        return self.output(x)


class Pyramid(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.parts = nn.ModuleList([nn.Sequential(nn.Conv2d(c, c // 4, 1, bias=False),
                                                  nn.BatchNorm2d(c // 4), nn.ReLU(True))
                                    for _ in range(4)])
        self.join = nn.Sequential(nn.Conv2d(2 * c, c, 1, bias=False), nn.BatchNorm2d(c),
                                  nn.ReLU(True))

    def forward(self, x):
        parts = [F.interpolate(p(F.adaptive_avg_pool2d(x, 2 * i + 1)), size=x.shape[2:],
                               mode="bilinear", align_corners=False)
                 for i, p in enumerate(self.parts)]
        return self.join(torch.cat([x] + parts, 1))


class Segmentation(nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.first, self.last = Pyramid(128), Pyramid(128)
        self.up = nn.ModuleList([block(GRID[i], GRID[i + 1]) for i in range(levels)])
        self.down = nn.ModuleList([block(GRID[i + 1], GRID[i]) for i in range(levels)])
        self.output = nn.Conv2d(128, 128, 1)

    def forward(self, x):
        x = self.first(x)
        skips = []
        for level in self.up:
            skips.append(x)
            x = level(twice(x))
        for level in reversed(self.down):
            x = level(F.max_pool2d(x, 2)) + skips.pop()
        return self.output(self.last(x))


def mask_loss(outputs, target):
    p = outputs.softmax(1)
    dice = (2 * (p * target).sum((0, 2, 3)) + 1) / (p.sum((0, 2, 3)) + target.sum((0, 2, 3)) + 1)
    return F.cross_entropy(outputs, target.argmax(1)) + 1 - dice[1:].mean()


def step_ms(net, inputs, targets, loss, steps, layout):
    net = net.to(memory_format=layout)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-4)
    average = [v.detach().clone() for v in net.state_dict().values()]
    wall, cpu = [], []
    for step in range(WARMUP + steps):
        start, used = time.perf_counter(), time.process_time()
        chosen = torch.randint(len(inputs), (BATCH,))
        x = inputs[chosen].contiguous(memory_format=layout)
        y = x if targets is inputs else targets[chosen].contiguous(memory_format=layout)
        optimiser.zero_grad()
        loss(net(x), y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            for a, v in zip(average, net.state_dict().values()):
                if v.dtype.is_floating_point:
                    a.lerp_(v, 0.005)
        wall.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    return [sorted(times[WARMUP:])[steps // 2] for times in (wall, cpu)]


def python_times(steps):
    images = torch.randn(16, 1, SIDE, SIDE)
    masks = F.one_hot(torch.randint(4, (16, SIDE, SIDE)), 4).permute(0, 3, 1, 2).float()
    a, b = torch.randn(2, 16, 128, SIDE // 16, SIDE // 16)
    times = {}
    for suffix, layout in (("", torch.contiguous_format), (" channels-last", torch.channels_last)):
        for name, net, x, y, loss in (
                ("image-encoder", Autoencoder(1), images, images, F.mse_loss),
                ("mask-encoder", Autoencoder(4), masks, masks, mask_loss),
                ("segmentation-2", Segmentation(2), a, b, F.mse_loss),
                ("segmentation-4", Segmentation(4), a, b, F.mse_loss)):
            times[name + suffix] = step_ms(net, x, y, loss, steps, layout)
    return times


def main():
    program = sys.argv[1]
    threads, steps, rounds = [int(a) for a in (sys.argv[2:] + ["2", "25", "3"][len(sys.argv) - 2:])]
    torch.set_num_threads(threads)
    ours, theirs = {}, {}

    def keep(best, name, times):
        best[name] = [min(pair) for pair in zip(best.get(name, times), times)]

    for _ in range(rounds):
        out = subprocess.run([program, str(threads), str(steps)], check=True, capture_output=True)
        for line in out.stdout.decode().splitlines():
            entry = json.loads(line)
            keep(ours, entry["network"], [entry["ms"], entry["cpu_ms"]])
        for name, times in python_times(steps).items():
            keep(theirs, name, times)
    print(f"A step of {BATCH} slices of {SIDE} x {SIDE}, {threads} thread(s); ms by the wall clock "
          "(ms of processor time); ratios likewise.\n")
    print("| network | C++ | Python | ratio | Python channels-last | ratio |")
    print("|---|---|---|---|---|---|")
    for name, (wall, cpu) in ours.items():
        if name not in theirs:  # the product's own; timed for figures of GPUs
            continue
        row = f"| {name} | {wall:.1f} ({cpu:.1f}) "
        for other in (theirs[name], theirs[name + " channels-last"]):
            row += f"| {other[0]:.1f} ({other[1]:.1f}) | {wall / other[0]:.2f} ({cpu / other[1]:.2f}) "
        print(row + "|")


if __name__ == "__main__":
    main()
