"""Looks at a machine's sensors beside the samples: temperature, clock, power, and what slows it down."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from secateur.deploy.facts import Sensors, sensors
from secateur.deploy.scripts import SENSORS


class Watch:
    """Looks, each beside the number of samples until then.

    look: what the sensors say now.

    >>> watch = Watch(lambda: Sensors(celsius=50.0))
    >>> watch(3)
    >>> [(count, look.celsius) for count, look in watch.looks]
    [(3, 50.0)]
    """

    def __init__(self, look: Callable[[], Sensors]) -> None:
        self._look = look
        self.looks: list[tuple[int, Sensors]] = []

    def __call__(self, samples: int) -> None:
        self.looks.append((samples, self._look()))

    def take(self) -> list[tuple[int, Sensors]]:
        """The looks until now; the next ones are another list's."""
        taken, self.looks = self.looks, []
        return taken


def sensors_here() -> Sensors:
    """What this machine's sensors say, by the script that devices run; nothing where there is no shell."""
    shell = shutil.which("sh")
    if shell is None:
        return Sensors()
    done = subprocess.run([shell, "-c", f"R=\n{SENSORS}sensors"], capture_output=True, text=True, check=False)
    return sensors(done.stdout.splitlines())
