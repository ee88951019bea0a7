"""Accuracy of pruned networks after training: `python benchmarks/pruning TASK... --data DIR`.

    python benchmarks/pruning digits_cnn letters --data DIR [--seeds 3] [--only 'element*']
    python benchmarks/pruning --document     # writes docs/lab/pruning.md from the records

Every finished run (task, configuration, seed) is a record in benchmarks/results/pruning.json; those that are
there are not run again, and one that was interrupted goes on at its last epoch, so the tables may grow over
days. Several programs may run at once on different tasks. DIR holds the data packs that `data.py` and
`tasks.py` name; --work keeps the networks.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from pruning import document, records
from pruning.configurations import CONFIGURATIONS
from pruning.rivals import RivalError
from pruning.tasks import TASKS
from pruning.training import run


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--data", type=Path, help="folder of the data packs")
    parser.add_argument("--work", type=Path, default=Path("build/pruning"), help="where networks are kept")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--only", default="*", help="configurations, as globs with commas between")
    parser.add_argument("--records", type=Path, default=records.FILE)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--document", action="store_true", help="write the page and end")
    options = parser.parse_args()
    if options.document:
        print(document.write(records.read(options.records)))
        return 0
    unknown = [name for name in options.tasks if name not in TASKS]
    if unknown or not options.tasks or options.data is None:
        parser.error(f"no task {unknown[0]!r}" if unknown else "name tasks, and their data by --data")
    torch.set_num_threads(options.threads)
    globs = options.only.split(",")
    wanted = [name for name in CONFIGURATIONS if any(fnmatch.fnmatch(name, glob) for glob in globs)]
    data = {name: TASKS[name].read(options.data) for name in options.tasks}
    for seed in range(options.seeds):
        for task in options.tasks:
            for name in wanted:
                if (task, name, seed) in {records.key(r) for r in records.read(options.records)}:
                    continue
                began = time.strftime("%H:%M:%S")
                try:
                    found = run(TASKS[task], name, seed, data[task], options.data, options.work)
                except RivalError as error:
                    found = {"failure": str(error)}
                except Exception as error:  # one configuration that fails is said, and does not end the rest
                    print(f"{began} {task} {name} {seed}: {type(error).__name__}: {error}", flush=True)
                    continue
                records.add({"task": task, "configuration": name, "seed": seed, **found}, options.records)
                print(f"{began} {task} {name} {seed}: {found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
