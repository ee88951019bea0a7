"""One file per family of ATen operators; importing this package fills the registry."""

from secateur.frontend.handlers import (
    activation,
    attention,
    conv,
    elementwise,
    linear,
    norm,
    pool,
    select,
    shape,
)

__all__ = ["activation", "attention", "conv", "elementwise", "linear", "norm", "pool", "select", "shape"]
