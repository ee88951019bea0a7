"""Says what the demo is doing: a moving bar on a terminal, one line per finished step anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from secateur.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class Step:
    """A step under way: `step(done, total)` moves its bar, `note` is added to its closing line."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self.note = ""

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)

    def says(self, text: str) -> None:
        """Changes what stands beside the bar."""
        self._bar.update(self._task, description=printable(text))


class Steps:
    """Numbers nothing, times everything."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Runs a step; when it ends well, prints `text`, its note and its time."""
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.text import Text

        start = time.perf_counter()
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with bar:
            step = Step(bar, bar.add_task(text, total=None))
            yield step
        took = time.perf_counter() - start
        self.seconds[text] = took
        note = f": {step.note}" if step.note else ""
        line = Text.assemble(printable(f"{text}{note} "), (f"({took:.1f} s)", "dim"))
        self.console.print(line, highlight=False, soft_wrap=True)
