"""`Limits`: what a model may take before it is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from secateur import _core
from secateur.errors import InvalidArgumentError

NONE = _core.NO_LIMITS[0]


@dataclass(frozen=True)
class Limits:
    """What a model may take. Beyond it the file is refused when it is opened, before any of it is taken.

    A model file may come from anyone, and one of a kilobyte can ask for gigabytes or hours. None stands for
    the default, ``math.inf`` for no limit. Whatever they are, a model also has to fit into the memory that
    this process may use: the machine's, or its control group's.

    Parameters
    ----------
    memory
        Bytes of the model and one session: weights as packed, plans, activations, scratch. By default 1 GiB
        and 16 times the file's bytes.
    work
        Multiply-adds, or floats moved, of one inference. By default 1e13.
    tensors, operators
        How many the file has. By default 100,000.

    Raises
    ------
    InvalidArgumentError
        A limit is no number, or below 1.

    Examples
    --------
    >>> Limits(memory=256e6)
    Limits(memory=256000000.0, work=None, tensors=None, operators=None)
    >>> Limits.trusted()
    Limits(memory=inf, work=inf, tensors=inf, operators=inf)
    """

    memory: float | None = None
    work: float | None = None
    tensors: float | None = None
    operators: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 1:
                raise InvalidArgumentError(
                    f"the limit of {field.name} is a number from 1 on, math.inf for none, or None for the "
                    f"default, not {value!r}"
                )

    @classmethod
    def trusted(cls) -> Limits:
        """No limits: for a file of your own."""
        return cls(math.inf, math.inf, math.inf, math.inf)

    def numbers(self) -> tuple[int, int, int, int]:
        """As the runtime takes them."""
        return (
            _number(self.memory),
            _number(self.work),
            _number(self.tensors),
            _number(self.operators),
        )


def _number(limit: float | None) -> int:
    if limit is None:
        return 0
    return NONE if limit >= NONE else int(limit)
