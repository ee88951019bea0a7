"""Devices that are reached over the network or a cable: models are copied there, run there, told of here.

Nothing is installed on a device: one static program and the models lie in one folder, and `remove` takes
them away. All that is asked of it is a POSIX shell. `docs/deploy.md` is the guide.
"""

from __future__ import annotations

from secateur.deploy.device import Device, connect
from secateur.deploy.registry import Entry, add, find, listed, remove

__all__ = ["Device", "Entry", "add", "connect", "find", "listed", "remove"]
