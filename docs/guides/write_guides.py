#!/usr/bin/env python3
"""Fills the guides from the transcript of practice.sh: write_guides.py FOLDER

Each @@command@@ in *.in.md becomes the block of the transcript whose command starts so; @@command#2@@ the second such block. Paths of the
run are written as /srv/practice, and its cheap keys are left out. A command that the run did not type is an error.
"""
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).parent


def blocks_of(transcript):
    return re.findall(r"```\n\$ (.*?)\n(.*?)```", transcript, re.S)


def tidy(text, run):
    worker = shutil.which("cloister-worker")
    if worker:
        text = text.replace(str(pathlib.Path(worker).parent), "/usr/bin")
    return text.replace(str(run), "/srv/practice")


def quoted(command):
    """The shell took the quotation marks off what had spaces."""
    command = command.replace(" --fast-keys-for-tests-only", "")
    return re.sub(r"--(reason|fingerprint) (.*?)(?= --|$)", r'--\1 "\2"', command)


def filled(page, blocks, run):
    def block(match):
        start, _, number = match.group(1).partition("#")
        hits = [b for b in blocks if b[0].startswith(start)]
        if len(hits) < int(number or 1):
            sys.exit(f"The run did not type '{match.group(1)}'.")
        command, output = hits[int(number or 1) - 1]
        return "```\n$ " + tidy(quoted(command), run) + "\n" + tidy(output.rstrip("\n"), run) + "\n```"

    return re.sub(r"@@(.*?)@@", block, page)


def main():
    run = pathlib.Path(sys.argv[1]).resolve()
    blocks = blocks_of((run / "transcript.md").read_text())
    for name in ("site-admin-guide", "study-owner-guide"):
        page = filled((HERE / f"{name}.in.md").read_text(), blocks, run)
        (HERE.parent / f"{name}.md").write_text(page)


if __name__ == "__main__":
    main()
