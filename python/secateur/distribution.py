"""What pip calls this project. The index has another project under the name of the import."""

from __future__ import annotations

NAME = "secateur-nn"


def install(extra: str = "") -> str:
    """The command that installs this project, with the packages of an extra of pyproject.toml.

    >>> install("torch"), install()
    ("pip install 'secateur-nn[torch]'", 'pip install secateur-nn')
    """
    return f"pip install '{NAME}[{extra}]'" if extra else f"pip install {NAME}"
