"""`Session`: arrays in, arrays out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Union, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.errors import (
    DTypeError,
    InvalidArgumentError,
    MachineProfileWarning,
    RuntimeUnavailableError,
)
from secateur.runtime.limits import Limits

Array = NDArray[np.float32]


@runtime_checkable
class Encoded(Protocol):
    """What has a model file's bytes, such as a compiled `Program`; an int has `to_bytes` but no `save`."""

    def to_bytes(self) -> bytes: ...
    def save(self, path: str | os.PathLike[str]) -> None: ...


Source = Union[str, "os.PathLike[str]", bytes, Encoded]


class Session:
    """A model opened to run on this machine.

    Opening verifies the file, packs its weights for the chosen instruction set and allocates all memory;
    `run` allocates the arrays it returns and nothing else. Several Python threads may share a session:
    their calls take turns. To run inferences at the same time, give each thread a session.

    Parameters
    ----------
    source
        Path of a model file, the bytes of one, or a compiled ``Program``.
    threads
        CPU threads that share each operator's work. 0: one on each CPU that this process may use, of unlike
        ones (big.LITTLE) on each of the fast ones; more than all would only be slower, and are as many.
    isa
        Instruction set whose kernels may run: "scalar"; "neon", "neonfp16", "neondot", "neoni8mm";
        "avx2", "avxvnni", "avx512", "avx512vnni". By default the environment variable
        ``SECATEUR_ISA``, else the best this CPU runs.
    limits
        What the model may take (`Limits`). By default limits that suit a file from anyone; a compiled
        ``Program``, which is this process's own, has none.
    profile
        The machine profile by which layers are planned (`secateur tune` writes it): its path, or "none" for
        the table that the library brings. By default the environment variable ``SECATEUR_PROFILE``, else this
        user's profile of this machine where there is one. One that cannot be used is a
        `MachineProfileWarning`, and the library's table decides.

    cpus
        The CPUs that the session's own threads run on, as "0,2-3" or numbers: `threads` are at most as many,
        and 0 is one on each. The thread that calls `run` works too and is not moved (``os.sched_setaffinity``
        does that). Linux and Android alone.

    Raises
    ------
    ModelNotFoundError
        No file stands at the path.
    ModelFileError
        The file is unreadable, truncated, damaged, foreign, too new, or beyond the limits.
    RuntimeUnavailableError
        The machine lacks the instruction set, the threads, or the memory.
    InvalidArgumentError, DTypeError
        `threads` is below 0, this process may not use one of `cpus`, or `limits` no `Limits`; `source` is
        none of the above.

    Examples
    --------
    >>> import numpy as np
    >>> from secateur.runtime import Session
    >>> from secateur.runtime.examples import relu_model
    >>> with Session(relu_model((1, 2, 1, 3))) as session:
    ...     x = np.array([[[[-1, 0, 1]], [[2, -2, 3]]]], dtype=np.float32)
    ...     session.run(x).ravel().tolist()
    [0.0, 0.0, 1.0, 2.0, 0.0, 3.0]
    """

    def __init__(
        self,
        source: Source,
        threads: int = 1,
        isa: str | None = None,
        *,
        limits: Limits | None = None,
        profile: str | os.PathLike[str] | None = None,
        cpus: str | Sequence[int] | None = None,
    ) -> None:
        if isinstance(source, (bytes, bytearray, memoryview)):
            opened: str | bytes = bytes(source)
        elif isinstance(source, (str, os.PathLike)):
            opened = os.fsdecode(source)
        elif isinstance(source, Encoded):
            opened = source.to_bytes()
            limits = Limits.trusted() if limits is None else limits
        else:
            kind = type(source).__name__
            raise DTypeError(
                f"a session is made from a path, a model's bytes or a compiled program, not {kind}"
            )
        if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
            raise InvalidArgumentError(f"threads must be an integer, not {threads!r}")
        self._threads = int(threads)
        if not -(2**31) <= self._threads < 2**31:
            raise InvalidArgumentError(f"threads is {threads}, out of range")
        there = cpus if isinstance(cpus, str) else ",".join(str(int(cpu)) for cpu in _numbers(cpus))
        if cpus is not None and not there:
            raise InvalidArgumentError("cpus names no CPU: leave it out for any")
        self._threads = _core.threads_on(self._threads, there)
        limits = Limits() if limits is None else limits
        if not isinstance(limits, Limits):
            raise InvalidArgumentError(f"limits is a secateur.runtime.Limits, not {limits!r}")
        try:
            self._model = _core.Model(
                opened,
                isa=isa,
                threads=self._threads,
                limits=limits.numbers(),
                profile="" if profile is None else os.fsdecode(profile),
            )
            self._session: _core.Session | None = _core.Session(self._model, self._threads, there)
            self._threads = self._session.threads
        except MemoryError:
            raise RuntimeUnavailableError("there is no memory left for the model") from None
        if self._model.warning:
            warnings.warn(self._model.warning, MachineProfileWarning, stacklevel=2)

    def run(self, *inputs: Array | Sequence[Array], out: Array | Sequence[Array] | None = None) -> Any:
        """One inference.

        Parameters
        ----------
        *inputs
            One C-contiguous float32 array per input of the model, in order, each of exactly the shape in
            `inputs`; or one list or tuple of them.
        out
            The array that the output is written to, or one for each of several, as inputs are; what is
            returned then. Nothing is allocated. By default new ones.

        Returns
        -------
        numpy.ndarray or tuple of numpy.ndarray
            A float32 array; a tuple of them where the model has several outputs.

        Raises
        ------
        ShapeError
            An array's shape, or the number of arrays, is not the model's.
        DTypeError
            An array is not float32, not C-contiguous, or no array.
        InvalidArgumentError
            An array of `out` is read-only.

        Examples
        --------
        >>> import numpy as np
        >>> from secateur.runtime import Session
        >>> from secateur.runtime.examples import relu_model
        >>> session = Session(relu_model((1, 1, 1, 2)))
        >>> session.run(np.zeros((1, 1, 1, 5), np.float32))
        Traceback (most recent call last):
        secateur.errors.ShapeError: input 0 'x' has shape (1, 1, 1, 5), expected (1, 1, 1, 2)
        """
        arrays = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else inputs
        given = [out] if isinstance(out, np.ndarray) else out
        outputs = self._open().run(cast("Sequence[Array]", arrays), given)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def reset(self) -> None:
        """What the model keeps from one run to the next is as before the first run again.

        Does nothing where the model keeps nothing.
        """
        self._open().reset()

    def profile(self, runs: int = 10) -> list[dict[str, Any]]:
        """Time of each operator, in execution order, over `runs` inferences on noise.

        Returns
        -------
        list of dict
            name, op, kernel; median_ns and min_ns of one execution; macs: multiply-adds executed.

        Examples
        --------
        >>> from secateur.runtime import Session
        >>> from secateur.runtime.examples import relu_model
        >>> [row["name"] for row in Session(relu_model((1, 4, 8, 8))).profile(runs=3)]
        ['relu']
        """
        return self._open().profile(runs)

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """name, shape (tuple) and dtype ("float32") of each input.

        >>> from secateur.runtime.examples import relu_model
        >>> Session(relu_model((1, 2, 1, 3))).inputs
        [{'name': 'x', 'shape': (1, 2, 1, 3), 'dtype': 'float32'}]
        """
        return self._model.inputs

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """name, shape (tuple) and dtype ("float32") of each output."""
        return self._model.outputs

    @property
    def layers(self) -> list[dict[str, Any]]:
        """Each operator, in execution order.

        name, op, kernel, dtype (that it computes with: "f32", "i8"), weight_bits (of a stored weight: 32, 16
        or 8; 0 without one), format, block, input_shape and output_shape (batch, channels, height, width),
        rows, cols, nnz, sparsity (of the weight matrix), macs, stored_bytes, packed_bytes, reason, source;
        measured_ns and planned_ns: where the machine profile decided the plan, the time of one execution
        there, and that of the plan which the constants choose; else 0.
        """
        return self._model.layers

    @property
    def metadata(self) -> dict[str, str | float | list[str] | list[float]]:
        """What was said of the model when it was compiled (`secateur.compile`'s ``metadata``): texts, numbers
        and lists of them by key.

        It comes from the file, as names do: `secateur.text.printable` makes it fit for a terminal.

        >>> from secateur.runtime.examples import relu_model
        >>> Session(relu_model((1, 2, 1, 3))).metadata
        {}
        """
        return self._model.metadata

    @property
    def memory(self) -> dict[str, int]:
        """Bytes: arena (activations), scratch, packed (weights), state (kept between runs)."""
        return self._open().memory

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def isa(self) -> str:
        """The instruction set that was chosen."""
        return self._model.isa

    @property
    def machine(self) -> dict[str, str]:
        """Which numbers planned the layers.

        family ("x86-avx512"), profile (path of the machine profile, "" for the library's own table), warning
        (why one that is there is not used, or "").
        """
        model = self._model
        return {"family": model.machine, "profile": model.profile, "warning": model.warning}

    @property
    def threads(self) -> int:
        """Threads that share the work."""
        return self._threads

    def close(self) -> None:
        """Gives memory and threads back. Running afterwards raises; closing again does nothing."""
        self._session = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "" if self._session is not None else ", closed"
        return f"Session({self.name!r}, threads={self._threads}, isa={self.isa!r}{state})"

    def _open(self) -> _core.Session:
        if self._session is None:
            raise InvalidArgumentError("the session is closed")
        return self._session


def _numbers(cpus: Sequence[int] | None) -> Sequence[int]:
    return () if cpus is None else cpus
