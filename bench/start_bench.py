#!/usr/bin/env python3
"""How fast the programs start, and what the daemons use when idle: start_bench.py FOLDER-OF-PROGRAMS

Processor time is what this process and its children used until they were ready; wall clock says how busy the machine was.
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

programs = os.path.abspath(sys.argv[1])


def program(name):
    return os.path.join(programs, name)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_times(command, times):
    wall, cpu = [], []
    for _ in range(times):
        before, since = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - since)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(wall) * 1000, min(wall) * 1000, statistics.median(cpu) * 1000


def used_ms(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def daemon(folder, name, config, ready):
    """Starts it, waits for the word in its log, and says how long that took."""
    log = open(os.path.join(folder, name + ".log"), "w+")
    since = time.perf_counter()
    child = subprocess.Popen([program(name), "--config", config], stderr=log)
    while ready not in open(log.name).read():
        if child.poll() is not None:
            sys.exit(f"{name} ended: {open(log.name).read()}")
        time.sleep(0.002)
    print(f"{name:<22} ready after {(time.perf_counter() - since) * 1000:7.1f} ms, {used_ms(child.pid):6.1f} ms of processor")
    return child


for command in (["cloister", "--help"], ["cloister", "audit", "--help"], ["cloister-verify", "--help"]):
    median, least, cpu = start_times([program(command[0]), *command[1:]], 20)
    print(f"{' '.join(command):<22} median {median:7.1f} ms, best {least:6.1f} ms, {cpu:6.1f} ms of processor")
median, least, cpu = start_times([program("cloister-worker"), "--self-check"], 3)
print(f"{'cloister-worker':<22} median {median:7.1f} ms, best {least:6.1f} ms, {cpu:6.1f} ms of processor (loads LibTorch and ITK)")

with tempfile.TemporaryDirectory() as folder:
    words = os.path.join(folder, "words")
    with open(os.open(words, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write("words for a benchmark\n")
    home = os.path.join(folder, "heart")
    agent = os.path.join(folder, "agent")
    token = os.path.join(folder, "token")
    as_root = ["--home", os.path.join(home, "root"), "--passphrase-file", words]
    run(program("cloister"), "consortium", "init", home, "--name", "heart", "--members", "127.0.0.1:17010", "--enrolment",
        "127.0.0.1:17011", "--passphrase-file", words)
    children = [daemon(folder, "cloister-coordinator", os.path.join(home, "coordinator/coordinator.toml"), "serving")]
    run(program("cloister"), "consortium", "invite", "site-a", "--token-file", token, *as_root)
    joining = subprocess.Popen([program("cloister"), "site", "enrol", "@" + token, "--home", agent, "--data", folder],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while subprocess.run([program("cloister"), "consortium", "approve", "site-a-agent", "--yes", *as_root],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        time.sleep(0.2)
    joining.wait()
    children.append(daemon(folder, "cloister-trainer", os.path.join(home, "trainer/trainer.toml"), "line.open"))
    children.append(daemon(folder, "cloister-agent", os.path.join(agent, "agent.toml"), "line.open"))
    time.sleep(20)
    for child, name in zip(children, ("cloister-coordinator", "cloister-trainer", "cloister-agent")):
        print(f"{name:<22} idle: {resident_mb(child.pid):5.1f} MB resident")
        child.terminate()
    for child in children:
        child.wait()
