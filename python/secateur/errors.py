"""The errors that secateur raises. Each is a `SecateurError` and the built-in that fits, so that
``except ValueError`` and ``except sct.SecateurError`` both work."""

from __future__ import annotations


class SecateurError(Exception):
    """The base of every error that secateur raises on purpose."""


class InvalidArgumentError(SecateurError, ValueError):
    """An argument has a value that cannot be used."""


class ShapeError(SecateurError, ValueError):
    """An array or tensor has the wrong shape, or a shape that is not fixed."""


class DTypeError(SecateurError, TypeError):
    """An array has the wrong dtype, or memory that is not laid out as asked."""


class ModelNotFoundError(SecateurError, FileNotFoundError):
    """No file stands at the path of the model."""


class ModelFileError(SecateurError, ValueError):
    """A model file is truncated, damaged, foreign, too new for this version, or beyond the limits."""


class UnsupportedOperatorError(SecateurError, NotImplementedError):
    """The network uses operators that the compiler does not take; every one is named."""


class WeightError(SecateurError, ValueError):
    """A layer's weights cannot be compiled: NaN, infinite, or all zero."""


class MismatchError(SecateurError, ArithmeticError):
    """The compiled model does not compute what its source does."""


class PruningError(SecateurError, ValueError):
    """A recipe, layer or schedule that cannot be pruned as asked."""


class SaveError(SecateurError, OSError):
    """A file could not be written; what stood at the path before is untouched."""


class RuntimeUnavailableError(SecateurError, RuntimeError):
    """This machine lacks what was asked for: an instruction set, threads, memory."""


class DeviceError(SecateurError, OSError):
    """A device could not be reached, or could not do what it was asked to."""


class MachineProfileWarning(UserWarning):
    """A machine profile that is there cannot be used; the shipped table decides instead."""
