"""secateur: prune PyTorch networks, compile them, and run them sparse and fast on CPUs.

`import secateur` and a `Session` need NumPy only; what needs more is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from secateur.distribution import install as _install

if TYPE_CHECKING:
    from secateur import errors as errors
    from secateur import prune as prune
    from secateur import quantize as quantize
    from secateur.compiler import compile as compile
    from secateur.errors import SecateurError as SecateurError
    from secateur.runtime import Session as Session

__all__ = ["SecateurError", "Session", "__version__", "compile", "errors", "prune", "quantize"]

# name -> (module, attribute; None for the module itself)
_LAZY: dict[str, tuple[str, str | None]] = {
    "SecateurError": ("secateur.errors", "SecateurError"),
    "Session": ("secateur.runtime", "Session"),
    "__version__": ("secateur._core", "__version__"),
    "compile": ("secateur.compiler", "compile"),
    "errors": ("secateur.errors", None),
    "prune": ("secateur.prune", None),
    "quantize": ("secateur.quantize", None),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'secateur' has no attribute {name!r}")
    module_name, attribute = _LAZY[name]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"secateur.{name} needs torch, which running a model does not: {_install('torch')}",
            name="torch",
        ) from None
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
