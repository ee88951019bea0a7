#!/usr/bin/env python3
"""Counts the AArch64 instructions that one program executes inside its marked window.

    count.py SANDBOX cortex-a72 ./program --its arguments
    count.py --memory --json counts.json SANDBOX cortex-a72 python rivals.py model.tflite

SANDBOX is the folder that setup.sh made. `python` stands for the userland's own Python. The program
marks its window as mark.h says; --whole counts all of it. Options come before SANDBOX.

What comes out: executed instructions by kind and by function, and a lower bound on cycles for three
cores. Not a time.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from emulator import CPUS, EmulationError, Sandbox
from report import render, summarize


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sandbox", type=Path)
    parser.add_argument("cpu", choices=CPUS)
    parser.add_argument("--memory", action="store_true", help="also model a 32 KB L1D and a 1 MB L2")
    parser.add_argument("--whole", action="store_true", help="count the whole run, not a marked window")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not options.command:
        parser.error("name a program to run")
    try:
        sandbox = Sandbox(options.sandbox)
        command = options.command
        if command[0] == "python":
            command = [sandbox.python, *command[1:]]
        counts = sandbox.count(options.cpu, command, memory=options.memory, whole=options.whole)
        summary = summarize(counts)
    except (EmulationError, RuntimeError) as error:
        print(f"count.py: {error}", file=sys.stderr)
        return 1
    if counts.stdout.strip():
        print(counts.stdout.rstrip())
    print(render(summary))
    if options.json is not None:
        options.json.write_text(json.dumps(summary.to_json(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
